"""Which heading a column probably comes from. It compares names alone, never values."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from impler_pipelines.extraction.paths import split_path, starts_with
from impler_pipelines.model import Column, Heading


@dataclass(frozen=True)
class Suggestion:
    """Column ``key`` probably comes from the heading ``path``; ``score`` is from 0 to 1."""

    key: str
    path: str
    score: float


def suggest(
    columns: Sequence[Column], headings: Sequence[Heading], record_path: str | None
) -> list[Suggestion]:
    """At most one suggestion a column, in the columns' order.

    A heading is suggested where its last segment is the column's key (score 1), name (0.9) or one
    of its alternate keys (0.8), without regard to case, accents, punctuation and namespace
    prefix. Of several such headings one within the record wins over one around it, then the one
    in most records, then the shortest, then the first.
    """
    by_name: dict[str, Heading] = {}
    record = split_path(record_path or "")

    def rank(heading: Heading) -> tuple[bool, int, int]:
        path = split_path(heading.path)
        return not starts_with(path, record), -heading.count, len(path)

    for heading in sorted(headings, key=rank):
        for name in _names_of(heading):
            by_name.setdefault(name, heading)
    found = (_best(column, by_name) for column in columns)
    return [suggestion for suggestion in found if suggestion]


def _best(column: Column, by_name: dict[str, Heading]) -> Suggestion | None:
    tried = [(column.key, 1.0), (column.name, 0.9)]
    tried += [(alternate, 0.8) for alternate in column.alternate_keys]
    for name, score in tried:
        heading = by_name.get(_plain(name))
        if heading is not None:
            return Suggestion(column.key, heading.path, score)
    return None


def _names_of(heading: Heading) -> Iterable[str]:
    last = split_path(heading.path)[-1:]
    names = (_plain(segment.rpartition(":")[2]) for segment in last)
    return (name for name in names if name)


def _plain(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name).casefold()
    return re.sub(r"[\W_]", "", "".join(c for c in decomposed if not unicodedata.combining(c)))
