"""A host app's side of the control API: requests, and the shapes every answer must have."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import httpx

from impler_pipelines_tests.feed_server import FeedServer

COLUMNS: list[dict[str, Any]] = [
    {"key": "title", "name": "Title", "type": "String", "isRequired": True},
    {"key": "link", "name": "Link", "type": "String", "isRequired": True, "isUnique": True},
    {"key": "price", "name": "Price", "type": "Double"},
]
MAPPINGS = [
    {"key": "title", "path": "rss > channel > item > title"},
    {"key": "link", "path": "rss > channel > item > link"},
    {"key": "price", "path": "rss > channel > item > g:price"},
]
FEED = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title>
<item><title>Lamp</title><link>https://shop.test/1</link><g:price>10.50</g:price></item>
<item><title>Chair</title><link>https://shop.test/2</link></item>
<item><title>Desk</title><link>https://shop.test/3</link><g:price>99</g:price></item>
</channel></rss>"""
ATOM = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title>
<entry><id>1</id><title>One</title></entry><entry><id>2</id><title>Two</title></entry></feed>"""
EVERY_DAY = {"every": 1, "unit": "days"}


def with_items(items: str) -> str:
    """``FEED`` with these items in place of its own."""
    start, _, end = FEED.partition("<item>")
    return start + items + end[end.rindex("</channel>") :]


def numbered(count: int, *, padding: str = "") -> str:
    """``FEED`` with so many items, every second one without a price that can be read."""
    return with_items(
        "".join(
            f"<item><title>T{n}</title><link>/{n}</link>"
            f"<g:price>{n if n % 2 else 'x'}</g:price><d>{padding}</d></item>"
            for n in range(count)
        )
    )


@dataclass
class HostApp:
    """Sends requests with one project's key."""

    http: httpx.Client

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """One request; ``path`` is sent as it is, escapes included."""
        if body is not None:
            options["json"] = body
        return self.http.request(method, path, **options)

    def ok(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """The JSON of an answer that must have ``status``."""
        answer = self.call(method, path, body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def refused(
        self, status: int, method: str, path: str, body: Any = None, **options: Any
    ) -> dict[str, Any]:
        """The body of an error that must have ``status`` and the one shape."""
        answer = self.call(method, path, body, **options)
        assert answer.status_code == status, answer.text
        return problem(answer)

    def template(self, **changes: Any) -> dict[str, Any]:
        # Tables are the installation's, so that names are as many as tests.
        body = {"name": f"Products {secrets.token_hex(8)}", "columns": COLUMNS} | changes
        made: dict[str, Any] = self.ok("POST", "/v1/templates", body, status=201)
        return made

    def session(self, template: dict[str, Any], user: str = "ann", **more: Any) -> str:
        """The token of a new session."""
        body = {"templateId": template["_id"], "externalUserId": user} | more
        return str(self.ok("POST", "/v1/sessions", body, status=201)["sessionToken"])

    def import_job(
        self, feed: FeedServer, template: dict[str, Any] | None = None, **changes: Any
    ) -> dict[str, Any]:
        """A new import job, RUNNING unless ``changes`` say otherwise; None leaves a field out."""
        template = template or self.template()
        url = feed.serve("/feed.xml", FEED)
        body = {"url": url, "externalUserId": "ann", "mappings": MAPPINGS, "interval": EVERY_DAY}
        body = {k: v for k, v in (body | changes).items() if v is not None}
        made: dict[str, Any] = self.ok(
            "POST", f"/v1/import-jobs/{template['_id']}", body, status=201
        )
        return made


def problem(answer: httpx.Response) -> dict[str, Any]:
    """An error's body, once it has been seen to have the one shape."""
    assert answer.headers["content-type"] == "application/json"
    body: dict[str, Any] = answer.json()
    assert set(body) - {"details", "cause", "feeds"} == {"statusCode", "error", "message"}
    assert body["statusCode"] == answer.status_code
    assert body["error"] == httpx.codes.get_reason_phrase(answer.status_code)
    assert isinstance(body["message"], str)
    assert body["message"]
    for detail in body.get("details", []):
        assert set(detail) == {"field", "message"}
    return body


def fields(body: dict[str, Any]) -> list[str]:
    """Which fields an error names."""
    return [detail["field"] for detail in body["details"]]
