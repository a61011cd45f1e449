"""What every reader of uploaded files gives: records by the names of their columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from impler_pipelines.extraction.detection import Candidate
from impler_pipelines.extraction.values import Values


@dataclass
class Table:
    """One table of a file. ``records`` reads it from its start, again and again.

    ``columns`` are its header's names in order, empty where a format has none. ``warnings`` grow
    while it is read.
    """

    format: str
    record_path: str
    columns: tuple[str, ...]
    records: Callable[[], Iterator[Values]]
    candidates: tuple[Candidate, ...] = ()
    warnings: list[str] = field(default_factory=list)

    def warn(self, words: str) -> None:
        """Add a warning, once."""
        if words not in self.warnings:
            self.warnings.append(words)


def column_names(header: Sequence[str], warn: Callable[[str], None]) -> tuple[str, ...]:
    """The names in a header: white space is made one space, what has no name gets its number, and a
    name that comes again a number behind it, with a warning."""
    names: list[str] = []
    taken: set[str] = set()
    for number, cell in enumerate(header, start=1):
        name = " ".join(cell.replace("\ufeff", "").split()) or f"Column {number}"
        # What separates the parts of a path can't be part of a name.
        name = name.replace(" > ", " ").strip(">").strip() or f"Column {number}"
        unique, again = name, 1
        while unique in taken:
            again += 1
            unique = f"{name} ({again})"
        if again > 1:
            warn(f"The column name {name!r} comes more than once: the later one is {unique!r}.")
        taken.add(unique)
        names.append(unique)
    return tuple(names)
