"""What ``docs/deployment.md`` tells to run names what there is."""

from __future__ import annotations

import re
import shlex
from itertools import takewhile

import pytest

from impler_pipelines_tests.command_lines import check_command
from impler_pipelines_tests.deploy.files import DEPLOY, ROOT, compose

DOCUMENT = (ROOT / "docs/deployment.md").read_text()
_MADE_BY_THE_READER = {"secret.yaml", ".env", "settings.env"}


def statements(program: str) -> list[list[str]]:
    """The commands of the document's shell blocks that start with that program, as words."""
    blocks = re.findall(r"(?ms)^```sh\n(.*?)^```", DOCUMENT)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [words for words in lines if words[: len(program.split())] == program.split()]


class TestCommands:
    def test_ours_are_taken(self) -> None:
        ours = [
            words[words.index("impler-pipelines") :]
            for program in ("docker compose", "kubectl")
            for words in statements(program)
            if "impler-pipelines" in words
        ]
        assert len(ours) == 3
        for words in ours:
            check_command(words)

    def test_services_are_there(self) -> None:
        named = {
            word.partition("=")[0]
            for words in statements("docker compose")
            for word in takewhile(lambda word: word != "impler-pipelines", words[3:])
            if word[0].isalpha()
        }
        assert "workers" in named
        assert named <= set(compose()["services"])

    @pytest.mark.parametrize("words", statements("kubectl apply"), ids=shlex.join)
    def test_manifests_are_there(self, words: list[str]) -> None:
        files = {words[place + 1] for place, word in enumerate(words) if word == "-f"}
        assert files
        for name in files - _MADE_BY_THE_READER:
            assert (DEPLOY / "kubernetes" / name).exists()

    def test_paths_are_there(self) -> None:
        named = set(re.findall(r"`(deploy/[\w./-]+)`", DOCUMENT))
        assert named
        for path in named:
            assert (ROOT / path).exists() or path.rpartition("/")[2] in _MADE_BY_THE_READER
