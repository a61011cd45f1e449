"""Numbers every path below the records, and their attributes, as headings. It counts nothing."""

from __future__ import annotations

from impler_pipelines.extraction.paths import SEPARATOR
from impler_pipelines.extraction.unusual import Unusual
from impler_pipelines.extraction.wanted_paths import WantedPaths


class HeadingPaths:
    """``headings`` by number; ``around`` knows the way to the records."""

    def __init__(self, around: WantedPaths, record_path: str, most: int) -> None:
        self.around = around
        self.headings = [""] * around.record + [record_path]
        self._most = most + len(self.headings)
        self._depths = list(range(len(self.headings)))

    def child(self, number: int, name: str) -> int:
        """The number of elements called ``name`` inside those of ``number``."""
        if number < self.around.record:
            return self.around.child(number, name)
        return self._new(number, name)

    def attribute(self, number: int, name: str) -> int:
        """The number of the attribute ``name`` of elements of ``number``."""
        return self._new(number, f"@{name}")

    def _new(self, number: int, segment: str) -> int:
        if len(self.headings) >= self._most:
            raise Unusual("very many headings")
        self.headings.append(f"{self.headings[number]}{SEPARATOR}{segment}")
        return len(self.headings) - 1
