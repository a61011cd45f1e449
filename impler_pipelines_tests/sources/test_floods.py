"""Servers that send without end, as fast as they can: what that costs, in a process of its own."""

from __future__ import annotations

import gzip
import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler

import brotli
import pytest
import zstandard

from impler_pipelines_tests.measured_run import ROOT
from impler_pipelines_tests.sources.flood import fetched
from impler_pipelines_tests.sources.http_server import Answer, Server, answer, serving

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
IN_TIME = "IMPLER_FETCH_TIMEOUT_SECONDS"
TOO_LARGE = "IMPLER_MAX_FEED_BYTES"
HEAD_TOO_LARGE = "IMPLER_MAX_HEADER_BYTES"
LINE_TOO_LONG = "A header of the server's answer is too long: the limit is 65536 bytes"
TOO_MANY = "The server's answer has too many headers: the limit is 99 headers"
BROKEN_OFF = "FeedUnavailable"

# What it begins with, what it sends over and over, and what is said.
FLOODS = {
    "answers that are to continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, HEAD_TOO_LARGE),
    "a status line": (b"HTTP/1.1 200 ", b"O" * 65536, LINE_TOO_LONG),
    "a header": (OK + b"X: ", b"y" * 65536, LINE_TOO_LONG),
    "headers": (OK, b"X: y\r\n" * 10_000, TOO_MANY),
    "lines of a folded header": (OK + b"X: y\r\n", b" z\r\n" * 10_000, TOO_MANY),
    "long headers": (OK, b"X: " + b"y" * 60_000 + b"\r\n", HEAD_TOO_LARGE),
    "a body without a length": (OK + b"\r\n", b"x" * 65536, TOO_LARGE),
    "a body of a negative length": (OK + b"Content-Length: -1\r\n\r\n", b"x" * 65536, TOO_LARGE),
    "a length of many digits": (
        OK + b"Content-Length: " + b"9" * 60_000 + b"\r\n\r\n",
        b"x" * 65536,
        TOO_LARGE,
    ),
    "a chunk's length": (CHUNKED, b"0" * 65536, BROKEN_OFF),
    "a chunk's extension": (CHUNKED + b"1;", b"x" * 65536, BROKEN_OFF),
    "a chunk of a huge length": (CHUNKED + b"F" * 1000 + b"\r\n", b"x" * 65536, TOO_LARGE),
    "a chunk of a negative length": (CHUNKED + b"-1\r\n", b"x" * 65536, BROKEN_OFF),
    "chunks of a byte": (CHUNKED, b"1\r\nx\r\n" * 10_000, IN_TIME),
    "a line behind the last chunk": (CHUNKED + b"0\r\n", b"x" * 65536, BROKEN_OFF),
    "lines behind the last chunk": (CHUNKED + b"0\r\n", b"x: y\r\n" * 10_000, IN_TIME),
    "the body of a refusal": (b"HTTP/1.1 404 No\r\n\r\n", b"x" * 65536, "FeedRefused"),
    "the body of a redirect": (
        b"HTTP/1.1 302 Found\r\nLocation: /small\r\n\r\n",
        b"x" * 65536,
        "fetched",
    ),
    "members that hold nothing": (
        OK + b"Content-Encoding: gzip\r\n\r\n",
        gzip.compress(b"") * 1000,
        "over and over",
    ),
}
ZEROS = bytes(200_000_000)
BOMBS = {
    "gzip": ("gzip", lambda: gzip.compress(ZEROS, 1)),
    "gzip in gzip": ("gzip, gzip", lambda: gzip.compress(gzip.compress(ZEROS, 1))),
    "gzip in br in zstd": (
        "gzip, br, zstd",
        lambda: zstandard.compress(brotli.compress(gzip.compress(ZEROS, 1), quality=1)),
    ),
    "deflate": ("deflate", lambda: zlib.compress(ZEROS, 1)),
    "br": ("br", lambda: brotli.compress(ZEROS, quality=1)),
    "zstd": ("zstd", lambda: zstandard.compress(ZEROS)),
}


def flooding(start: bytes, drip: bytes) -> Answer:
    """``start``, then ``drip`` over and over until nobody listens."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        try:
            handler.wfile.write(start)
            while True:
                handler.wfile.write(drip)
        except OSError:
            return

    return send


@contextmanager
def talking(data: bytes) -> Iterator[int]:
    """The port of a listener that says ``data`` over and over to its first caller."""

    def talk() -> None:
        with suppress(OSError):
            caller, _ = listener.accept()
            with caller:
                while True:
                    caller.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        thread = threading.Thread(target=talk)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        server.routes["/small"] = answer(body=b"<r/>")
        yield server


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_takes_no_more_than_the_limits(server: Server, name: str) -> None:
    start, drip, said = FLOODS[name]
    server.routes["/f"] = flooding(start, drip)
    outcome = fetched(server.url("/f"), seconds=1)
    assert said in outcome.came_of
    assert outcome.mb < 80  # the ten megabytes that may be fetched, and the libraries
    assert outcome.cpu_seconds < 4


@pytest.mark.parametrize("told", [HEAD_TOO_LARGE, LINE_TOO_LONG, TOO_MANY])
def test_what_is_told_is_documented(told: str) -> None:
    assert told in (ROOT / "docs" / "limits.md").read_text()


def test_as_many_headers_as_are_allowed(server: Server) -> None:
    server.routes["/f"] = answer(body=b"<r/>", **{f"X_{n}": "y" for n in range(90)})
    assert fetched(server.url("/f")).came_of == "fetched"


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_takes_no_more_than_the_limits(server: Server, name: str) -> None:
    encoding, compressed = BOMBS[name]
    server.routes["/f"] = answer(body=compressed(), Content_Encoding=encoding)
    outcome = fetched(server.url("/f"))
    assert TOO_LARGE in outcome.came_of
    assert outcome.mb < 100
    assert outcome.cpu_seconds < 10


@pytest.mark.parametrize(
    "junk",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" * 10_000, id="HTTP"),
        pytest.param(b"\x16\x03\x03\xff\xff" + b"\0" * 100_000, id="a record that is too long"),
        pytest.param(b"\x16\x03\x03\x00\x04\x02\xff\xff\xff" * 10_000, id="a hello without end"),
    ],
)
def test_junk_in_place_of_tls(junk: bytes) -> None:
    with talking(junk) as port:
        outcome = fetched(f"https://127.0.0.1:{port}/f", seconds=2)
    assert outcome.came_of.startswith("FeedUnavailable")
    assert outcome.mb < 80
    assert outcome.cpu_seconds < 4
