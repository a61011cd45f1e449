"""Markdown for Dagster's pages from values of any origin. It never lets a value be markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

_WIDEST_CELL = 160
_MARKUP = "\\`*_[]<>|~#"


def escaped(value: Any, *, widest: int | None = None) -> str:
    """One line of text that reads as it is: white space folded, markup escaped, None empty.

    With ``widest`` what is longer is cut off there, with ``…`` behind it.
    """
    text = "" if value is None else str(value)
    if widest is not None:
        text = text[: 4 * widest]  # before it is split: a value may have megabytes
    text = " ".join(text.split())
    if widest is not None and len(text) > widest:
        text = f"{text[:widest]}…"
    for character in _MARKUP:
        text = text.replace(character, f"\\{character}")
    return text


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table of short cells, which can't break out of it."""
    lines = [_line([_cell(name) for name in header]), _line(["---"] * len(header))]
    return "\n".join(lines + [_line([_cell(value) for value in row]) for row in rows])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: Any) -> str:
    return escaped(value, widest=_WIDEST_CELL)
