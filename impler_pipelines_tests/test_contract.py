"""What the README promises is there: make targets, the command line, requests, settings.

It reads the README as a person does, code block by code block, and runs none of it.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from impler_pipelines.control_api.app import create_app
from impler_pipelines.settings import Settings
from impler_pipelines_tests.command_lines import check_command

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CLI = ".venv/bin/impler-pipelines"
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_VARIABLE = re.compile(r"IMPLER_[A-Z_]+")


def statements() -> list[list[str]]:
    """The commands of the README's shell blocks as words, without comments."""
    found, pending = [], ""
    for language, body in _FENCED.findall(README):
        for line in body.replace("\\\n", " ").splitlines() if language == "sh" else ():
            pending += f"{line}\n"
            try:
                words = shlex.split(pending, comments=True)
            except ValueError:  # a quoted text goes on in the next line
                continue
            pending = ""
            found += [words] if words else []
    assert not pending
    return found


def spans() -> list[str]:
    """The README's inline code, one line each."""
    return [" ".join(span.split()) for span in _SPAN.findall(_FENCED.sub("", README))]


def commands(program: str) -> list[str]:
    """What the README tells to run with ``program``, without the program."""
    lines = [shlex.join(words) for words in statements()] + spans()
    return sorted({line[len(program) + 1 :] for line in lines if line.startswith(f"{program} ")})


def cli_commands() -> list[str]:
    """Command lines of our own program; prose also names ``import …`` without the program."""
    short = [span for span in spans() if span.startswith("import ")]
    return sorted({line for text in (*commands(CLI), *short) for line in _alternatives(text)})


def _alternatives(text: str) -> Iterator[str]:
    """``import pause|resume`` → ``import pause``, ``import resume``, on an import job's id."""
    before, bar, _ = text.partition("|")
    if not bar:
        yield text
        return
    head = before.rpartition(" ")[0]
    for word in text.removeprefix(head).split("|"):
        yield f"{head} {word.strip()} JOB_ID"


def requests_of_readme() -> list[tuple[str, str, str | None]]:
    """(method, path, body) of each curl."""
    found = []
    for words in statements():
        if words[0] != "curl":
            continue
        (url,) = [word for word in words if word.startswith("$API")]
        body = words[words.index("-d") + 1] if "-d" in words else None
        method = words[words.index("-X") + 1] if "-X" in words else "POST" if body else "GET"
        found.append((method, url.replace("$API", "/v1").partition("?")[0], body))
    return found


def configuration() -> dict[str, str]:
    """Variable → what its default's cell says, from the configuration table."""
    table: dict[str, str] = {}
    for line in README.splitlines():
        if not line.startswith("| `IMPLER_"):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        names = _VARIABLE.findall(cells[0])
        defaults = cells[1].split(", ") if len(names) > 1 else cells[1:2]
        table.update(zip(names, defaults, strict=True))
    return table


class TestCommands:
    @pytest.mark.parametrize("arguments", commands("make"))
    def test_make_has_the_target(self, arguments: str) -> None:
        makefile = (ROOT / "Makefile").read_text()
        target, *variables = arguments.split()
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
        for variable in variables:
            assert f"$({variable.partition('=')[0]})" in makefile

    @pytest.mark.parametrize("arguments", cli_commands())
    def test_the_command_line_takes_it(self, arguments: str) -> None:
        check_command(["impler-pipelines", *shlex.split(arguments.partition(" '>'")[0])])

    def test_other_programs_are_installed(self) -> None:
        programs = {words[0] for words in statements() if words[0].startswith(".venv/")}
        for program in programs:
            assert Path(sys.executable).with_name(Path(program).name).exists(), program

    def test_the_first_two_commands_are_the_demo_and_the_tests(self) -> None:
        assert statements()[:2] == [["make", "demo"], ["make", "test"]]


@pytest.fixture(scope="module")
def documented() -> dict[str, Any]:
    """The paths of OpenAPI; no request is made, so the store may be out of reach."""
    settings = Settings.load(database_url="postgresql://nobody@127.0.0.1:1/none")
    return dict(create_app(settings).openapi()["paths"])


class TestRequests:
    def test_there_are_some(self) -> None:
        assert len(requests_of_readme()) >= 5

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [pytest.param(*one, id=f"{one[0]} {one[1]}") for one in requests_of_readme()],
    )
    def test_the_control_api_has_the_route(
        self, documented: dict[str, Any], method: str, path: str, body: str | None
    ) -> None:
        pattern = re.sub(r"\$\w+|user-42", "[^/]+", path)
        routes = [route for route in documented if re.fullmatch(pattern, route)]
        assert any(method.lower() in documented[route] for route in routes), f"{method} {path}"
        if body is not None:
            assert json.loads(body)


class TestConfiguration:
    def test_every_setting_has_its_row_and_every_row_its_setting(self) -> None:
        fields = {f"IMPLER_{name.upper()}" for name in Settings.model_fields}
        assert set(configuration()) == fields

    @pytest.mark.parametrize(("variable", "told"), configuration().items())
    def test_the_default_is_the_one_told(self, variable: str, told: str) -> None:
        default = Settings.model_fields[variable.removeprefix("IMPLER_").lower()].default
        literal = re.fullmatch(r"`([^`$]+)`", told)
        if literal is None:  # told in words: made of other settings, or at the first start
            assert default == ""
        else:
            shown = int(default) if isinstance(default, bool) else default
            assert str(shown) == literal[1]

    def test_no_other_variable_is_named(self) -> None:
        named = set(_VARIABLE.findall(README))
        assert named == set(configuration())


def test_the_files_it_links_to_are_there() -> None:
    linked = re.findall(r"\]\((?!https?://)([^)#]+)", README)
    assert linked
    assert [path for path in linked if not (ROOT / path).exists()] == []
