"""The shortest way from a feed's URL to merged rows: one process, no ops, no checks, no records.

HTTP, a walk of lxml's tree, COPY into a temporary table, one merge. It trusts the feed with its
memory, types and keys, and knows no retry, cap, encoding, reject or second run.
"""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Iterator

import psycopg
from lxml import etree

from benchmarks.loading import bare_merge, bare_stage, bare_table
from benchmarks.measuring import measure

_G = "{http://base.google.com/ns/1.0}"
_TAGS = {
    f"{_G}id": 0, "title": 1, "link": 2, "description": 3, f"{_G}price": 4, "pubDate": 5,
    "category": 7,
}  # fmt: skip
_IMAGE, _COLUMNS = 6, 8


def rows(url: str) -> Iterator[list[str | None]]:
    """Each item's eight values; of repeated elements the last one."""
    with urllib.request.urlopen(url) as answer:
        for _, item in etree.iterparse(answer, tag="item"):
            row: list[str | None] = [None] * _COLUMNS
            for child in item:
                column = _TAGS.get(child.tag)
                if column is not None:
                    row[column] = child.text
                elif child.tag == "enclosure":
                    row[_IMAGE] = child.get("url")
            yield row
            item.clear()
            while item.getprevious() is not None:
                del item.getparent()[0]


def run(feed_url: str, store_url: str) -> int:
    """Load the feed into a new table; the number of rows."""
    bare_table(store_url)
    count = 0
    with psycopg.connect(store_url) as connection, connection.cursor() as cursor:
        with cursor.copy(bare_stage(cursor)) as copy:
            for row in rows(feed_url):
                copy.write_row([*row, row[0]])  # the id is the key
                count += 1
        bare_merge(cursor)
    return count


if __name__ == "__main__":
    measure(lambda: run(sys.argv[1], sys.argv[2]))
