"""Invariants over generated documents and arbitrary bytes."""

from __future__ import annotations

import gzip
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from hypothesis import given, settings
from hypothesis import strategies as st

from impler_pipelines.errors import PipelineError
from impler_pipelines.extraction import extract_records, read_feed
from impler_pipelines.extraction.values import BLANK
from impler_pipelines.model import FieldMapping
from impler_pipelines_tests.extraction.feeds import RSS_ITEM, rss

NAMES = ["title", "link", "g:price", "m:size", "undeclared:x", "category"]
DECLARATIONS = ' xmlns:g="http://base.google.com/ns/1.0" xmlns:m="urn:m"'
TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=12
).map(lambda text: text.strip(BLANK))
FIELD = st.tuples(st.sampled_from(NAMES), TEXT, st.sampled_from(["text", "cdata", "attribute"]))
RECORDS = st.lists(st.lists(FIELD, max_size=6), max_size=8)


def element(name: str, text: str, how: str) -> str:
    if how == "attribute":
        return f"<{name} value={quoteattr(text)}/>"
    if how == "cdata" and "]]>" not in text:
        return f"<{name}><![CDATA[{text}]]></{name}>"
    return f"<{name}>{escape(text)}</{name}>"


def expected(record: list[tuple[str, str, str]]) -> dict[str, Any]:
    values: dict[str, list[str]] = {}
    for name, text, how in record:
        path = f"{RSS_ITEM} > {name}" + (" > @value" if how == "attribute" else "")
        values.setdefault(path, []).append(text)
    return {path: texts[0] if len(texts) == 1 else texts for path, texts in values.items()}


def document_of(records: list[list[tuple[str, str, str]]]) -> bytes:
    items = ["\n".join(element(*field) for field in record) for record in records]
    return rss(*items, attributes=DECLARATIONS)


class TestGeneratedFeeds:
    @settings(deadline=None)
    @given(RECORDS, st.booleans())
    def test_n_records_in_n_records_out_each_with_its_own_values(
        self, records: list[list[tuple[str, str, str]]], compressed: bool
    ) -> None:
        document = document_of(records)
        reading = read_feed(gzip.compress(document) if compressed else document)
        assert reading.record_count == len(records)
        assert list(reading.records()) == [expected(record) for record in records]

    @settings(deadline=None)
    @given(RECORDS)
    def test_rows_agree_with_records(self, records: list[list[tuple[str, str, str]]]) -> None:
        document = document_of(records)
        paths = [h.path for h in read_feed(document).headings if h.path.startswith(RSS_ITEM)]
        fields = [FieldMapping(f"c{n}", path) for n, path in enumerate(paths)]
        stream = extract_records(document, record_path=RSS_ITEM, fields=fields, batch_rows=3)
        rows = [list(row.values()) for batch in stream for row in batch.to_pylist()]
        assert len(rows) == len(records) or not fields
        for row, record in zip(rows, records, strict=bool(fields)):
            wanted = {path: first(value) for path, value in expected(record).items()}
            assert row == [wanted.get(path) for path in paths]

    @settings(deadline=None)
    @given(RECORDS, st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-32", "gb18030"]))
    def test_any_encoding_reads_the_same(
        self, records: list[list[tuple[str, str, str]]], encoding: str
    ) -> None:
        text = document_of(records).decode()
        declaration = f'<?xml version="1.0" encoding="{encoding[:6].rstrip("-")}"?>'
        if encoding == "gb18030":
            declaration = '<?xml version="1.0" encoding="gb18030"?>'
        reading = read_feed((declaration + text).encode(encoding))
        assert list(reading.records()) == [expected(record) for record in records]


def first(value: str | list[str]) -> str:
    if isinstance(value, str):
        return value
    return next((text for text in value if text), "")


PIECES = st.sampled_from(
    [
        b"<rss>", b"</rss>", b"<channel>", b"</channel>", b"<item>", b"</item>", b"<a>", b"</a>",
        b"<a b='", b"'>", b"<![CDATA[", b"]]>", b"<!--", b"-->", b"<?xml version='1.0'", b"?>",
        b" encoding='utf-16'", b" encoding='shift_jis'", b"<!DOCTYPE rss [", b"]>",
        b"<!ENTITY x 'y'>", b"<!ENTITY x SYSTEM 'file:///etc/passwd'>", b"&x;", b"&nbsp;", b"&#0;",
        b"\xff\xfe", b"\xef\xbb\xbf", b"\x00", b"\x1f\x8b\x08", b"x\x9c", b"\xe9", b"\xc3\xa9",
        b"<g:a xmlns:g=''/>", b"<g:a/>", b"<html>", b"%", b"\n", b"xmlns='u'",
    ]
)  # fmt: skip


class TestArbitraryBytes:
    @settings(max_examples=300, deadline=None)
    @given(st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=14).map(b"".join)))
    def test_never_raise_anything_but_our_own_errors(self, data: bytes) -> None:
        try:
            list(read_feed(data, content_type="text/xml; charset=koi8-r").records())
            list(read_feed(data).records())
        except PipelineError:
            pass

    @settings(max_examples=150, deadline=None)
    @given(st.binary(max_size=20), st.integers(0, 400))
    def test_nor_do_damaged_feeds(self, noise: bytes, at: int) -> None:
        good = rss(*["<a>caf\u00e9 &amp; x</a><b c='d'/>"] * 5)
        damaged = good[:at] + noise + good[at + len(noise) :]
        try:
            stream = extract_records(
                damaged, record_path=RSS_ITEM, fields=[FieldMapping("a", f"{RSS_ITEM} > a")]
            )
            rows = sum(batch.num_rows for batch in stream)
        except PipelineError:
            return
        assert rows == stream.records
