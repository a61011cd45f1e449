"""The names of a table's columns, made from its first row. It never sees the rows below.

A name depends on those before it alone: a row that is wider than the header adds names and
changes none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from impler_pipelines.extraction.limits import Limits


class Header:
    """One table's columns. ``names`` differ from each other."""

    def __init__(self, cells: Sequence[str | None], limits: Limits) -> None:
        self.names: list[str] = []
        self._taken: set[str] = set()
        self._repeated: Counter[str] = Counter()
        self._limits = limits
        for cell in cells:
            self._add(" ".join((cell or "").split()))

    @property
    def warnings(self) -> tuple[str, ...]:
        """One for each name that more than one column has."""
        return tuple(
            f"{times + 1} columns are named {name!r}: the second is called {name + ' (2)'!r}"
            + (", and so on." if times > 1 else ".")
            for name, times in self._repeated.items()
        )

    def widen(self, width: int) -> None:
        """Name columns up to ``width`` that the header has no cell for."""
        while len(self.names) < width:
            self._add("")

    def _add(self, text: str) -> None:
        if len(self.names) >= self._limits.max_headings:
            raise self._limits.exceeded("max_headings")
        wanted = text or f"Column {len(self.names) + 1}"
        name, number = wanted, self._repeated[wanted] + 1
        while name in self._taken:
            number += 1
            name = f"{wanted} ({number})"
        if name == wanted:
            del self._repeated[wanted]
        else:
            self._repeated[wanted] += 1
        self._taken.add(name)
        self.names.append(name)
