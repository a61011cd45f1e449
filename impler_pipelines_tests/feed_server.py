"""A real HTTP/1.1 server on loopback that serves given routes and records requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, cast


@dataclass(frozen=True)
class Request:
    """One request as it came in. ``headers`` keeps the spelling; ``header`` finds any spelling."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def header(self, name: str) -> str | None:
        return next((v for k, v in self.headers.items() if k.lower() == name.lower()), None)


Answer = tuple[int, Mapping[str, str], bytes | str]
Route = Answer | Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers from ``server.feed.routes``. A callable route gets this handler and writes itself."""

    protocol_version = "HTTP/1.1"
    server_version: ClassVar[str] = "feed"
    body: bytes

    def _serve(self) -> None:
        feed = cast("_Server", self.server).feed
        self.body = self._read_body()
        request = Request(self.command, self.path, dict(self.headers.items()), self.body)
        feed.requests.append(request)
        route = feed.routes.get(self.path) or feed.routes.get(request.path)
        if callable(route):
            route(self)
            return
        status, headers, body = route or (404, {"Content-Type": "text/plain"}, b"not here")
        self.answer(status, headers, body)

    do_GET = do_HEAD = do_POST = _serve  # noqa: N815 - the base class calls them so

    def answer(self, status: int, headers: Mapping[str, str], body: bytes | str = b"") -> None:
        """Send one complete answer; 304 without a body if the client has this ``ETag`` already."""
        content = body.encode() if isinstance(body, str) else body
        given = {name.lower() for name in headers}
        etag = next((v for k, v in headers.items() if k.lower() == "etag"), None)
        if etag is not None and self.headers.get("If-None-Match") == etag:
            status, content = 304, b""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "content-length" not in given and "transfer-encoding" not in given:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _read_body(self) -> bytes:
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(length) if length else b""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's signature
        """Requests are recorded, not printed."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    feed: FeedServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what some tests are about."""


@dataclass
class FeedServer:
    """``routes`` maps a path (or a full target with its query) to an answer; change it any time."""

    routes: dict[str, Route] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    address: str = "127.0.0.1"

    def __enter__(self) -> FeedServer:
        self._server = _Server((self.address, 0), Handler)
        self._server.feed = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str = "/") -> str:
        return f"http://{self.address}:{self.port}{path}"

    def serve(self, path: str, body: bytes | str, *, status: int = 200, **headers: str) -> str:
        """Serve ``body`` at ``path`` and return its URL; ``content_type=`` sets Content-Type."""
        named = {name.replace("_", "-").title(): value for name, value in headers.items()}
        self.routes[path] = (status, {"Content-Type": "application/xml"} | named, body)
        return self.url(path)

    def requests_for(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]
