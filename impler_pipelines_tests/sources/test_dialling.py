"""The guard against a resolver that answers differently from one question to the next.

The resolver is the seam: a table of answers in the place of ``socket.getaddrinfo``. Everything
else is real: connections, redirects, HTTP.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from impler_pipelines.errors import AddressRefused, FeedUnavailable
from impler_pipelines.sources import FetchPolicy, fetch
from impler_pipelines_tests.sources.http_server import Server, answer, serving

Resolver = Callable[[str, list[list[str]]], list[str]]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """Let a name resolve to one list of addresses after the other; returns the questions asked."""
    tables: dict[str, list[list[str]]] = {}
    asked: list[str] = []
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        if host not in tables:
            return real(host, port, *args, **kwargs)
        asked.append(host)
        addresses = tables[host][0] if len(tables[host]) == 1 else tables[host].pop(0)
        found = []
        for address in addresses:
            found += real(address, port, *args, **kwargs)
        return found

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    def register(host: str, answers: list[list[str]]) -> list[str]:
        tables[host] = answers
        return asked

    return register


def get(url: str, *, private: bool = False, seconds: float = 20) -> bytes:
    into = io.BytesIO()
    policy = FetchPolicy(allow_private_addresses=private, timeout_seconds=seconds)
    fetch(url, into, policy=policy)
    return into.getvalue()


class TestGuard:
    def test_a_name_is_resolved_once_and_that_address_is_dialled(
        self, server: Server, resolve: Resolver
    ) -> None:
        server.routes["/f"] = answer(body=b"x")
        asked = resolve("feed.test", [["127.0.0.1"], ["203.0.113.1"]])
        assert get(server.url("/f", "feed.test"), private=True) == b"x"
        assert asked == ["feed.test"]
        assert server.requests[0][1]["Host"] == f"feed.test:{server.port}"

    def test_a_private_address_among_public_ones_refuses_the_host(
        self, server: Server, resolve: Resolver
    ) -> None:
        resolve("feed.test", [["93.184.216.34", "127.0.0.1"]])
        with pytest.raises(AddressRefused) as caught:
            get(server.url("/f", "feed.test"))
        assert caught.value.address == "127.0.0.1"
        assert server.requests == []

    def test_a_name_that_turns_private_between_two_fetches(
        self, server: Server, resolve: Resolver
    ) -> None:
        server.routes["/f"] = answer(body=b"x")
        resolve("feed.test", [["93.184.216.34"], ["127.0.0.1"]])
        with pytest.raises(FeedUnavailable):  # nothing answers there, on this port, in time
            get(server.url("/f", "feed.test"), seconds=0.3)
        with pytest.raises(AddressRefused):
            get(server.url("/f", "feed.test"))
        assert server.requests == []

    def test_the_next_address_is_tried_when_one_does_not_answer(
        self, server: Server, resolve: Resolver
    ) -> None:
        server.routes["/f"] = answer(body=b"x")
        resolve("feed.test", [["::1", "127.0.0.2", "127.0.0.1"]])
        assert get(server.url("/f", "feed.test"), private=True) == b"x"

    def test_a_redirect_is_resolved_anew(self, server: Server, resolve: Resolver) -> None:
        asked = resolve("feed.test", [["127.0.0.1"]])
        resolve("other.test", [["127.0.0.1"]])
        server.routes["/a"] = answer(302, Location=server.url("/b", "other.test"))
        server.routes["/b"] = answer(body=b"x")
        assert get(server.url("/a", "feed.test"), private=True) == b"x"
        assert asked == ["feed.test", "other.test"]
