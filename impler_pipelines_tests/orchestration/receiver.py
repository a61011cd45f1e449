"""A webhook's other side: a real server that takes pages, or does not, and remembers what came."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from impler_pipelines_tests.feed_server import FeedServer, Handler, Request

PATH = "/hook"


class Receiver:
    """Answers 200 unless ``answers`` holds another status, which is then used up."""

    def __init__(self, server: FeedServer) -> None:
        self._server = server
        self.answers: list[tuple[int, Mapping[str, str]]] = []
        self.always: tuple[int, Mapping[str, str]] = (200, {})
        server.routes[PATH] = self._answer

    @property
    def url(self) -> str:
        return self._server.url(PATH)

    @property
    def requests(self) -> list[Request]:
        """Every try, in order."""
        return self._server.requests_for(PATH)

    @property
    def pages(self) -> list[dict[str, Any]]:
        """Every try's body, in order."""
        return [json.loads(request.body) for request in self.requests]

    @property
    def distinct(self) -> list[dict[str, Any]]:
        """The bodies without repeats, told by their ids as receivers do, in order."""
        return list({r.header("webhook-id"): json.loads(r.body) for r in self.requests}.values())

    def records(self) -> list[Any]:
        """All records that came, each page once."""
        return [record for page in self.distinct for record in page["data"]]

    def _answer(self, handler: Handler) -> None:
        status, headers = self.answers.pop(0) if self.answers else self.always
        handler.answer(status, headers, b"")


def signature(request: Request, secret: str) -> str:
    """What the signature of a request has to be, by the words of the specification."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    parts = [request.header("webhook-id"), request.header("webhook-timestamp")]
    content = f"{parts[0]}.{parts[1]}.".encode() + request.body
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
