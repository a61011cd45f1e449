"""What this process has told, as an operator's tools read it: one JSON object a line."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from impler_pipelines import logs


class Lines:
    """The lines so far; ``of`` picks an event's, ``text`` is all of it as it would be written."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def of(self, *events: str) -> list[dict[str, Any]]:
        return [line for line in self.all() if line["event"] in events]

    def events(self) -> list[str]:
        return [line["event"] for line in self.all()]


@contextmanager
def listening() -> Iterator[Lines]:
    """Everything that our loggers tell in this process, from now to the end of the block."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonForm())
    ours = logging.getLogger(logs.ROOT)
    level = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.DEBUG)
    try:
        yield Lines(stream)
    finally:
        ours.removeHandler(handler)
        ours.setLevel(level)
