"""How far the reading of a feed has come, told as it goes on; its end when nobody listens."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from impler_pipelines.control_api.app import create_app
from impler_pipelines.control_api.feed_progress import Progress
from impler_pipelines.control_api.feed_reading import FeedReader
from impler_pipelines.control_api.kept_feeds import FeedSource
from impler_pipelines.errors import Interrupted
from impler_pipelines.settings import Settings
from impler_pipelines_tests.control_api.conftest import browser, host_app, serving
from impler_pipelines_tests.control_api.host_app import (
    FEED,
    HostApp,
    fields,
    problem,
    with_items,
)
from impler_pipelines_tests.control_api.test_feeds import INSPECT, PAGE
from impler_pipelines_tests.feed_server import FeedServer, Handler
from impler_pipelines_tests.supervisor.waiting import until

NDJSON = "application/x-ndjson"
Event = dict[str, Any]


@contextmanager
def asked(app: HostApp, body: dict[str, Any]) -> Iterator[httpx.Response]:
    headers = {"accept": NDJSON}
    with app.http.stream("POST", INSPECT, json=body, headers=headers, timeout=20) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(NDJSON)
        yield answer


def events(app: HostApp, body: dict[str, Any]) -> list[Event]:
    with asked(app, body) as answer:
        return [json.loads(line) for line in answer.iter_lines()]


@dataclass
class Cued:
    """A feed of which a piece is sent for each that is ``called`` for; then it waits.

    ``left`` is set once the other side has hung up.
    """

    pieces: list[bytes]
    headers: dict[str, str] = field(default_factory=dict)
    entered: threading.Event = field(default_factory=threading.Event)
    called: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    left: threading.Event = field(default_factory=threading.Event)

    def __call__(self, handler: Handler) -> None:
        self.entered.set()
        handler.close_connection = True
        handler.send_response(200)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        for piece in self.pieces:
            assert self.called.acquire(timeout=30)
            handler.wfile.write(piece)
        if "Content-Length" in self.headers:
            with suppress(OSError):
                assert handler.connection.recv(1) == b""
            self.left.set()


def silent(entered: threading.Event, left: threading.Event) -> Any:
    """A feed that never comes."""

    def route(handler: Handler) -> None:
        entered.set()
        with suppress(OSError):
            assert handler.connection.recv(1) == b""
        left.set()
        handler.close_connection = True

    return route


PIECES = [FEED.encode()[at : at + 100] for at in range(0, len(FEED.encode()), 100)]


class TestEvents:
    def test_end_with_what_the_plain_request_answers(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        body = {
            "url": feed_server.serve("/feed.xml", FEED),
            "templateId": app.template()["_id"],
        }
        *before, last = events(app, body)
        assert last == {"event": "done", "feed": app.ok("POST", INSPECT, body)}
        assert before[0] == {"event": "fetching", "bytes": 0, "totalBytes": None}
        assert {one["event"] for one in before} <= {"fetching", "reading"}

    def test_come_in_time(self, app: HostApp, feed_server: FeedServer) -> None:
        """No piece is sent before the one that came before it has been told of."""
        total = len(FEED.encode())
        feed = Cued(PIECES, {"Content-Length": str(total), "Content-Type": "text/xml"})
        feed_server.routes["/slow.xml"] = feed
        with asked(app, {"url": feed_server.url("/slow.xml")}) as answer:
            lines = answer.iter_lines()
            assert json.loads(next(lines))["bytes"] == 0
            size = 0
            for piece in PIECES:
                size += len(piece)
                feed.called.release()
                if size < total:
                    event = json.loads(next(lines))
                    assert event == {"event": "fetching", "bytes": size, "totalBytes": total}
            assert json.loads(list(lines)[-1])["event"] == "done"

    @pytest.mark.parametrize(
        ("headers", "body"),
        [
            pytest.param({"Content-Encoding": "gzip"}, gzip.compress(FEED.encode()), id="coded"),
            pytest.param({}, FEED.encode(), id="up to the end"),
        ],
    )
    def test_without_a_total(
        self, app: HostApp, feed_server: FeedServer, headers: dict[str, str], body: bytes
    ) -> None:
        middle = len(body) * 2 // 3
        feed = Cued([body[:middle], body[middle:]], headers)
        feed_server.routes["/slow.xml"] = feed
        feed.called.release()
        with asked(app, {"url": feed_server.url("/slow.xml")}) as answer:
            lines = answer.iter_lines()
            told = [json.loads(line) for line in until_bytes(lines)]
            feed.called.release()
            assert json.loads(list(lines)[-1])["event"] == "done"
        assert {one["totalBytes"] for one in told} == {None}

    def test_tell_of_records(self, app: HostApp, feed_server: FeedServer) -> None:
        items = "<item><title>x</title></item>" * 400_000
        url = feed_server.serve("/feed.xml", with_items(items))
        told = events(app, {"url": url})
        assert told[-1]["feed"]["recordCount"] == 400_000
        counts = [one["records"] for one in told if one["event"] == "reading"]
        assert counts == sorted(counts)
        assert [one["event"] for one in told] == sorted(
            (one["event"] for one in told), key=["fetching", "reading", "done"].index
        )

    def test_are_five_a_second_at_most(self, app: HostApp, feed_server: FeedServer) -> None:
        pause = threading.Event()

        def route(handler: Handler) -> None:
            handler.close_connection = True
            handler.send_response(200)
            handler.end_headers()
            for byte in FEED.encode():
                handler.wfile.write(bytes([byte]))
                pause.wait(0.002)

        feed_server.routes["/slow.xml"] = route
        begun = time.monotonic()
        told = events(app, {"url": feed_server.url("/slow.xml")})
        assert 4 <= len(told) <= 2 + (time.monotonic() - begun) / 0.2

    @pytest.mark.parametrize(
        ("status", "content", "changes"),
        [
            pytest.param(404, "gone", {}, id="not found"),
            pytest.param(200, "<rss><channel><item></channel></rss>", {}, id="malformed"),
            pytest.param(200, "", {}, id="empty"),
            pytest.param(200, PAGE, {}, id="a web page"),
            pytest.param(200, FEED, {"recordPath": "feed > entry"}, id="no such record path"),
        ],
    )
    def test_end_with_the_error_that_the_plain_request_answers(
        self,
        app: HostApp,
        feed_server: FeedServer,
        status: int,
        content: str,
        changes: dict[str, Any],
    ) -> None:
        body = {"url": feed_server.serve("/feed.xml?k=s3cret", content, status=status)} | changes
        plain = problem(app.call("POST", INSPECT, body))
        assert events(app, body)[-1] == {"event": "failed", "problem": plain}

    def test_tell_of_a_feed_that_breaks_off(self, app: HostApp, feed_server: FeedServer) -> None:
        def route(handler: Handler) -> None:
            handler.close_connection = True
            handler.send_response(200)
            handler.send_header("Content-Length", "100000")
            handler.end_headers()
            handler.wfile.write(FEED.encode())

        feed_server.routes["/broken.xml"] = route
        last = events(app, {"url": feed_server.url("/broken.xml")})[-1]
        assert (last["event"], last["problem"]["statusCode"]) == ("failed", 502)

    def test_tell_of_a_private_address(
        self, settings: Settings, access_key: str, feed_server: FeedServer
    ) -> None:
        guarded = create_app(settings.model_copy(update={"allow_private_addresses": False}))
        with serving(guarded) as url, host_app(url, access_key) as app:
            last = events(app, {"url": feed_server.url("/feed.xml")})[-1]
        assert (last["problem"]["statusCode"], fields(last["problem"])) == (422, ["url"])


def until_bytes(lines: Iterator[str]) -> Iterator[str]:
    """The lines up to the first that tells of bytes."""
    for line in lines:
        yield line
        if json.loads(line).get("bytes"):
            return


class TestPlainAnswers:
    @pytest.mark.parametrize("accept", ["*/*", "application/json", f"{NDJSON};q=0", "text/x"])
    def test_for_those_who_ask_for_no_events(
        self, app: HostApp, feed_server: FeedServer, accept: str
    ) -> None:
        body = {"url": feed_server.serve("/feed.xml", FEED)}
        answer = app.call("POST", INSPECT, body, headers={"accept": accept})
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["recordCount"] == 3

    @pytest.mark.parametrize(
        "accept", [NDJSON, f"application/json;q=0.5, {NDJSON}", f"{NDJSON.upper()} ; q=0.9"]
    )
    def test_none_for_those_who_do(
        self, app: HostApp, feed_server: FeedServer, accept: str
    ) -> None:
        body = {"url": feed_server.serve("/feed.xml", FEED)}
        answer = app.call("POST", INSPECT, body, headers={"accept": accept})
        assert answer.headers["content-type"].startswith(NDJSON)

    def test_what_is_known_before_the_fetch(
        self, app: HostApp, other_app: HostApp, feed_server: FeedServer
    ) -> None:
        headers = {"accept": NDJSON}
        url = feed_server.url("/feed.xml")
        app.refused(422, "POST", INSPECT, {"url": "ftp://a/"}, headers=headers)
        body = {"url": url, "templateId": app.template()["_id"]}
        other_app.refused(404, "POST", INSPECT, body, headers=headers)
        assert not feed_server.requests


class TestHangingUp:
    def test_ends_a_fetch_in_the_middle(self, app: HostApp, feed_server: FeedServer) -> None:
        feed = Cued(PIECES[:1], {"Content-Length": "100000"})
        feed_server.routes["/slow.xml"] = feed
        feed.called.release()
        with asked(app, {"url": feed_server.url("/slow.xml")}) as answer:
            lines = answer.iter_lines()  # who drops it hangs up
            list(until_bytes(lines))
            assert not feed.left.wait(0.5)
        assert feed.left.wait(5)

    def test_ends_a_fetch_before_its_answer(self, app: HostApp, feed_server: FeedServer) -> None:
        entered, left = threading.Event(), threading.Event()
        feed_server.routes["/slow.xml"] = silent(entered, left)
        with asked(app, {"url": feed_server.url("/slow.xml")}):
            assert entered.wait(20)
            assert not left.is_set()
        assert left.wait(5)

    def test_gives_places_back(self, base_url: str, access_key: str) -> None:
        """Sixteen feeds at a time are read: one that comes slowly, the others wait for its host."""
        entered, left = threading.Event(), threading.Event()
        with (
            FeedServer() as slow,
            FeedServer(address="127.0.0.2") as quick,
            host_app(base_url, access_key) as app,
        ):
            slow.routes["/slow.xml"] = silent(entered, left)
            body = {"url": quick.serve("/feed.xml", FEED)}
            with ExitStack() as held:
                for _ in range(16):
                    held.enter_context(asked(app, {"url": slow.url("/slow.xml")}))
                assert entered.wait(20)
                answer = app.call("POST", INSPECT, body, headers={"accept": NDJSON})
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
                assert app.call("POST", INSPECT, body).text == answer.text
            assert left.wait(5)
            # Far sooner than those that wait would have their turn, or be told that it is late.
            until(lambda: app.call("POST", INSPECT, body).status_code == 200, "a place", 10)

    def test_a_session_s_user_has_few_of_them(self, base_url: str, access_key: str) -> None:
        """Others still find a place, whatever one user has read for himself."""
        entered, left = threading.Event(), threading.Event()
        with (
            FeedServer() as slow,
            FeedServer(address="127.0.0.2") as quick,
            host_app(base_url, access_key) as app,
            ExitStack() as held,
        ):
            template = app.template()
            ann, bob = (
                held.enter_context(browser(base_url, app.session(template, name)))
                for name in ("ann", "bob")
            )
            slow.routes["/slow.xml"] = silent(entered, left)
            body = {"url": quick.serve("/feed.xml", FEED)}
            with ExitStack() as asking:
                for _ in range(6):
                    asking.enter_context(asked(ann, {"url": slow.url("/slow.xml")}))
                refused = ann.call("POST", INSPECT, body)
                assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
                assert "6 feeds are being read for you" in refused.json()["message"]
                for other in (bob, app):
                    other.ok("POST", INSPECT, body)
            until(lambda: ann.call("POST", INSPECT, body).status_code == 200, "a place", 10)

    def test_ends_the_reading(self, settings: Settings, feed_server: FeedServer) -> None:
        items = "<item><title>x</title></item>" * 400_000
        url = feed_server.serve("/feed.xml", with_items(items))

        class Impatient(Progress):
            """Somebody who leaves as soon as records are told of."""

            def read(self, records: int) -> None:
                super().read(records)
                if records:
                    self.interruption.interrupt()

        reader, progress = FeedReader(settings), Impatient()
        source = FeedSource("one", url, None)
        outcome = reader.inspect_apart(source, None, lambda found: found.format, progress)
        with pytest.raises(Interrupted):
            outcome.result(60)
        reader.close()
        assert 0 < progress.event["records"] < 400_000
