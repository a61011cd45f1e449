from __future__ import annotations

import io
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler

import pytest

from impler_pipelines.errors import Interrupted
from impler_pipelines.sources import FetchPolicy, fetch
from impler_pipelines.sources.deadline import Deadline
from impler_pipelines.sources.interruption import Interruption
from impler_pipelines_tests.sources.http_server import serving

POLICY = FetchPolicy(allow_private_addresses=True, timeout_seconds=60)


class TestInterruption:
    def test_ends_what_is_under_way(self) -> None:
        interruption, ended = Interruption(), threading.Event()

        def wait() -> None:
            threading.Thread(target=interruption.interrupt).start()
            assert ended.wait(20)
            raise OSError

        with pytest.raises(Interrupted), interruption.ending(ended.set):
            wait()

    def test_what_comes_later_does_not_begin(self) -> None:
        interruption = Interruption()
        interruption.check()
        interruption.interrupt()
        with pytest.raises(Interrupted):
            interruption.check()
        with pytest.raises(Interrupted), interruption.ending(lambda: None):
            pytest.fail("it has begun")

    def test_what_is_over_is_left_alone(self) -> None:
        interruption, calls = Interruption(), list[str]()
        with interruption.ending(lambda: calls.append("first")):
            pass
        with suppress(Interrupted), interruption.ending(lambda: calls.append("second")):
            interruption.interrupt()
            interruption.interrupt()
        assert calls == ["second", "second"]

    def test_other_errors_stay_as_they_are(self) -> None:
        with pytest.raises(KeyError), Interruption().ending(lambda: None):
            raise KeyError


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(b"", id="before the answer"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: ", id="in a header"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", id="in the body"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nx", id="in a body without a length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nx", id="in a chunk"
        ),
    ],
)
def test_a_fetch_hangs_up_at_once(start: bytes) -> None:
    interruption, hung_up = Interruption(), threading.Event()

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.wfile.write(start)
        threading.Thread(target=interruption.interrupt).start()
        with suppress(OSError):
            assert handler.connection.recv(1) == b""
        hung_up.set()

    with serving() as server:
        server.routes["/f"] = send
        with pytest.raises(Interrupted):
            fetch(server.url("/f"), io.BytesIO(), policy=POLICY, interruption=interruption)
        assert hung_up.wait(20)


def test_a_fetch_does_not_begin_after_an_interruption() -> None:
    interruption = Interruption()
    interruption.interrupt()
    with serving() as server:
        with pytest.raises(Interrupted):
            fetch(server.url("/f"), io.BytesIO(), policy=POLICY, interruption=interruption)
        assert server.requests == []


@pytest.mark.parametrize("before", [True, False])
def test_what_nothing_can_interrupt_is_not_waited_for(before: bool) -> None:
    never = threading.Event()
    with Deadline(60) as deadline:

        def work() -> bool:
            deadline.hang_up()
            return never.wait(20)

        if before:
            deadline.hang_up()
        with pytest.raises(TimeoutError):
            deadline.bound(work)
    never.set()
