"""What every kind of uploaded file gives: its records, one after the other, as headings' values.

It owns the face that ``reading`` and ``record_stream`` see, and reads nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from impler_pipelines.extraction.detection import Candidate
from impler_pipelines.extraction.values import Values


class UploadRecords(Protocol):
    """One uploaded file. ``warnings`` and ``columns`` are complete after a whole reading."""

    @property
    def format(self) -> str:
        """A short name of the kind of file: csv, tsv, xlsx, jsonl."""

    @property
    def record_path(self) -> str:
        """Where in the file the records are."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The headings that the file names before its records; none where there is no header."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was recovered on the way."""

    def candidates(self, count: int) -> tuple[Candidate, ...]:
        """What else the records could be, the chosen ones, of which there are ``count``, first."""

    def values(self) -> Iterator[Values]:
        """A new reading from the start: heading → value, a list where it repeats."""
