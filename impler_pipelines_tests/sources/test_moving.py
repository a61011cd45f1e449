"""Feeds that have moved for good, and turns at the hosts on the way."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from impler_pipelines.errors import FeedRefused, FeedUnavailable
from impler_pipelines.model import FeedState, SourceAuth
from impler_pipelines.sources import FetchPolicy, FetchResult, fetch
from impler_pipelines.sources.turns import host_of
from impler_pipelines_tests.sources.http_server import Server, answer, serving

POLICY = FetchPolicy(allow_private_addresses=True, timeout_seconds=30)
AUTH = SourceAuth("X-Token", "s3cret")


@pytest.fixture
def old() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def new() -> Iterator[Server]:
    with serving() as server:
        server.routes["/feed"] = answer(body=b"<new/>", ETag='"n"')
        yield server


def get(
    url: str, *, auth: SourceAuth | None = None, state: FeedState | None = None
) -> tuple[FetchResult, bytes]:
    into = io.BytesIO()
    return fetch(url, into, policy=POLICY, auth=auth, state=state), into.getvalue()


class TestRemembering:
    @pytest.mark.parametrize(
        ("status", "remembered"), [(301, True), (308, True), (302, False), (307, False)]
    )
    def test_permanent_redirects_alone(
        self, old: Server, new: Server, status: int, remembered: bool
    ) -> None:
        old.routes["/feed"] = answer(status, Location=new.url("/feed"))
        result, _ = get(old.url("/feed"))
        assert result.moved_to == (new.url("/feed") if remembered else None)

    def test_up_to_the_first_that_is_not(self, old: Server, new: Server) -> None:
        old.routes["/feed"] = answer(301, Location="/second")
        old.routes["/second"] = answer(302, Location=new.url("/feed"))
        assert get(old.url("/feed"))[0].moved_to == old.url("/second")

    def test_goes_there_at_once(self, old: Server, new: Server) -> None:
        state = FeedState(etag='"x"', moved_to=new.url("/feed"))
        result, body = get(old.url("/feed"), state=state)
        assert body == b"<new/>"
        assert (old.requests, len(new.requests)) == ([], 1)
        assert new.requests[0][1]["If-None-Match"] == '"x"'
        assert result.read(state).moved_to == new.url("/feed")

    def test_sends_no_secret_to_another_origin(self, old: Server, new: Server) -> None:
        get(old.url("/feed"), auth=AUTH, state=FeedState(moved_to=new.url("/feed")))
        assert "X-Token" not in new.requests[0][1]

    def test_sends_it_within_the_origin(self, new: Server) -> None:
        get(new.url("/old"), auth=AUTH, state=FeedState(moved_to=new.url("/feed")))
        assert new.requests[0][1]["X-Token"] == "s3cret"

    def test_forgets_what_is_gone(self, old: Server, new: Server) -> None:
        new.routes["/feed"] = answer(404)
        old.routes["/feed"] = answer(body=b"<old/>")
        state = FeedState(etag='"x"', moved_to=new.url("/feed"))
        result, body = get(old.url("/feed"), state=state)
        assert body == b"<old/>"
        assert "If-None-Match" not in old.requests[0][1]
        assert result.read(state).moved_to is None

    def test_forgets_a_server_that_is_off(self, old: Server) -> None:
        with serving() as gone:
            moved_to = gone.url("/feed")
        old.routes["/feed"] = answer(body=b"<old/>")
        assert get(old.url("/feed"), state=FeedState(moved_to=moved_to))[1] == b"<old/>"

    def test_waits_for_one_that_is_busy(self, old: Server, new: Server) -> None:
        new.routes["/feed"] = answer(503)
        with pytest.raises(FeedUnavailable, match="503"):
            get(old.url("/feed"), state=FeedState(moved_to=new.url("/feed")))
        assert old.requests == []

    def test_says_what_the_first_address_says_when_both_refuse(
        self, old: Server, new: Server
    ) -> None:
        new.routes["/feed"] = answer(404)
        old.routes["/feed"] = answer(410)
        with pytest.raises(FeedRefused, match="410"):
            get(old.url("/feed"), state=FeedState(moved_to=new.url("/feed")))


class TestTurns:
    def test_are_had_at_each_host_one_after_the_other(self, old: Server, new: Server) -> None:
        told: list[str] = []

        @contextmanager
        def turn(host: str, seconds: float) -> Iterator[None]:
            assert 0 < seconds <= POLICY.timeout_seconds
            told.append(f"begin {host}")
            yield
            told.append(f"end {host}")

        old.routes["/feed"] = answer(302, Location="/again")
        old.routes["/again"] = answer(302, Location=new.url("/feed", host="localhost"))
        fetch(old.url("/feed"), io.BytesIO(), policy=POLICY, turn=turn)
        assert told == ["begin 127.0.0.1", "end 127.0.0.1", "begin localhost", "end localhost"]

    def test_end_with_an_error(self, old: Server) -> None:
        held: set[str] = set()

        @contextmanager
        def turn(host: str, _seconds: float) -> Iterator[None]:
            held.add(host)
            try:
                yield
            finally:
                held.remove(host)

        with pytest.raises(FeedRefused):
            fetch(old.url("/nothing"), io.BytesIO(), policy=POLICY, turn=turn)
        assert not held

    @pytest.mark.parametrize(
        ("url", "host"),
        [
            ("http://Shop.Example:8080/x", "shop.example"),
            ("https://shop.example./", "shop.example"),
            ("https://bücher.example/", "xn--bcher-kva.example"),
            ("http://[2001:DB8::1]/", "2001:db8::1"),
        ],
    )
    def test_are_by_host(self, url: str, host: str) -> None:
        assert host_of(url) == host
