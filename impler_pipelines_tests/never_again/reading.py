"""Points 1 to 3: N records are N rows with their own values, and every value is looked at."""

from __future__ import annotations

import io
import json
from typing import Any

from impler_pipelines.extraction import extract_records
from impler_pipelines.model import Column, ColumnType, FieldMapping, Repeated
from impler_pipelines_tests.extraction.feeds import RSS_ITEM, rss
from impler_pipelines_tests.mapping.samples import map_records

TITLE = FieldMapping("title", f"{RSS_ITEM} > title")
PRICE = FieldMapping("price", f"{RSS_ITEM} > price")


def rows(feed: bytes, *fields: FieldMapping) -> list[dict[str, Any]]:
    stream = extract_records(io.BytesIO(feed), record_path=RSS_ITEM, fields=fields)
    return [row for batch in stream for row in batch.to_pylist()]


def missing_field() -> None:
    feed = rss("<title>a</title>", "<title>b</title><price>2</price>", "<price>3</price>")
    assert rows(feed, TITLE, PRICE) == [
        {"title": "a", "price": None},
        {"title": "b", "price": "2"},
        {"title": None, "price": "3"},
    ]


def as_many_rows_as_records() -> None:
    items = [
        (f"<title>{n}</title>" if n % 2 else "") + (f"<price>{n}</price>" if n % 3 else "")
        for n in range(600)
    ]
    assert rows(rss(*items), TITLE, PRICE) == [
        {"title": str(n) if n % 2 else None, "price": str(n) if n % 3 else None} for n in range(600)
    ]


def namesakes_elsewhere() -> None:
    """A ``title`` of the channel, or deeper in the record, is not the record's title."""
    feed = rss("<media><title>deep</title></media>", "<title>own</title>", head="<price>0</price>")
    found = rows(feed, TITLE, PRICE)
    assert found == [{"title": None, "price": None}, {"title": "own", "price": None}]


def repeated_elements() -> None:
    feed = rss("<title>a</title><tag>x</tag><tag>y</tag>", "<title>b</title>")
    path = f"{RSS_ITEM} > tag"
    first, joined, listed = [
        rows(feed, TITLE, FieldMapping("tags", path, repeated))
        for repeated in (Repeated.FIRST, Repeated.JOIN, Repeated.JSON)
    ]
    assert first == [{"title": "a", "tags": "x"}, {"title": "b", "tags": None}]
    assert joined == [{"title": "a", "tags": "x, y"}, {"title": "b", "tags": None}]
    assert listed == [{"title": "a", "tags": '["x", "y"]'}, {"title": "b", "tags": None}]


def repeated_elements_with_attributes() -> None:
    feed = rss('<tag kind="k1">x</tag><tag>y</tag><tag kind="k3"/>', '<tag kind="k4">z</tag>')
    texts = FieldMapping("texts", f"{RSS_ITEM} > tag", Repeated.JSON)
    kinds = FieldMapping("kinds", f"{RSS_ITEM} > tag > @kind", Repeated.JSON)
    one, two = rows(feed, texts, kinds)
    assert json.loads(one["texts"]) == ["x", "y"]
    assert json.loads(one["kinds"]) == ["k1", "k3"]
    assert (json.loads(two["texts"]), json.loads(two["kinds"])) == (["z"], ["k4"])


def a_hundred_and_fifty_thousand_items() -> None:
    body = b"<item><title>t</title></item>" * 150_000
    feed = b'<rss version="2.0"><channel>' + body + b"</channel></rss>"
    stream = extract_records(io.BytesIO(feed), record_path=RSS_ITEM, fields=(TITLE,))
    assert sum(batch.num_rows for batch in stream) == 150_000


COLUMNS = [
    Column("title", "Title", is_required=True),
    Column("price", "Price", ColumnType.DOUBLE),
    Column("mail", "Mail", ColumnType.EMAIL),
]


def every_column_is_validated() -> None:
    mapped = map_records([{"title": None, "price": "cheap", "mail": "nobody"}], COLUMNS)
    assert mapped.reasons() == [
        (0, "title", "required"),
        (0, "price", "double"),
        (0, "mail", "email"),
    ]


def a_row_or_a_reject() -> None:
    records = [{"title": f"t{n}", "price": "x" if n % 4 == 0 else "1"} for n in range(40)]
    mapped = map_records(records, COLUMNS, sizes=[7, 20])
    refused = {reject.index for reject in mapped.rejects}
    assert refused == set(range(0, 40, 4))
    assert [row["title"] for row in mapped.valid] == [
        f"t{n}" for n in range(40) if n not in refused
    ]
