"""The total time of one fetch: a clock, and a watchdog that hangs up when it runs out.

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
    """``seconds`` from entering the context. ``expired`` says whether the watchdog has bitten."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.expired = False
        self._ends = time.monotonic() + seconds
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._hang_up)
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
        thread = threading.Thread(target=box.fill, args=(work,), daemon=True)
        thread.start()
        thread.join(self.remaining)
        if thread.is_alive():
            raise TimeoutError("the time is up")
        return box.open()

    def _hang_up(self) -> None:
        with self._lock:
            self.expired = True
            for sock in self._sockets:
                _shut_down(sock)


def _shut_down(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it was closed already


class _Box(Generic[T]):
    """Carries a result or an exception out of a thread."""

    def __init__(self) -> None:
        self._results: list[T] = []
        self._error: BaseException | None = None

    def fill(self, work: Callable[[], T]) -> None:
        try:
            self._results.append(work())
        except BaseException as error:  # noqa: BLE001  it is raised again by ``open``
            self._error = error

    def open(self) -> T:
        if self._error is not None:
            raise self._error
        return self._results[0]
