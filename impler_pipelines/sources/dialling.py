"""HTTP connections that dial only addresses the guard has passed. The only place that connects.

requests-hardened swaps a URL's host for its first address before a connection is made. Here the
check sits where the socket is connected, so it holds for every connection, redirects included,
all addresses of a host are tried (in the resolver's order, IPv6 and IPv4 in turns, the next one
when the last has not answered soon), and TLS and the Host header keep the name.

``_new_conn`` and ``_dns_host`` are urllib3's (2.x) seam for this, private by name; its own SOCKS
support overrides the same method.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from aiohappyeyeballs import start_connection
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from impler_pipelines.sources.addresses import ResolvedAddress, check_address
from impler_pipelines.sources.bounded_reads import BoundedResponse
from impler_pipelines.sources.deadline import Deadline

CONNECT_SECONDS = 10.0
ATTEMPT_DELAY_SECONDS = 0.25  # RFC 8305, section 8

Dial = Callable[[HTTPConnection], socket.socket]


def open_session(
    *,
    url_shown: Callable[[], str],
    deadline: Deadline,
    allow_private: bool,
    max_header_bytes: int,
    user_agent: str,
) -> requests.Session:
    """A session without proxies, netrc, cookies or redirects, whose connections are guarded.

    ``url_shown`` gives the URL that is being fetched, fit to show, for messages.
    """
    session = _Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["User-Agent"] = user_agent

    def dial(connection: HTTPConnection) -> socket.socket:
        host, port = connection._dns_host, connection.port
        addresses = deadline.bound(
            lambda: check_address(host, port, url=url_shown(), allow_private=allow_private)
        )
        sock = _connected(connection, addresses, deadline)
        deadline.watch(sock)
        return sock

    adapter = _GuardedAdapter(dial, max_header_bytes)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


class _Session(requests.Session):
    """Leaves redirects entirely to the caller.

    requests prepares the next request even when told not to follow: to do so it reads the whole
    body of the redirect into memory, and parses a target that nobody has checked.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        return None


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, dial: Dial, max_header_bytes: int) -> None:
        self._dial = dial
        self._max_header_bytes = max_header_bytes
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _guarded_pools(self._dial, self._max_header_bytes)


def _guarded_pools(dial: Dial, max_header_bytes: int) -> dict[str, type[HTTPConnectionPool]]:
    class Response(BoundedResponse):
        most_header_bytes = max_header_bytes

    class Plain(HTTPConnection):
        response_class = Response

        def _new_conn(self) -> socket.socket:
            return dial(self)

    class Secure(HTTPSConnection):
        response_class = Response

        def _new_conn(self) -> socket.socket:
            return dial(self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _connected(
    connection: HTTPConnection, addresses: list[ResolvedAddress], deadline: Deadline
) -> socket.socket:
    """A socket connected to the one of ``addresses`` that answers first (RFC 8305, section 5)."""
    seconds = max(0.001, min(CONNECT_SECONDS, deadline.remaining))
    try:
        # In a thread of its own: whoever fetches may be inside an event loop already.
        sock = deadline.bound(lambda: asyncio.run(_race(addresses, seconds)))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(seconds)
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, "the connection timed out") from error
    except OSError as error:
        raise NewConnectionError(connection, f"no connection: {error}") from error
    return sock


async def _race(addresses: list[ResolvedAddress], seconds: float) -> socket.socket:
    infos = [(a.family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", a.sockaddr) for a in addresses]
    async with asyncio.timeout(seconds):
        return await start_connection(infos, happy_eyeballs_delay=ATTEMPT_DELAY_SECONDS)
