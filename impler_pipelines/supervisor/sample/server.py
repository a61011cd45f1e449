"""A program that serves the sample feed on loopback: ``python -m …sample.server PORT``.

It stands in for somebody's shop, with an ETag as a good one sends.
"""

from __future__ import annotations

import hashlib
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from impler_pipelines.supervisor.ports import LOOPBACK

FEED_PATH = "/feed.xml"
_FEED_FILE = Path(__file__).with_name("feed.xml")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path != FEED_PATH:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        body = _FEED_FILE.read_bytes()
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        unchanged = self.headers.get("If-None-Match") == etag
        self.send_response(HTTPStatus.NOT_MODIFIED if unchanged else HTTPStatus.OK)
        self.send_header("ETag", etag)
        self.send_header("Content-Type", "application/rss+xml; charset=utf-8")
        self.send_header("Content-Length", "0" if unchanged else str(len(body)))
        self.end_headers()
        if not unchanged:
            self.wfile.write(body)


def feed_url(port: int) -> str:
    """The sample feed's address on that port."""
    return f"http://{LOOPBACK}:{port}{FEED_PATH}"


if __name__ == "__main__":
    ThreadingHTTPServer((LOOPBACK, int(sys.argv[1])), _Handler).serve_forever()
