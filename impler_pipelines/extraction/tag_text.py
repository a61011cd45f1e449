"""Reads one tag, or one text between tags, of well-formed XML. It looks at no more than that."""

from __future__ import annotations

import re
from collections.abc import Iterator

from impler_pipelines.extraction.values import BLANK

# A start tag or empty element from its "<" on; a ">" in an attribute's value does not end it.
START_TAG = re.compile(rb"<[^\"'<>]*(?:\"[^\"]*\"[^\"'<>]*|'[^']*'[^\"'<>]*)*>")
NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_REFERENCE = re.compile(r"&(?:#(?:x([0-9a-fA-F]+)|([0-9]+))|(amp|lt|gt|quot|apos));")
ATTRIBUTE = re.compile(
    rb"(?P<name>[^\s=/>\"']+)\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)')"
)
_SPACES = str.maketrans("\t\r\n", "   ")  # XML 1.0, 3.3.3


def attributes_in(tag: bytes) -> Iterator[tuple[str, str]]:
    """Name as written and value of each attribute, and of each namespace declaration."""
    for name, double, single in ATTRIBUTE.findall(tag):
        yield name.decode(), attribute_value((double or single).decode())


def attribute_value(written: str) -> str:
    """The value of an attribute as it is ``written`` between its quotation marks."""
    return decoded(written.translate(_SPACES)).strip(BLANK)


def declares_namespace(name: str) -> bool:
    """Whether an attribute's name makes it a namespace declaration."""
    return name == "xmlns" or name.startswith("xmlns:")


def decoded(text: str) -> str:
    """``text`` with its references replaced: of characters, and the five that XML knows."""
    return _REFERENCE.sub(_character, text) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    hexadecimal, decimal, name = found.groups()
    if name:
        return NAMED[name]
    return chr(int(hexadecimal, 16) if hexadecimal else int(decimal))
