"""Log lines: one for each event that an operator would look for, the same in every process.

It owns the form of a line, the ids that are bound to it and the moment it is spoken; it never
decides what deserves one. ``docs/operations.md`` lists the events.

* an event has a stable name (``run.ended``) and fields; None is left out
* what is noted in a transaction is spoken once that is committed, and forgotten with a rollback
* query strings and credentials of URLs are cut out of everything, foreign words included
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TextIO

Format = Literal["text", "json"]
Level = Literal["debug", "info", "warning", "error"]

ROOT = "impler_pipelines"
_LONGEST_TEXT = 1000
_URL = re.compile(
    r"""(\b[a-z][a-z0-9+.-]*://)([^\s/@"'<>]*@)?([^\s?"'<>]*)(\?[^\s"'<>)]*)?""", re.IGNORECASE
)
_QUERY = re.compile(r"\?[\w%.~\[\]-]+=[^\s\"'<>)]*")

_bound: ContextVar[Mapping[str, Any]] = ContextVar("bound", default=MappingProxyType({}))
_pending: ContextVar[list[logging.LogRecord] | None] = ContextVar("pending", default=None)
_handler: logging.StreamHandler[TextIO] | None = None
_events = logging.getLogger(f"{ROOT}.events")
logging.getLogger(ROOT).addHandler(logging.NullHandler())  # silent until it is configured


def configure(
    process: str,
    *,
    form: Format = "text",
    level: Level = "info",
    file: Path | None = None,
    libraries: bool = False,
) -> None:
    """Let this process speak, by the name ``process``, to ``file`` or to standard error.

    With ``libraries`` the warnings of everyone else take the same form. Again replaces what was
    configured before. Standard error is that of this moment: Dagster redirects it while ops run.
    """
    global _handler
    _Form.process = process
    if _handler is not None:
        for logger in (logging.getLogger(), logging.getLogger(ROOT)):
            logger.removeHandler(_handler)
        _handler.close()
    _handler = logging.StreamHandler(_opened(file))
    _handler.setFormatter(JsonForm() if form == "json" else TextForm())
    logging.getLogger(None if libraries else ROOT).addHandler(_handler)
    logging.getLogger(ROOT).setLevel(level.upper())
    # It tells whole URLs where a server's headers can't be parsed.
    logging.getLogger("urllib3").setLevel(logging.ERROR)


def this_is(process: str) -> None:
    """From now on this process speaks by another name: it has turned out to execute a run."""
    _Form.process = process


def note(event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Speak of an event with its fields and the bound ones; within ``after_commit``, later."""
    record = _record(event, level, fields)
    pending = _pending.get()
    if pending is None:
        _speak(record)
    else:
        pending.append(record)


@contextmanager
def after_commit() -> Iterator[None]:
    """What is noted inside is spoken at the end, and forgotten when an exception leaves."""
    pending: list[logging.LogRecord] = []
    before = _pending.get()
    _pending.set(pending)
    try:
        yield
    finally:
        _pending.set(before)
    for record in pending:
        _speak(record)


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Add these fields to every event that is noted inside."""
    before = bind(**fields)
    try:
        yield
    finally:
        _bound.set(before)


def bind(**fields: Any) -> Mapping[str, Any]:
    """As ``bound``, until ``rebind`` is called with what this returns."""
    before = _bound.get()
    _bound.set({**before, **fields})
    return before


def rebind(before: Mapping[str, Any]) -> None:
    """Undo a ``bind``."""
    _bound.set(before)


def bound_value(name: str) -> Any:
    """A bound field's value, or None."""
    return _bound.get().get(name)


class Outage:
    """Says once that something does not work, and once that it does again, with the seconds."""

    def __init__(self, begins: str, ends: str, *, level: int = logging.WARNING) -> None:
        self._begins, self._ends, self._level = begins, ends, level
        self._since: float | None = None
        self._lock = threading.Lock()

    def begun(self, reason: object) -> None:
        """It did not work just now."""
        with self._lock:
            known, self._since = self._since, self._since or time.monotonic()
        if known is None:
            fields = {"error": " ".join(str(reason).split())}
            _speak(_record(self._begins, self._level, fields))

    def over(self) -> None:
        """It worked just now."""
        if self._since is None:
            return
        with self._lock:
            since, self._since = self._since, None
        if since is not None:
            fields = {"seconds": time.monotonic() - since}
            _speak(_record(self._ends, logging.INFO, fields))


def without_secrets(words: str) -> str:
    """The text with every URL's credentials and query string cut out."""
    if "?" in words or "@" in words:
        words = _URL.sub(
            lambda url: url[1] + ("…@" if url[2] else "") + url[3] + ("?…" if url[4] else ""), words
        )
        words = _QUERY.sub("?…", words)
    return words


class _Form(logging.Formatter):
    """A record as the fields of one line: time, level, event, its own, bound ones, the process."""

    process = ROOT

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        moment = dt.datetime.fromtimestamp(record.created, dt.UTC)
        event = getattr(record, "event", None)
        own = getattr(record, "fields", None)
        if event is None or own is None:  # an ordinary line of ours or of a library
            event = "log"
            own = {"message": record.getMessage(), "logger": record.name, **_bound.get()}
        return {
            "time": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z",
            "level": record.levelname.lower(),
            "event": event,
            **{name: _plain(value) for name, value in own.items() if value is not None},
            "process": self.process,
            "pid": record.process,
        }

    def traceback(self, record: logging.LogRecord) -> str:
        return without_secrets(self.formatException(record.exc_info)) if record.exc_info else ""


class TextForm(_Form):
    """logfmt, ``key=value key="two words"``; a traceback follows on indented lines."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        line = " ".join(f"{name}={_quoted(v)}" for name, v in self.fields(record).items())
        return "\n    ".join([line, *self.traceback(record).splitlines()])


class JsonForm(_Form):
    """One JSON object a line; a traceback is its field ``traceback``."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        traceback = self.traceback(record)
        fields = self.fields(record) | ({"traceback": traceback} if traceback else {})
        line = json.dumps(fields, ensure_ascii=False)
        return line if line.isprintable() else json.dumps(fields)


def _record(event: str, level: int, fields: Mapping[str, Any]) -> logging.LogRecord:
    extra = {"event": event, "fields": {**_bound.get(), **fields}}
    return _events.makeRecord(_events.name, level, "", 0, event, (), None, extra=extra)


def _speak(record: logging.LogRecord) -> None:
    if _events.isEnabledFor(record.levelno):
        _events.handle(record)


def _plain(value: Any) -> Any:
    """A field's value as JSON has it, long texts cut."""
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    words = without_secrets(str(value))
    return words if len(words) <= _LONGEST_TEXT else f"{words[: _LONGEST_TEXT - 1]}…"


def _quoted(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    words = str(value)
    if not words.isprintable():  # also what would forge a line or move a terminal's cursor
        return json.dumps(words)
    if not words or any(mark in words for mark in ' "=\\'):
        return json.dumps(words, ensure_ascii=False)
    return words


def _opened(file: Path | None) -> TextIO:
    """A stream of our own that survives redirections; a line is written whole."""
    if file is not None:
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    else:
        descriptor = os.dup(2)
    return os.fdopen(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
