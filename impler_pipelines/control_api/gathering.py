"""Collects what several checks find wrong with one request, so that all of it is told at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from impler_pipelines.errors import FieldProblem, RequestInvalid, UrlRefused


class Gathered:
    """Problems so far. ``raise_any`` ends the gathering."""

    def __init__(self) -> None:
        self._problems: list[FieldProblem] = []

    @contextmanager
    def check(self, url_field: str = "url") -> Iterator[None]:
        """Run a check; keep what it raises as ``RequestInvalid`` or ``UrlRefused``."""
        try:
            yield
        except RequestInvalid as error:
            self._problems += error.problems
        except UrlRefused as error:
            self._problems.append(FieldProblem(url_field, str(error)))

    def add(self, field: str, message: str) -> None:
        """Keep one problem."""
        self._problems.append(FieldProblem(field, message))

    def raise_any(self) -> None:
        """Raise ``RequestInvalid`` with all that was kept, each once; nothing if there is none."""
        if self._problems:
            raise RequestInvalid(list(dict.fromkeys(self._problems)))
