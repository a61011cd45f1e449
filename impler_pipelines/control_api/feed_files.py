"""Feeds' bytes in files without names, and what is known of them. It fetches and parses nothing."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from impler_pipelines.extraction import FeedReading, normalise_path
from impler_pipelines.model import Heading
from impler_pipelines.sources import FetchResult

# What is remembered of the headings of one feed; others are read again.
_MOST_READINGS = 8
_MOST_CHARACTERS = 1_000_000


@dataclass(frozen=True)
class Known:
    """What a reading of a feed has shown; ``headings`` are without samples."""

    record_path: str
    headings: tuple[Heading, ...]


@dataclass(frozen=True)
class FeedFile:
    """One holder's hold of a feed's bytes. They are gone when every holder has closed its own.

    ``url`` is where they came from, fit to show; ``content_type`` is the answer's.
    """

    url: str
    content_type: str | None
    bytes: int
    _fd: int
    _known: dict[str | None, Known] = field(default_factory=dict)  # one for all holders

    def copy(self) -> FeedFile:
        """A hold of the same bytes for somebody else."""
        return replace(self, _fd=os.dup(self._fd))

    @contextmanager
    def opened(self, check: Callable[[], None]) -> Iterator[BinaryIO]:
        """The bytes from their start, whoever else reads them; ``check`` may raise at any read."""
        with io.BufferedReader(_View(self._fd, check)) as file:
            yield file

    def known(self, record_path: str | None) -> Known | None:
        """What a reading with this ``record_path``, None for the detected one, has shown."""
        return self._known.get(_normal(record_path))

    def learn(self, record_path: str | None, reading: FeedReading) -> Known:
        """Remember what a reading with this ``record_path`` has shown."""
        headings = tuple(replace(heading, samples=()) for heading in reading.headings)
        known = Known(reading.record_path, headings)
        characters = sum(len(heading.path) for heading in headings)
        if characters <= _MOST_CHARACTERS and len(self._known) < _MOST_READINGS:
            self._known[_normal(record_path)] = self._known[_normal(known.record_path)] = known
        return known

    def close(self) -> None:
        """Let go, once."""
        os.close(self._fd)


def feed_file(fetched_into: Callable[[BinaryIO], FetchResult]) -> FeedFile:
    """What ``fetched_into`` writes into the file that it is given, for the caller to close."""
    # A file without a name: nothing is left of it, however this process ends.
    with tempfile.TemporaryFile() as file:
        fetched = fetched_into(file)
        file.flush()
        return FeedFile(fetched.url, fetched.content_type, fetched.bytes, os.dup(file.fileno()))


def _normal(record_path: str | None) -> str | None:
    return normalise_path(record_path) if record_path and record_path.strip() else None


class _View(io.RawIOBase):
    """Reads an open file at a place of its own: those of descriptors are shared by copies."""

    def __init__(self, fd: int, check: Callable[[], None]) -> None:
        self._fd = fd
        self._check = check
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._check()
        piece = os.pread(self._fd, len(buffer), self._at)
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence)
        self._at = offset + (os.fstat(self._fd).st_size if start is None else start)
        return self._at

    def tell(self) -> int:
        return self._at
