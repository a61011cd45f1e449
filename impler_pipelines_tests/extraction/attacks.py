"""Documents that try to cost more than they should, and what reading one of them has cost.

``python -m impler_pipelines_tests.extraction.attacks NAME`` reads one, as a person's inspection and
as a run do, and prints what came of it with CPU seconds and the peak of memory.
"""

from __future__ import annotations

import bz2
import gzip
import json
import sys
import zlib
from collections.abc import Callable

import brotli
import zstandard

from impler_pipelines_tests.extraction.feeds import RSS_ITEM, doctype, rss
from impler_pipelines_tests.measured_run import cpu_seconds, peak_mb

_MB = 1024**2


def _many(text: str, count: int) -> str:
    return "".join(text % number for number in range(count))


def _zeros(mb: int) -> bytes:
    return rss("<a>1</a>") + b" " * (mb * _MB)


def _laughs() -> str:
    lols = _many('<!ENTITY l%d "lol">', 1)
    return lols + "".join(f"<!ENTITY l{n} '" + f"&l{n - 1};" * 10 + "'>" for n in range(1, 12))


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


ATTACKS: dict[str, Callable[[], bytes]] = {
    "levels": lambda: b"<a>" * 1_000_000 + b"</a>" * 1_000_000,
    "levels in a record": lambda: rss("<a>" * 100_000 + "</a>" * 100_000),
    "attributes": lambda: rss("<a " + _many("a%d='' ", 1_000_000) + "/>"),
    "namespaces": lambda: rss("<a " + _many("xmlns:a%d='u' ", 300_000) + "/>"),
    "namespaces in turns": lambda: rss(_many("<a xmlns:a%d='u'/>", 300_000)),
    "names": lambda: rss(_many("<a%d/>", 1_000_000)),
    "names of attributes": lambda: rss(_many("<a b%d=''/>", 1_000_000)),
    "undeclared prefixes": lambda: rss(_many("<a%d:b/>", 500_000)),
    "one undeclared prefix": lambda: rss("<a:b/>" * 1_000_000),
    "a name": lambda: rss(f"<{'a' * 50 * _MB}/>"),
    "a text": lambda: rss(f"<a>{'x' * 50 * _MB}</a>"),
    "a comment": lambda: rss(f"<!--{'x' * 50 * _MB}-->"),
    "an instruction": lambda: rss(f"<?x {'x' * 50 * _MB}?>"),
    "a CDATA section": lambda: rss(f"<a><![CDATA[{'x' * 50 * _MB}]]></a>"),
    "an attribute's value": lambda: rss(f"<a b='{'x' * 50 * _MB}'/>"),
    "a record": lambda: rss("<a>x</a>" * 12_000_000),
    "white space before the root": lambda: b" " * 60 * _MB + rss("<a/>"),
    "comments before the root": lambda: b"<!-- -->" * 3_000_000 + rss("<a/>"),
    "an open tag": lambda: b"<rss><channel><item " + b"a " * 20 * _MB,
    "an open comment": lambda: b"<rss><!-- " + b"- " * 20 * _MB,
    "less-than signs": lambda: b"<rss>" + b"<" * 20 * _MB,
    "a malformed end": lambda: rss(*["<a>1</a>"] * 500_000)[:-10],
    "a billion laughs": lambda: doctype(_laughs(), "<a>&l11;</a>"),
    "a billion laughs in UTF-16": lambda: (
        doctype(_laughs(), "<a>&l11;</a>").decode().encode("utf-16")
    ),
    "a billion laughs in UTF-32": lambda: (
        doctype(_laughs(), "<a>&l11;</a>").decode().encode("utf-32")
    ),
    "a billion laughs in an attribute": lambda: doctype(_laughs(), "<a b='&l11;'/>"),
    "a billion laughs in a default": lambda: doctype(
        f"{_laughs()}<!ATTLIST a b CDATA '&l11;'>", "<a/>"
    ),
    "quadratic blowup": lambda: doctype(
        f'<!ENTITY x "{"x" * 100_000}">', f"<a>{'&x;' * 100_000}</a>"
    ),
    "parameter entities": lambda: doctype(
        "<!ENTITY % p0 '<!ENTITY x \"y\">'>"
        + "".join(f"<!ENTITY % p{n} '" + f"&#37;p{n - 1};" * 10 + "'>" for n in range(1, 9))
        + "%p8;",
        "<a>1</a>",
    ),
    "declarations of attributes": lambda: doctype(
        "<!ATTLIST a " + _many("b%d CDATA '' ", 300_000) + ">", "<a/>"
    ),
    "declarations of attributes, few enough": lambda: doctype(
        "<!ATTLIST a " + _many("b%d CDATA '' ", 7_000) + ">", "<a/>"
    ),
    "a content model": lambda: doctype(
        f"<!ELEMENT a {'(' * 50_000}b{')' * 50_000}>", "<a>1</a>"
    ),
    "entities": lambda: doctype(_many('<!ENTITY e%d "x">', 400_000), "<a>&e7;</a>"),
    "entities inside each other": lambda: doctype(
        "<!ENTITY e0 'x'>" + "".join(f"<!ENTITY e{n} '&e{n - 1};'>" for n in range(1, 20_000)),
        "<a>&e19999;</a>",
    ),
    "a subset without end": lambda: b"<!DOCTYPE rss [" + b"<!ENTITY a 'b'>" * 1_000_000,
    "HTML entities": lambda: rss(f"<a>{'&nbsp;' * 1_500_000}</a>"),
    "gzip": lambda: gzip.compress(_zeros(3000), 9),
    "gzip twice": lambda: gzip.compress(gzip.compress(_zeros(3000))),
    "gzip over and over": lambda: gzip.compress(
        gzip.compress(gzip.compress(gzip.compress(gzip.compress(rss("<a>1</a>")))))
    ),
    "deflate": lambda: zlib.compress(_zeros(3000)),
    "bzip2": lambda: bz2.compress(_zeros(3000)),
    "zstd": lambda: _zstd(_zeros(3000)),
    "zstd around gzip": lambda: _zstd(gzip.compress(_zeros(3000))),
    "brotli": lambda: brotli.compress(_zeros(500), quality=4),
    "gzip around UTF-16": lambda: gzip.compress(_zeros(1200).decode().encode("utf-16"), 1),
}  # fmt: skip


def main(name: str) -> None:
    """Read one, twice; print what came of it."""
    from impler_pipelines.errors import PipelineError
    from impler_pipelines.extraction import Limits, extract_records, read_feed
    from impler_pipelines.model import FieldMapping

    document = ATTACKS[name]()
    limits = Limits(max_bytes=1024 * _MB)
    before, peak_before = cpu_seconds(), peak_mb()
    came_of = []
    for read in (
        lambda: read_feed(document, limits=limits),
        lambda: list(
            extract_records(
                document,
                record_path=RSS_ITEM,
                fields=[FieldMapping("a", f"{RSS_ITEM} > a")],
                limits=limits,
            )
        ),
    ):
        try:
            read()
            came_of.append("read")
        except PipelineError as error:
            came_of.append(f"{type(error).__name__}: {error}")
    cost = {"cpu_seconds": cpu_seconds() - before, "mb": peak_mb() - peak_before}
    print(json.dumps({"came_of": came_of, "bytes": len(document), **cost}))


if __name__ == "__main__":
    main(sys.argv[1])
