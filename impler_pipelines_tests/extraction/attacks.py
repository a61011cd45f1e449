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


# What comes of both readings (a regular expression), and the document.
ATTACKS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "levels": (
        "IMPLER_MAX_DEPTH",
        lambda: b"<a>" * 1_000_000,
    ),
    "levels in a record": (
        "IMPLER_MAX_DEPTH",
        lambda: rss("<a>" * 100_000 + "</a>" * 100_000),
    ),
    "attributes": (
        "IMPLER_MAX_ATTRIBUTES",
        lambda: rss("<a " + _many("a%d='' ", 1_000_000) + "/>"),
    ),
    "namespaces": (
        "IMPLER_MAX_ATTRIBUTES",
        lambda: rss("<a " + _many("xmlns:a%d='u' ", 300_000) + "/>"),
    ),
    "namespaces in turns": (
        "read",
        lambda: rss(_many("<a xmlns:a%d='u'/>", 100_000)),
    ),
    "names": (
        "IMPLER_MAX_PATHS|read",
        lambda: rss(_many("<a%d/>", 200_000)),
    ),
    "names of attributes": (
        "IMPLER_MAX_PATHS|read",
        lambda: rss(_many("<a b%d=''/>", 200_000)),
    ),
    "undeclared prefixes": (
        "IMPLER_MAX_PATHS|read",
        lambda: rss(_many("<a%d:b/>", 200_000)),
    ),
    "one undeclared prefix": (
        "read",
        lambda: rss("<a:b/>" * 300_000),
    ),
    "a name": (
        "A name in the feed is too long",
        lambda: rss(f"<{'a' * 50 * _MB}/>"),
    ),
    "a text": (
        "One value of the feed is too large",
        lambda: rss(f"<a>{'x' * 50 * _MB}</a>"),
    ),
    "a comment": (
        "One value of the feed is too large",
        lambda: rss(f"<!--{'x' * 50 * _MB}-->"),
    ),
    "an instruction": (
        "One value of the feed is too large",
        lambda: rss(f"<?x {'x' * 50 * _MB}?>"),
    ),
    "a CDATA section": (
        "One value of the feed is too large",
        lambda: rss(f"<a><![CDATA[{'x' * 50 * _MB}]]></a>"),
    ),
    "an attribute's value": (
        "One value of the feed is too large",
        lambda: rss(f"<a b='{'x' * 50 * _MB}'/>"),
    ),
    "a record": (
        "IMPLER_MAX_RECORD_ELEMENTS",
        lambda: rss("<a>x</a>" * 2_000_000),
    ),
    "white space before the root": (
        "FeedUnreadable: The feed is empty",
        lambda: b" " * 60 * _MB + rss("<a/>"),
    ),
    "comments before the root": (
        "IMPLER_MAX_PROLOG_BYTES",
        lambda: b"<!-- -->" * 500_000 + rss("<a/>"),
    ),
    "an open tag": (
        "FeedMalformed.*breaks off",
        lambda: b"<rss><channel><item " + b"a " * 20 * _MB,
    ),
    "an open comment": (
        "One value of the feed is too large",
        lambda: b"<rss><!-- " + b"- " * 20 * _MB,
    ),
    "less-than signs": (
        "IMPLER_MAX_RECORD_ELEMENTS",
        lambda: b"<rss>" + b"<" * 20 * _MB,
    ),
    "a malformed end": (
        "FeedMalformed.*breaks off",
        lambda: rss(*["<a>1</a>"] * 200_000)[:-10],
    ),
    "a billion laughs": (
        "IMPLER_MAX_ENTITY_EXPANSION_BYTES",
        lambda: doctype(_laughs(), "<a>&l11;</a>"),
    ),
    "a billion laughs in UTF-16": (
        "IMPLER_MAX_ENTITY_EXPANSION_BYTES",
        lambda: doctype(_laughs(), "<a>&l11;</a>").decode().encode("utf-16"),
    ),
    "a billion laughs in UTF-32": (
        "IMPLER_MAX_ENTITY_EXPANSION_BYTES",
        lambda: doctype(_laughs(), "<a>&l11;</a>").decode().encode("utf-32"),
    ),
    "a billion laughs in an attribute": (
        "IMPLER_MAX_ENTITY_EXPANSION_BYTES",
        lambda: doctype(_laughs(), "<a b='&l11;'/>"),
    ),
    "a billion laughs in a default": (
        "IMPLER_MAX_ENTITY_EXPANSION_BYTES",
        lambda: doctype(f"{_laughs()}<!ATTLIST a b CDATA '&l11;'>", "<a/>"),
    ),
    "quadratic blowup of a default": (
        "IMPLER_MAX_ENTITY_EXPANSION_BYTES",
        lambda: doctype(f"<!ATTLIST i b CDATA '{'x' * 100_000}'>", f"<a>{'<i/>' * 100_000}</a>"),
    ),
    "quadratic blowup": (
        "IMPLER_MAX_ENTITY_EXPANSION_BYTES",
        lambda: doctype(f'<!ENTITY x "{"x" * 100_000}">', f"<a>{'&x;' * 100_000}</a>"),
    ),
    "parameter entities": (
        "FeedMalformed.*DOCTYPE",
        lambda: doctype(
            "<!ENTITY % p0 '<!ENTITY x \"y\">'>"
            + "".join(f"<!ENTITY % p{n} '" + f"&#37;p{n - 1};" * 10 + "'>" for n in range(1, 9))
            + "%p8;",
            "<a>1</a>",
        ),
    ),
    "declarations of attributes": (
        "IMPLER_MAX_PROLOG_BYTES",
        lambda: doctype("<!ATTLIST a " + _many("b%d CDATA '' ", 300_000) + ">", "<a/>"),
    ),
    "declarations of attributes, few enough": (
        "read",
        lambda: doctype("<!ATTLIST a " + _many("b%d CDATA '' ", 7_000) + ">", "<a/>"),
    ),
    "a content model": (
        "FeedMalformed.*DOCTYPE",
        lambda: doctype(f"<!ELEMENT a {'(' * 50_000}b{')' * 50_000}>", "<a>1</a>"),
    ),
    "entities": (
        "IMPLER_MAX_PROLOG_BYTES",
        lambda: doctype(_many('<!ENTITY e%d "x">', 100_000), "<a>&e7;</a>"),
    ),
    "entities inside each other": (
        "FeedMalformed.*inside too many others",
        lambda: doctype(
            "<!ENTITY e0 'x'>" + "".join(f"<!ENTITY e{n} '&e{n - 1};'>" for n in range(1, 20_000)),
            "<a>&e19999;</a>",
        ),
    ),
    "a subset without end": (
        "IMPLER_MAX_PROLOG_BYTES",
        lambda: b"<!DOCTYPE rss [" + b"<!ENTITY a 'b'>" * 200_000,
    ),
    "HTML entities": (
        "read",
        lambda: rss(f"<a>{'&nbsp;' * 100_000}</a>"),
    ),
    "gzip": (
        "IMPLER_MAX_",
        lambda: gzip.compress(_zeros(300), 9),
    ),
    "gzip twice": (
        "IMPLER_MAX_",
        lambda: gzip.compress(gzip.compress(_zeros(300))),
    ),
    "gzip over and over": (
        "IMPLER_MAX_COMPRESSION_LAYERS",
        lambda: gzip.compress(
            gzip.compress(gzip.compress(gzip.compress(gzip.compress(rss("<a>1</a>")))))
        ),
    ),
    "deflate": (
        "IMPLER_MAX_",
        lambda: zlib.compress(_zeros(300)),
    ),
    "bzip2": (
        "IMPLER_MAX_",
        lambda: bz2.compress(_zeros(300)),
    ),
    "zstd": (
        "IMPLER_MAX_",
        lambda: _zstd(_zeros(300)),
    ),
    "zstd around gzip": (
        "IMPLER_MAX_",
        lambda: _zstd(gzip.compress(_zeros(300))),
    ),
    "gzip around UTF-16": (
        "IMPLER_MAX_",
        lambda: gzip.compress(_zeros(200).decode().encode("utf-16"), 1),
    ),
}


def main(name: str) -> None:
    """Read one, twice; print what came of it."""
    from impler_pipelines.errors import PipelineError
    from impler_pipelines.extraction import Limits, extract_records, read_feed
    from impler_pipelines.model import FieldMapping

    _, document_of = ATTACKS[name]
    document = document_of()
    limits = Limits(max_bytes=128 * _MB)
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
