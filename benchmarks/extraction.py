"""Extraction of records from a large feed, against lxml alone and against pandas.

The bare walk is as fast as Python on lxml gets: it checks no encoding, depth, size or entity,
keeps only the first of repeated elements, and builds plain lists.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.feeds import FIELDS, ITEM, feed_of
from benchmarks.measuring import Measured, measure, measured, medians
from benchmarks.results import Result

_G = "{http://base.google.com/ns/1.0}"
_WALKED = ("id", "title", "link", "description", "price", "published", "category")
_TAGS = (f"{_G}id", "title", "link", "description", f"{_G}price", "pubDate", "category")
PANDAS_LIMIT_MB = 200  # it keeps the whole tree, about ten times the feed, in memory


def ours(feed: Path) -> int:
    from impler_pipelines.extraction import extract_records

    with feed.open("rb") as source:
        stream = extract_records(source, record_path=ITEM, fields=FIELDS)
        return sum(batch.num_rows for batch in stream)


def bare(feed: Path) -> int:
    from lxml import etree

    columns = dict(zip(_TAGS, range(len(_TAGS)), strict=True))
    image = len(_TAGS)
    lists: list[list[str | None]] = [[] for _ in range(image + 1)]
    for _, item in etree.iterparse(feed, tag="item"):
        row: list[str | None] = [None] * len(lists)
        for child in item:
            column = columns.get(child.tag)
            if column is not None:
                row[column] = child.text
            elif child.tag == "enclosure":
                row[image] = child.get("url")
        for values, value in zip(lists, row, strict=True):
            values.append(value)
        item.clear()
        while item.getprevious() is not None:
            del item.getparent()[0]
    return len(lists[0])


def pandas(feed: Path) -> int:
    import pandas as pd

    return len(pd.read_xml(feed, xpath="/rss/channel/item", parser="lxml"))


_VARIANTS: dict[str, Callable[[Path], int]] = {"ours": ours, "bare": bare, "pandas": pandas}


def results(megabytes: int, runs: int) -> list[Result]:
    """CPU seconds and memory of each variant."""
    feed = feed_of(megabytes)
    variants = [v for v in _VARIANTS if v != "pandas" or megabytes <= PANDAS_LIMIT_MB]

    def run(variant: str) -> Measured:
        return measured("benchmarks.extraction", variant, feed)

    found = medians(variants, run, runs)
    if len({one.amount for one in found.values()}) != 1:
        raise SystemExit(f"the variants found other records: {found}")
    command = f"python -m benchmarks extraction --megabytes {megabytes}"
    what, mine = f"extract 8 columns from a {megabytes} MB feed", found["ours"]
    named = {"bare": "a bare lxml walk", "pandas": "pandas.read_xml"}
    made = []
    for variant, name in named.items():
        other = found.get(variant)
        if other is not None:
            cpu, memory = mine.cpu_seconds, mine.peak_mb
            made += [
                Result(f"{what}, against {name}", cpu, "CPU s", other.cpu_seconds, command),
                Result(f"memory for that, against {name}", memory, "MB", other.peak_mb, command),
            ]
    return made


if __name__ == "__main__":
    work, given = _VARIANTS[sys.argv[1]], Path(sys.argv[2])
    work(feed_of(1))  # imports
    measure(lambda: work(given))
