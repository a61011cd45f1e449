from __future__ import annotations

import gzip
import hashlib
import io
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler

import brotli
import pytest
import zstandard

from impler_pipelines import __version__
from impler_pipelines.errors import (
    AddressRefused,
    FeedRefused,
    FeedUnavailable,
    LimitExceeded,
    PipelineError,
    RequestInvalid,
    UrlRefused,
)
from impler_pipelines.model import FeedState, SourceAuth
from impler_pipelines.sources import FetchPolicy, FetchResult, fetch
from impler_pipelines_tests.sources.http_server import Server, answer, dripping, raw, serving

BODY = b"<rss>" + bytes(range(256)) * 1000 + b"</rss>"
POLICY = FetchPolicy(
    allow_private_addresses=True, max_bytes=1_000_000, timeout_seconds=30, max_redirects=5
)
AUTH = SourceAuth("X-Token", "s3cret")


@pytest.fixture(scope="module")
def module_server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def server(module_server: Server) -> Server:
    module_server.routes.clear()
    module_server.requests.clear()
    return module_server


def get(
    url: str,
    policy: FetchPolicy = POLICY,
    auth: SourceAuth | None = None,
    state: FeedState | None = None,
) -> tuple[FetchResult, bytes]:
    into = io.BytesIO()
    return fetch(url, into, policy=policy, auth=auth, state=state), into.getvalue()


_LENGTH_OF_TEN = {False: ("Content-Length", "30"), True: ("Transfer-Encoding", "chunked")}


def _note(seen: list[tuple[int, int | None]], done: int, total: int | None) -> None:
    seen.append((done, total))


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


