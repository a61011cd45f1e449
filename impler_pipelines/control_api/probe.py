"""Asking what may hang, without hanging with it. It knows neither the store nor Dagster."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")

_GIVEN_UP_AFTER_SECONDS = 10.0


class Probe(Generic[T]):
    """Calls ``ask`` in a thread of its own, one at a time, and shares the answer with all waiting.

    Requests' own threads stay out of it: all of them may be busy with slow feeds. A call that is
    not back within ten seconds is left to itself, and the next question starts another.
    """

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._asked: Future[T] | None = None
        self._asked_at = 0.0

    async def answer(self, *, within: float) -> T:
        """What ``ask`` returns or raises; ``TimeoutError`` after ``within`` seconds."""
        asked = asyncio.wrap_future(self._under_way())
        return await asyncio.wait_for(asyncio.shield(asked), within)

    def _under_way(self) -> Future[T]:
        with self._lock:
            now = time.monotonic()
            given_up = now - self._asked_at > _GIVEN_UP_AFTER_SECONDS
            if self._asked is None or self._asked.done() or given_up:
                self._asked, self._asked_at = Future(), now
                self._asked.set_running_or_notify_cancel()
                threading.Thread(
                    target=self._call, args=[self._asked], name="probe", daemon=True
                ).start()
            return self._asked

    def _call(self, asked: Future[T]) -> None:
        try:
            answer = self._ask()
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is awaited
            asked.set_exception(error)
        else:
            asked.set_result(answer)
