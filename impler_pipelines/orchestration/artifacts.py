"""The files that a run's ops hand to each other, on any place that fsspec knows.

It moves bytes and deletes them; what they mean is the ops' business.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import BinaryIO, cast

import fsspec


class Artifacts:
    """Directories of artifacts, one for each Run, below a base path or fsspec URL."""

    def __init__(self, base_url: str) -> None:
        # What a directory held a moment ago is not kept in memory: others write there, too.
        self._fs, base = fsspec.core.url_to_fs(base_url, use_listings_cache=False)
        self._base = str(base).rstrip("/")

    def open(self, path: str, mode: str = "rb") -> BinaryIO:
        """Open ``<directory>/<name>`` for reading or writing bytes; makes the directory."""
        full = f"{self._base}/{path}"
        if "w" in mode:
            self._fs.makedirs(full.rpartition("/")[0], exist_ok=True)
        return cast("BinaryIO", self._fs.open(full, mode))

    def exists(self, path: str) -> bool:
        """Whether that file or directory is there."""
        return bool(self._fs.exists(f"{self._base}/{path}"))

    def names(self, directory: str) -> list[str]:
        """The files of a directory; none if it is gone."""
        full = f"{self._base}/{directory}"
        if not self._fs.exists(full):
            return []
        return [str(name).rpartition("/")[2] for name in self._fs.ls(full, detail=False)]

    def move(self, path: str, into: str) -> None:
        """Give a file another name; makes the directory."""
        self._fs.makedirs(f"{self._base}/{into}".rpartition("/")[0], exist_ok=True)
        self._fs.mv(f"{self._base}/{path}", f"{self._base}/{into}")

    def remove(self, directory: str) -> None:
        """Delete a directory with all that is in it; no error if it is gone."""
        full = f"{self._base}/{directory}"
        if self._fs.exists(full):
            self._fs.rm(full, recursive=True)

    def sweep(self, before: Callable[[str], dt.datetime | None]) -> int:
        """Delete the directories whose files were all written before the moment for their name;
        None spares one. Returns how many."""
        if not self._fs.exists(self._base):
            return 0
        removed = 0
        for directory in self._fs.ls(self._base, detail=False):
            limit = before(directory.rstrip("/").rpartition("/")[2])
            if limit is None:
                continue
            files: list[str] = self._fs.find(directory)
            # A directory that is still empty counts by its own age.
            written = [self._written(name) for name in files or [directory]]
            if max(written) < limit:
                self._fs.rm(directory, recursive=True)
                removed += 1
        return removed

    def _written(self, path: str) -> dt.datetime:
        moment: dt.datetime = self._fs.modified(path)
        return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
