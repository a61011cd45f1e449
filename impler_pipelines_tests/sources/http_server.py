"""A real HTTP server on loopback whose answers a test decides, byte by byte if it likes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Server:
    """``routes``: path → answer. ``requests``: (path, headers) of what has come in."""

    port: int
    host: str
    routes: dict[str, Answer] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str, host: str | None = None) -> str:
        return f"http://{host or self.host}:{self.port}{path}"


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Answer:
    """An answer with a right Content-Length unless ``Content_Length`` is given."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return send


def raw(data: bytes) -> Answer:
    """Exactly these bytes, then the connection is closed."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(data)
        handler.close_connection = True

    return send


def dripping(start: bytes, stop: threading.Event, drip: bytes = b"x") -> Answer:
    """``start``, then ``drip`` now and then until ``stop`` or until nobody listens."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        try:
            handler.wfile.write(start)
            while not stop.wait(0.02):
                handler.wfile.write(drip)
        except OSError:
            return

    return send


@contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[Server]:
    """A server on a free port of ``host``, stopped in the end."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.requests.append((self.path, dict(self.headers.items())))
            route = server.routes.get(self.path.partition("?")[0], answer(404))
            route(self)

        def log_message(self, *args: Any) -> None:
            pass

    class Threading(ThreadingHTTPServer):
        daemon_threads = True
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        def handle_error(self, *args: Any) -> None:
            pass  # clients that hang up are part of the tests

    httpd = Threading((host, 0), Handler)
    server = Server(httpd.server_port, host)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()
