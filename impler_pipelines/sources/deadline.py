"""The total time of one fetch: a clock, and a watchdog that hangs up when it runs out, or sooner.

Socket timeouts bound one read, not the sum of them: a server that sends a byte now and then, in
the headers, the TLS handshake or the body, would hold a run for ever. When the time is up the
watchdog shuts the connection's socket down, which ends whatever waits for it.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Deadline:
    """``seconds`` from entering the context. ``expired`` says whether it has hung up."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.expired = False
        self._ends = time.monotonic() + seconds
        self._sockets: list[socket.socket] = []
        self._waits: list[threading.Event] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self.hang_up)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        self.release()

    @property
    def remaining(self) -> float:
        """Seconds left, 0 at the least."""
        return max(0.0, self._ends - time.monotonic())

    def check(self) -> None:
        """Raise ``TimeoutError`` if the time is up: what was read last may be cut short."""
        if self.expired or not self.remaining:
            raise TimeoutError("the time is up")

    def watch(self, sock: socket.socket) -> None:
        """Shut ``sock`` down when the time is up, through a duplicate that TLS can't detach."""
        duplicate = socket.socket(fileno=os.dup(sock.fileno()))
        with self._lock:
            self._sockets.append(duplicate)
            if self.expired:
                _shut_down(duplicate)

    def release(self) -> None:
        """Hang up and forget every watched connection: the other side must not wait for more."""
        with self._lock:
            for sock in self._sockets:
                _shut_down(sock)
                sock.close()
            self._sockets.clear()

    def bound(self, work: Callable[[], T]) -> T:
        """The result of ``work``, done in a thread of its own since nothing can interrupt it.

        Raises ``TimeoutError`` when the time is up, and leaves the thread to end by itself.
        """
        box: _Box[T] = _Box()
        with self._lock:
            self._waits.append(box.over)
        threading.Thread(target=box.fill, args=(work,), daemon=True).start()
        box.over.wait(0 if self.expired else self.remaining)
        with self._lock:
            self._waits.remove(box.over)
        return box.open()

    def hang_up(self) -> None:
        """The time is up from now on: end every read, and what ``bound`` waits for."""
        with self._lock:
            self.expired = True
            for sock in self._sockets:
                _shut_down(sock)
            for wait in self._waits:
                wait.set()


def _shut_down(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it was closed already


class _Box(Generic[T]):
    """Carries a result or an exception out of a thread; ``over``: it has one, or nobody waits."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self._results: list[T] = []
        self._error: BaseException | None = None

    def fill(self, work: Callable[[], T]) -> None:
        try:
            self._results.append(work())
        except BaseException as error:  # noqa: BLE001  it is raised again by ``open``
            self._error = error
        self.over.set()

    def open(self) -> T:
        if self._error is not None:
            raise self._error
        if not self._results:
            raise TimeoutError("the time is up")
        return self._results[0]
