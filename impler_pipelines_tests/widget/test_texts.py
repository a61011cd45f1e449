"""The widget's texts: no key without its text, no text without its key, in any language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import impler_pipelines

WIDGET = Path(impler_pipelines.__file__).parent / "widget"
# What the server writes in English, and other languages have texts for.
OF_THE_SERVER = ("sentence.", "reason.")
PLURAL = re.compile(r"_(zero|one|two|few|many|other)$")


def texts(language: str) -> dict[str, str]:
    source = (WIDGET / "texts" / f"{language}.js").read_text()
    return dict(re.findall(r'^\s+"?([\w.]+)"?:\s*"(.*)",$', source, re.MULTILINE))


def places(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


@pytest.mark.parametrize("language", sorted({p.stem for p in WIDGET.glob("texts/??.js")} - {"en"}))
def test_languages_have_the_same_texts(language: str) -> None:
    english, other = texts("en"), texts(language)
    assert len(english) > 200
    own = {key for key in other if key.startswith(OF_THE_SERVER)}
    assert set(other) - own == set(english)
    for key in english:
        missing = places(english[key]) ^ places(other[key])
        assert missing <= ({"count"} if key.endswith("_one") else set()), key


def test_there_is_a_text_for_every_key() -> None:
    known = {PLURAL.sub("", key) for key in texts("en")}
    sources = [path.read_text() for path in WIDGET.rglob("*.js") if "vendor" not in path.parts]
    named = {key for source in sources for key in re.findall(r'\bt\(\s*"([\w.]+)"', source)}
    assert len(named) > 100
    assert [key for key in named - known if not key.startswith(OF_THE_SERVER)] == []


def test_there_is_a_key_for_every_text() -> None:
    """Keys stand whole in the sources, or begin a template: `step.${name}`."""
    sources = "".join(
        path.read_text() for path in WIDGET.rglob("*.js") if "texts" not in path.parts
    )
    whole = set(re.findall(r'"([a-z]\w*(?:\.\w+)+|\w+)"', sources))
    begun = tuple(set(re.findall(r"`([a-z]\w*\.(?:\w+\.)*)\$\{", sources)))
    known = {PLURAL.sub("", key) for key in texts("en")}
    dead = [key for key in known if key not in whole and not key.startswith(begun)]
    assert dead == []
