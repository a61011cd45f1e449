"""A host app and its user's shop: a template, a feed that can change, import jobs on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from impler_pipelines_tests.end_to_end.running_stack import RunningStack
from impler_pipelines_tests.feed_server import FeedServer

COLUMNS = [
    {"key": "sku", "name": "SKU", "type": "String", "isRequired": True, "isUnique": True},
    {"key": "title", "name": "Title", "type": "String", "isRequired": True},
    {"key": "price", "name": "Price", "type": "Double"},
    {"key": "image", "name": "Image", "type": "String"},
]
_ITEM = "rss > channel > item"
MAPPINGS = [
    {"key": "sku", "path": f"{_ITEM} > g:id"},
    {"key": "title", "path": f"{_ITEM} > title"},
    {"key": "price", "path": f"{_ITEM} > g:price"},
    {"key": "image", "path": f"{_ITEM} > enclosure > @url"},
]
FEED = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title>
<item><g:id>A1</g:id><title>Lamp</title><g:price>10.50</g:price><enclosure url="/a1.jpg"/></item>
<item><g:id>A2</g:id><title>Chair &amp; table</title></item>
<item><g:id>A3</g:id><title><![CDATA[<Desk>]]></title><g:price>99</g:price></item>
<item><g:id>A4</g:id><title>Broken</title><g:price>not a number</g:price></item>
</channel></rss>"""
ROWS = [
    ("A1", "Lamp", 10.5, "/a1.jpg"),
    ("A2", "Chair & table", None, None),
    ("A3", "<Desk>", 99.0, None),
]
EVERY_MINUTE = {"every": 1, "unit": "minutes"}
# Not due while a test runs, whatever moment of the day is derived from the import job's id.
NOT_DUE = {"every": 1, "unit": "months", "startsOn": "2099-01-01"}


@dataclass
class Shop:
    """One template on one stack; each story has a table and a feed of its own."""

    stack: RunningStack
    feeds: FeedServer

    def import_job(
        self,
        name: str,
        *,
        host: str | None = None,
        columns: Sequence[Mapping[str, Any]] = COLUMNS,
        **changes: Any,
    ) -> dict[str, Any]:
        """An import job on ``/NAME.xml`` into the table ``NAME``, by way of the control API.

        ``host`` is another name of the one feed server: to the product, another host.
        """
        url = f"http://{host or self.feeds.address}:{self.feeds.port}/{name}.xml"
        self.feeds.routes.setdefault(f"/{name}.xml", (200, {"ETag": '"v1"'}, FEED))
        template = self.stack.call(
            "POST",
            "/v1/templates",
            {
                "name": name,
                "mode": "automatic",
                "columns": list(columns),
                "destinations": [{"type": "sql", "table": name, "mode": "upsert"}],
            },
            status=201,
        )
        body = {"url": url, "externalUserId": name, "mappings": MAPPINGS, "interval": NOT_DUE}
        made = self.stack.call(
            "POST", f"/v1/import-jobs/{template['_id']}", body | changes, status=201
        )
        return dict(made)

    def rows(self, name: str) -> list[tuple[Any, ...]]:
        """What was loaded for ``import_job(name)``."""
        return self.stack.rows(name, "sku, title, price, image")