class TestBody:
    def test_is_written_with_what_is_known_of_it(self, server: Server) -> None:
        server.routes["/f"] = answer(
            body=BODY,
            Content_Type="text/xml; charset=utf-8",
            ETag='"v1"',
            Last_Modified="Mon, 02 Nov 2026 10:00:00 GMT",
        )
        result, body = get(server.url("/f?token=s3cret"))
        assert body == BODY
        assert (result.status, result.unchanged, result.bytes) == (200, False, len(BODY))
        assert result.url == server.url("/f?…")
        assert result.content_type == "text/xml; charset=utf-8"
        assert (result.etag, result.last_modified) == ('"v1"', "Mon, 02 Nov 2026 10:00:00 GMT")
        assert result.body_hash == hashlib.sha256(BODY).hexdigest()
        assert result.seconds > 0

    @pytest.mark.parametrize(
        ("encoding", "compress"),
        [
            ("gzip", gzip.compress),
            ("x-gzip", gzip.compress),
            ("deflate", zlib.compress),
            ("deflate", raw_deflate),
            ("br", brotli.compress),
            ("zstd", zstandard.compress),
            ("identity", bytes),
            ("gzip, br", lambda data: brotli.compress(gzip.compress(data))),
            ("gzip", bytes),  # labelled, and not compressed at all
        ],
    )
    def test_content_encodings_are_opened(
        self, server: Server, encoding: str, compress: Callable[[bytes], bytes]
    ) -> None:
        server.routes["/f"] = answer(body=compress(BODY), Content_Encoding=encoding)
        result, body = get(server.url("/f"))
        assert body == BODY
        assert result.body_hash == hashlib.sha256(BODY).hexdigest()

    @pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate"])
    def test_an_empty_body_needs_no_coding(self, server: Server, encoding: str) -> None:
        server.routes["/f"] = answer(Content_Encoding=encoding)
        assert get(server.url("/f"))[1] == b""

    def test_chunked(self, server: Server) -> None:
        server.routes["/f"] = raw(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        )
        assert get(server.url("/f"))[1] == b"abcde"

    def test_compressed_files_stay_as_they_are(self, server: Server) -> None:
        file = gzip.compress(BODY)
        server.routes["/f.gz"] = answer(body=file, Content_Type="application/gzip")
        assert get(server.url("/f.gz"))[1] == file

    def test_progress_is_told_in_bytes(self, server: Server) -> None:
        server.routes["/f"] = answer(body=BODY)
        seen: list[tuple[int, int | None]] = []
        progress = partial(_note, seen)
        fetch(server.url("/f"), io.BytesIO(), policy=POLICY, on_progress=progress)
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)
        assert seen[-1] == (len(BODY), len(BODY))

    @pytest.mark.parametrize(
        "response",
        [
            pytest.param(
                b"Content-Length: %d\r\nContent-Encoding: gzip\r\n\r\n%b"
                % (len(gzip.compress(BODY)), gzip.compress(BODY)),
                id="a coding",
            ),
            pytest.param(
                b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY),
                id="chunks",
            ),
            pytest.param(b"\r\n" + BODY, id="up to the end"),
        ],
    )
    def test_the_total_where_the_server_does_not_say_it(
        self, server: Server, response: bytes
    ) -> None:
        server.routes["/f"] = raw(b"HTTP/1.1 200 OK\r\n" + response)
        seen: list[tuple[int, int | None]] = []
        progress = partial(_note, seen)
        fetch(server.url("/f"), io.BytesIO(), policy=POLICY, on_progress=progress)
        assert seen[-1] == (len(BODY), None)

    @pytest.mark.parametrize("chunked", [False, True])
    def test_progress_is_told_as_bytes_come(self, server: Server, chunked: bool) -> None:
        """Each piece is sent once the one before has been told."""
        told = threading.Semaphore(1)

        def send(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header(*_LENGTH_OF_TEN[chunked])
            handler.end_headers()
            for _ in range(10):
                assert told.acquire(timeout=20)
                handler.wfile.write(b"3\r\nabc\r\n" if chunked else b"abc")
            handler.wfile.write(b"0\r\n\r\n" if chunked else b"")

        server.routes["/f"] = send
        into = io.BytesIO()
        fetch(server.url("/f"), into, policy=POLICY, on_progress=lambda *_: told.release())
        assert into.getvalue() == b"abc" * 10

    @pytest.mark.parametrize(
        "response",
        [
            pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", id="length"),
            pytest.param(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", id="chunk"
            ),
            pytest.param(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
                id="last chunk",
            ),
            pytest.param(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", id="chunk length"
            ),
            pytest.param(b"", id="nothing"),
            pytest.param(b"SSH-2.0-OpenSSH\r\n", id="another protocol"),
        ],
    )
    def test_one_that_is_cut_short_or_broken_may_be_whole_next_time(
        self, server: Server, response: bytes
    ) -> None:
        server.routes["/f"] = raw(response)
        with pytest.raises(FeedUnavailable):
            get(server.url("/f"))

    @pytest.mark.parametrize("cut", [slice(None, -10), slice(None, 30)])
    def test_a_cut_compressed_body(self, server: Server, cut: slice) -> None:
        server.routes["/f"] = answer(body=gzip.compress(BODY)[cut], Content_Encoding="gzip")
        with pytest.raises(FeedUnavailable, match="compressed body is broken"):
            get(server.url("/f"))

    def test_an_unknown_coding(self, server: Server) -> None:
        server.routes["/f"] = answer(body=BODY, Content_Encoding="rot13")
        with pytest.raises(FeedRefused, match="rot13"):
            get(server.url("/f"))


class TestRequest:
    def test_says_who_asks_and_what_for(self, server: Server) -> None:
        server.routes["/f"] = answer(body=BODY)
        get(server.url("/f"))
        [(_, headers)] = server.requests
        assert headers["User-Agent"] == f"impler-pipelines/{__version__}"
        assert headers["Accept"].startswith("application/rss+xml, application/atom+xml")
        assert headers["Accept-Encoding"] == "gzip, deflate, br, zstd"
        assert "If-None-Match" not in headers

    def test_carries_auth(self, server: Server) -> None:
        server.routes["/f"] = answer(body=BODY)
        get(server.url("/f"), auth=AUTH)
        assert server.requests[0][1]["X-Token"] == "s3cret"

    def test_carries_userinfo_as_basic_auth(self, server: Server) -> None:
        server.routes["/f"] = answer(body=BODY)
        result, _ = get(f"http://ann:pass@127.0.0.1:{server.port}/f")
        assert server.requests[0][1]["Authorization"] == "Basic YW5uOnBhc3M="
        assert "pass" not in result.url

    def test_an_impossible_header_is_refused_before_anything_is_sent(self, server: Server) -> None:
        with pytest.raises(RequestInvalid):
            get(server.url("/f"), auth=SourceAuth("Host", "evil.test"))
        assert server.requests == []

    def test_the_environment_is_not_asked(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        server.routes["/f"] = answer(body=BODY)
        assert get(server.url("/f"))[0].status == 200


class TestUnchanged:
    STATE = FeedState(etag='"v1"', last_modified="Mon, 02 Nov 2026 10:00:00 GMT", body_hash="x")

    def test_validators_are_sent_and_304_believed(self, server: Server) -> None:
        server.routes["/f"] = answer(304, ETag='"v1"')
        result, body = get(server.url("/f"), state=self.STATE)
        headers = server.requests[0][1]
        assert headers["If-None-Match"] == '"v1"'
        assert headers["If-Modified-Since"] == "Mon, 02 Nov 2026 10:00:00 GMT"
        assert (result.status, result.unchanged, result.body_hash, body) == (304, True, None, b"")

    def test_the_same_body_is_recognised_by_its_hash(self, server: Server) -> None:
        server.routes["/f"] = answer(body=gzip.compress(BODY), Content_Encoding="gzip")
        state = FeedState(body_hash=hashlib.sha256(BODY).hexdigest())
        assert get(server.url("/f"), state=state)[0].unchanged
        assert not get(server.url("/f"), state=self.STATE)[0].unchanged

    def test_304_that_nobody_asked_for_is_refused(self, server: Server) -> None:
        server.routes["/f"] = answer(304)
        with pytest.raises(FeedRefused, match="304"):
            get(server.url("/f"))


class TestStatus:
    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
    def test_may_pass(self, server: Server, status: int) -> None:
        server.routes["/f"] = answer(status, Retry_After="7")
        with pytest.raises(FeedUnavailable, match=str(status)) as caught:
            get(server.url("/f"))
        assert (caught.value.status, caught.value.retry_after) == (status, 7.0)

    @pytest.mark.parametrize("status", [206, 300, 400, 401, 403, 404, 410, 451])
    def test_is_final(self, server: Server, status: int) -> None:
        server.routes["/f"] = answer(status)
        with pytest.raises(FeedRefused, match=str(status)) as caught:
            get(server.url("/f"))
        assert caught.value.status == status


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_are_followed(self, server: Server, status: int) -> None:
        server.routes["/a"] = answer(status, b"moved", Location="/b?q=1#f", Set_Cookie="c=1")
        server.routes["/b"] = answer(body=BODY)
        result, body = get(server.url("/a"), auth=AUTH)
        assert body == BODY
        assert result.url == server.url("/b?…")
        assert result.moved_to == (server.url("/b?q=1") if status in {301, 308} else None)
        path, headers = server.requests[1]
        assert path == "/b?q=1"
        assert headers["X-Token"] == "s3cret"
        assert "Cookie" not in headers

    def test_a_space_in_the_target_is_escaped(self, server: Server) -> None:
        server.routes["/a"] = answer(302, Location="/b c")
        server.routes["/b%20c"] = answer(body=BODY)
        assert get(server.url("/a"))[1] == BODY

    def test_the_body_of_a_redirect_is_not_read(self, server: Server) -> None:
        stop = threading.Event()
        start = b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 100000\r\n\r\n"
        server.routes["/a"] = dripping(start, stop)
        server.routes["/b"] = answer(body=BODY)
        policy = FetchPolicy(allow_private_addresses=True, timeout_seconds=5)
        try:
            assert get(server.url("/a"), policy)[1] == BODY
        finally:
            stop.set()

    def test_a_target_in_utf_8(self, server: Server) -> None:
        server.routes["/a"] = raw(
            "HTTP/1.1 302 Found\r\nLocation: /ü\r\nContent-Length: 0\r\n\r\n".encode()
        )
        server.routes["/%C3%BC"] = answer(body=BODY)
        assert get(server.url("/a"))[1] == BODY

    def test_auth_never_leaves_the_origin(self, server: Server) -> None:
        with serving() as other:
            server.routes["/a"] = answer(302, Location=other.url("/b"))
            other.routes["/b"] = answer(302, Location=server.url("/c"))
            server.routes["/c"] = answer(body=BODY)
            get(server.url("/a"), auth=AUTH)
            assert [p for p, h in server.requests if "X-Token" in h] == ["/a"]
            assert [p for p, h in other.requests if "X-Token" in h] == []

    def test_credentials_in_a_target_are_not_used(self, server: Server) -> None:
        target = f"http://ann:pass@127.0.0.1:{server.port}/b"
        server.routes["/a"] = answer(302, Location=target)
        server.routes["/b"] = answer(body=BODY)
        get(server.url("/a"))
        assert "Authorization" not in server.requests[1][1]

    @pytest.mark.parametrize(
        ("location", "error", "reason"),
        [
            ("/a", FeedRefused, "in a circle"),
            ("", FeedRefused, "nowhere"),
            ("http://[x", FeedRefused, "no URL"),
            ("file:///etc/passwd", UrlRefused, "only http"),
            ("ftp://x.test/", UrlRefused, "only http"),
            ("gopher://127.0.0.1/", UrlRefused, "only http"),
        ],
    )
    def test_elsewhere_are_refused(
        self, server: Server, location: str, error: type[PipelineError], reason: str
    ) -> None:
        server.routes["/a"] = answer(302, Location=location)
        with pytest.raises(error, match=reason):
            get(server.url("/a"))

    def test_too_many(self, server: Server) -> None:
        for n in range(10):
            server.routes[f"/{n}"] = answer(302, Location=f"/{n + 1}")
        with pytest.raises(FeedRefused, match="IMPLER_MAX_REDIRECTS"):
            get(server.url("/0"))
        assert len(server.requests) == 6


class TestLimits:
    def test_a_declared_length_beyond_the_cap(self, server: Server) -> None:
        server.routes["/f"] = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nx")
        with pytest.raises(LimitExceeded, match="IMPLER_MAX_FEED_BYTES"):
            get(server.url("/f"))

    def test_an_endless_body(self, server: Server) -> None:
        server.routes["/f"] = raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 3_000_000)
        with pytest.raises(LimitExceeded, match="1000000 bytes"):
            get(server.url("/f"))

    @pytest.mark.parametrize(
        ("encoding", "compress"),
        [
            ("gzip", gzip.compress),
            ("deflate", zlib.compress),
            ("br", lambda data: brotli.compress(data, quality=1)),
            ("zstd", zstandard.compress),
            ("gzip, gzip", lambda data: gzip.compress(gzip.compress(data))),
        ],
    )
    def test_a_bomb(
        self, server: Server, encoding: str, compress: Callable[[bytes], bytes]
    ) -> None:
        server.routes["/f"] = answer(body=compress(bytes(20_000_000)), Content_Encoding=encoding)
        into = io.BytesIO()
        with pytest.raises(LimitExceeded, match="IMPLER_MAX_FEED_BYTES"):
            fetch(server.url("/f"), into, policy=POLICY)
        assert len(into.getvalue()) <= POLICY.max_bytes

    def test_codings_around_each_other(self, server: Server) -> None:
        server.routes["/f"] = answer(body=b"x", Content_Encoding="gzip, gzip, gzip, gzip")
        with pytest.raises(FeedRefused, match="more than 3 codings"):
            get(server.url("/f"))

    def test_silence_is_not_the_end_of_a_body(self, server: Server) -> None:
        stop = threading.Event()
        server.routes["/f"] = dripping(b"HTTP/1.1 200 OK\r\n\r\n", stop, drip=b"")
        policy = FetchPolicy(allow_private_addresses=True, timeout_seconds=0.6)
        try:
            with pytest.raises(FeedUnavailable, match="IMPLER_FETCH_TIMEOUT_SECONDS"):
                get(server.url("/f"), policy)
        finally:
            stop.set()

    @pytest.mark.parametrize(
        "start",
        [
            pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", id="body"),
            pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="body without a length"),
            pytest.param(b"HTTP/1.1 200 OK\r\nX: ", id="header"),
            pytest.param(b"", id="nothing yet"),
            pytest.param(b"HTTP/1.1 200 O", id="status line"),
            pytest.param(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFF\r\n", id="chunk"
            ),
            pytest.param(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", id="chunk extension"
            ),
        ],
    )
    def test_a_slow_drip_is_hung_up_on(self, server: Server, start: bytes) -> None:
        stop = threading.Event()
        server.routes["/f"] = dripping(start, stop)
        policy = FetchPolicy(allow_private_addresses=True, timeout_seconds=0.6)
        try:
            with pytest.raises(FeedUnavailable, match="IMPLER_FETCH_TIMEOUT_SECONDS"):
                get(server.url("/f"), policy)
        finally:
            stop.set()


class TestAddresses:
    def test_are_checked_where_they_are_dialled(self, server: Server) -> None:
        server.routes["/f"] = answer(body=BODY)
        with pytest.raises(AddressRefused, match="loopback"):
            get(server.url("/f?token=s3cret"), FetchPolicy())
        assert server.requests == []

    @pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
    def test_however_they_are_spelled(self, server: Server, host: str) -> None:
        with pytest.raises(AddressRefused):
            get(server.url("/f", host), FetchPolicy())
        assert server.requests == []

    def test_nobody_listens(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            with pytest.raises(FeedUnavailable, match="no connection"):
                get(f"http://127.0.0.1:{unused.getsockname()[1]}/")

    def test_an_unknown_host(self) -> None:
        with pytest.raises(FeedUnavailable, match="can't be resolved"):
            get("http://nowhere.invalid/")

    @pytest.mark.parametrize("url", ["ftp://x.test/", "http://", "http://x.test\\@y/", ""])
    def test_no_url(self, url: str) -> None:
        with pytest.raises(UrlRefused):
            get(url)
