"""Turns one JSON object into headings and their values. It reads no file.

* What lies in objects inside of it has a path: ``address > city``.
* A list of texts, numbers and booleans is one value after the other; any other list is JSON text.
* Numbers stay as they are written; ``null``, ``{}`` and ``[]`` hold no value.
* What no text can hold (a lone surrogate, NUL) becomes U+FFFD.
"""

from __future__ import annotations

import json
from typing import Any

from impler_pipelines.extraction.limits import Limits
from impler_pipelines.extraction.paths import SEPARATOR
from impler_pipelines.extraction.values import Values

_REPLACEMENT = "\ufffd"


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


DECODER = json.JSONDecoder(parse_int=_Number, parse_float=_Number, parse_constant=_refuse_constant)


class JsonValueReader:
    """Reads the objects of one file; it counts the paths over all of them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._paths: set[str] = set()
        self.replaced = 0

    def read(self, record: dict[str, Any]) -> Values:
        """Heading → value, a list where there are several; absent without any."""
        values: Values = {}
        self._walk(record, "", 1, values)
        if not values.keys() <= self._paths:
            self._paths |= values.keys()
            if len(self._paths) > self._limits.max_headings:
                raise self._limits.exceeded("max_headings")
        return values

    def _walk(self, record: dict[str, Any], above: str, depth: int, values: Values) -> None:
        if depth > self._limits.max_depth:
            raise self._limits.exceeded("max_depth")
        for key, value in record.items():
            name = " ".join(self._clean(key).split()) or '""'
            path = f"{above}{SEPARATOR}{name}" if above else name
            if isinstance(value, dict):
                self._walk(value, path, depth + 1, values)
            elif isinstance(value, list) and not any(map(_is_structure, value)):
                for one in value:
                    self._put(path, one, values)
            else:
                self._put(path, value, values)

    def _put(self, path: str, value: Any, values: Values) -> None:
        if value is None:
            return
        text = self._clean(value if isinstance(value, str) else _written(value))
        before = values.get(path)
        if before is None:
            values[path] = text
        elif isinstance(before, list):
            before.append(text)
        else:
            values[path] = [before, text]

    def _clean(self, text: str) -> str:
        if text.isascii() and "\0" not in text:
            return str(text)
        clean = text.replace("\0", _REPLACEMENT)
        clean = clean.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        self.replaced += clean != text
        return clean


def _is_structure(value: Any) -> bool:
    return isinstance(value, dict | list)


def _written(value: Any) -> str:
    """``value`` as JSON, its numbers as they were."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        pairs = (f"{_written(key)}: {_written(one)}" for key, one in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
