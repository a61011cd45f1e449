"""Tells whoever waits for a feed how far its reading has come, in JSON lines. It reads nothing.

Where nothing new is to be told, nothing is; the last line is the answer, or the error's body.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from fastapi import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from impler_pipelines.control_api.problems import answer_to
from impler_pipelines.sources.interruption import Interruption

T = TypeVar("T")
NDJSON = "application/x-ndjson"
ENDED_AS = "ended_as"  # in a request's state: the status of what a stream ended with, not as 200
_LEAST_SECONDS = 0.2  # from one event to the next
_REFUSED = re.compile(r"q=0(\.0*)?")


class Progress:
    """How far a feed has been fetched and read: ``event`` is the last there is to tell.

    Other threads tell it; ``interruption`` ends what they do.
    """

    def __init__(self) -> None:
        self.interruption = Interruption()
        self.fetched(0, None)

    def fetched(self, size: int, total: int | None) -> None:
        """So many bytes have come, of ``total`` if that is known."""
        self.event: dict[str, Any] = {"event": "fetching", "bytes": size, "totalBytes": total}

    def read(self, records: int) -> None:
        """All bytes have come, and so many records were read."""
        self.event = {"event": "reading", "records": records}


def asks_for_events(request: Request) -> bool:
    """Whether the request's ``Accept`` names JSON lines (RFC 9110, 12.5.1)."""
    for accepted in ",".join(request.headers.getlist("accept")).lower().split(","):
        media_type, *parameters = (part.strip() for part in accepted.split(";"))
        if media_type == NDJSON:
            return not any(_REFUSED.fullmatch(parameter) for parameter in parameters)
    return False


def apart(work: Callable[[], T]) -> Future[T]:
    """What comes of ``work``, done in a thread that the process's end does not wait for."""
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001  it is raised again by ``result``
            outcome.set_exception(error)

    threading.Thread(target=run, name="feed", daemon=True).start()
    return outcome


class Events(StreamingResponse):
    """The events of one reading, whose ``outcome`` is the answer's JSON.

    A client that hangs up interrupts it.
    """

    media_type = NDJSON

    def __init__(self, progress: Progress, outcome: Future[str]) -> None:
        self._progress, self._outcome = progress, outcome
        self._state: dict[str, Any] = {}
        # nginx would hold the lines back until there are some kilobytes of them.
        super().__init__(self._lines(), headers={"X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until there is an outcome or nobody listens."""
        self._state = scope.setdefault("state", {})
        try:
            await super().__call__(scope, receive, send)
        finally:
            if not self._outcome.done():
                # It may take a moment, which the event loop has for others.
                interrupt = self._progress.interruption.interrupt
                threading.Thread(target=interrupt, daemon=True).start()

    async def _lines(self) -> AsyncIterator[str]:
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def tell(_: Future[str]) -> None:
            with suppress(RuntimeError):  # the server has ended, and its loop with it
                loop.call_soon_threadsafe(done.set)

        self._outcome.add_done_callback(tell)
        told: dict[str, Any] = {}
        while not done.is_set():
            if self._progress.event != told:
                told = self._progress.event
                yield f"{json.dumps(told)}\n"
            with suppress(TimeoutError):
                async with asyncio.timeout(_LEAST_SECONDS):
                    await done.wait()
        yield self._last_line()

    def _last_line(self) -> str:
        try:
            return f'{{"event": "done", "feed": {self._outcome.result()}}}\n'
        except Exception as error:  # noqa: BLE001  the plain request would have its answer
            answer = answer_to(error)
            self._state[ENDED_AS] = answer.status_code
            body = bytes(answer.body).decode()
            return f'{{"event": "failed", "problem": {body}}}\n'
