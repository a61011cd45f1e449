"""Extraction of records and headings from feeds of 1 MB to 1 GB, against what else reads XML.

* libxml2 with no handlers is the floor: it finds the document well-formed, and that is all.
* The bare walk is as fast as Python on lxml's tree gets: it checks no encoding, depth, size or
  entity, keeps only the first of repeated elements, and builds plain lists.
* pandas.read_xml and feedparser are what people would use instead; both keep everything in memory.
"""

from __future__ import annotations

import sys
import tempfile
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
    """Arrow batches, written to a file as a run's op does."""
    import pyarrow as pa

    from impler_pipelines.extraction import extract_records

    with feed.open("rb") as source, tempfile.TemporaryFile() as file:
        stream = extract_records(source, record_path=ITEM, fields=FIELDS)
        with pa.ipc.new_stream(file, stream.schema) as writer:
            for batch in stream:
                writer.write_batch(batch)
        return stream.records


def headings(feed: Path) -> int:
    from impler_pipelines.extraction import read_feed

    with feed.open("rb") as source:
        return read_feed(source).record_count


class _Nothing:
    def close(self) -> None:
        pass


def libxml2(feed: Path) -> int:
    from lxml import etree

    parser = etree.XMLParser(target=_Nothing(), resolve_entities=False)
    items, tail = 0, b""  # counted beside the parser, which counts nothing
    with feed.open("rb") as source:
        while chunk := source.read(32 * 1024):
            parser.feed(chunk)
            items += (tail + chunk).count(b"</item>")
            tail = chunk[-len(b"/item>") :]
    parser.close()
    return items


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


def feedparser(feed: Path) -> int:
    import feedparser as library

    return len(library.parse(str(feed)).entries)


_VARIANTS: dict[str, Callable[[Path], int]] = {
    one.__name__: one for one in (ours, headings, libxml2, bare, pandas, feedparser)
}
_NAMES = {
    "libxml2": "libxml2 with no handlers",
    "bare": "a bare lxml walk",
    "pandas": "pandas.read_xml",
    "feedparser": "feedparser",
}
_MOST_MB = {"pandas": PANDAS_LIMIT_MB, "feedparser": 10}


def results(megabytes: int, runs: int) -> list[Result]:
    """CPU seconds and memory of each variant: a feed of that size, smaller ones, a larger one."""
    made: list[Result] = []
    mine: dict[int, Measured] = {}
    command = f"python -m benchmarks extraction --megabytes {megabytes}"
    for size in sorted({1, 10, megabytes, 10 * megabytes}):
        found = _of_size(size, runs if size <= megabytes else 1)
        mine[size] = found["ours"]
        made += _compared(size, found, command)
    large, small = mine[10 * megabytes].peak_mb, mine[megabytes].peak_mb
    what = f"extract_records, {10 * megabytes} MB, against {megabytes} MB"
    return [*made, Result(what, large, "MB peak", small, command)]


def _of_size(size: int, runs: int) -> dict[str, Measured]:
    feed = feed_of(size)
    variants = [v for v in _VARIANTS if size <= _MOST_MB.get(v, size)]

    def run(variant: str) -> Measured:
        return measured("benchmarks.extraction", variant, feed)

    found = medians(variants, run, runs)
    if len({one.amount for one in found.values()}) != 1:
        raise SystemExit(f"the variants found other records: {found}")
    return found


def _compared(size: int, found: dict[str, Measured], command: str) -> list[Result]:
    mine, made = found["ours"], []

    def compare(what: str, own: Measured, name: str, other: Measured) -> None:
        cpu, memory = own.cpu_seconds, own.peak_mb
        made.append(Result(f"{what}, against {name}", cpu, "CPU s", other.cpu_seconds, command))
        made.append(Result(f"{what}, against {name}", memory, "MB peak", other.peak_mb, command))

    for variant, name in _NAMES.items():
        if variant in found:
            compare(f"extract_records, {size} MB", mine, name, found[variant])
    compare(f"all headings, {size} MB", found["headings"], "extract_records", mine)
    return made


if __name__ == "__main__":
    work, given = _VARIANTS[sys.argv[1]], Path(sys.argv[2])
    work(feed_of(1))  # imports
    measure(lambda: work(given))
