"""Uploaded files: what they hold, their records value by value, what is refused and how."""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import gzip
import io
import json
import zipfile
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impler_pipelines.errors import (
    FeedHasNoRecords,
    FeedUnreadable,
    FileMalformed,
    LimitExceeded,
    PipelineError,
)
from impler_pipelines.extraction import Limits
from impler_pipelines.extraction.uploads import extract_upload, read_upload
from impler_pipelines.model import FieldMapping, Repeated

Rows = list[dict[str, str | None]]


def rows(content: bytes, **options: Any) -> Rows:
    """All values of all records, by heading."""
    seen = read_upload(content, **options)
    fields = [FieldMapping(f"f{n}", heading.path) for n, heading in enumerate(seen.headings)]
    names = {field.key: field.path for field in fields}
    options = options | {"record_path": seen.record_path}
    stream = extract_upload(content, fields=fields, **options)
    found = [row for batch in stream for row in batch.to_pylist()]
    assert stream.records == len(found) == seen.record_count
    return [{names[key]: value for key, value in row.items()} for row in found]


def workbook(**sheets: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, content in sheets.items():
        sheet = book.create_sheet(name)
        for row in content:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


TWO = [{"name": "Ann", "price": "5"}, {"name": "Bob", "price": None}]


class TestDelimited:
    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(b"name,price\nAnn,5\nBob,\n", id="comma"),
            pytest.param(b"name;price\r\nAnn;5\r\nBob;\r\n", id="semicolon, crlf"),
            pytest.param(b"name\tprice\nAnn\t5\nBob\t", id="tab, no last line end"),
            pytest.param(b"name|price\nAnn|5\nBob|\n", id="bar"),
            pytest.param(b"sep=;\nname;price\nAnn;5\nBob;\n", id="sep"),
            pytest.param(b"\xef\xbb\xbfname,price\nAnn,5\nBob,\n", id="mark"),
            pytest.param("name,price\nAnn,5\nBob,\n".encode("utf-16"), id="utf-16"),
            pytest.param("name,price\nAnn,5\nBob,\n".encode("utf-16-le"), id="utf-16, no mark"),
            pytest.param(b"name,price\rAnn,5\rBob,\r", id="cr"),
            pytest.param(b'"name","price"\n"Ann","5"\n"Bob",""\n', id="quoted"),
            pytest.param(b"\n\nname,price\n\nAnn,5\n\n\nBob,\n\n", id="blank lines"),
            pytest.param(b" name , price \n Ann , 5 \n Bob , \n", id="white space"),
            pytest.param(b"name,price\nAnn,5,\nBob,,,\n", id="empty ones too many"),
            pytest.param(b"name,price\nAnn,5\nBob\n", id="one too few"),
            pytest.param(gzip.compress(b"name,price\nAnn,5\nBob,\n"), id="gzip"),
        ],
    )
    def test_in_every_form(self, content: bytes) -> None:
        assert rows(content) == TWO

    def test_quotes_hold_delimiters_and_line_ends(self) -> None:
        content = b'name,price\n"Smith, Ann\nof ""Here""",5\n'
        assert rows(content) == [{"name": 'Smith, Ann\nof "Here"', "price": "5"}]

    @pytest.mark.parametrize(
        ("content", "content_type", "word"),
        [
            ("Größe".encode(), None, "Größe"),
            ("Größe".encode("cp1252"), None, "Größe"),
            ("Größe".encode("latin-1"), "text/csv; charset=iso-8859-1", "Größe"),
            ("Привет это длинный русский текст".encode("koi8-r"), None, "Привет"),
            (codecs.BOM_UTF16_BE + "Größe".encode("utf-16-be"), None, "Größe"),
        ],
        ids=["utf-8", "windows-1252", "labelled", "koi8-r", "utf-16"],
    )
    def test_encodings(self, content: bytes, content_type: str | None, word: str) -> None:
        wide = content.startswith(codecs.BOM_UTF16_BE)
        head = "name\n".encode("utf-16-be") if wide else b"name\n"
        whole = content[:2] + head + content[2:] if wide else head + content
        found = rows(whole, content_type=content_type)
        assert any(word in (value or "") for row in found for value in row.values())

    def test_names_of_columns(self) -> None:
        seen = read_upload(b"a,,a,A > B\n1,2,3,4\n")
        assert [heading.path for heading in seen.headings] == ["a", "Column 2", "a (2)", "A B"]
        assert "comes more than once" in seen.warnings[0]

    def test_headings_have_samples_and_counts(self) -> None:
        seen = read_upload(b"name,price,nothing\nAnn,5,\nBob,,\n")
        told = [(h.path, h.samples, h.count) for h in seen.headings]
        assert told == [("name", ("Ann", "Bob"), 2), ("price", ("5",), 1), ("nothing", (), 0)]
        assert (seen.format, seen.record_path, seen.record_count) == ("csv", "rows", 2)

    def test_a_header_alone_is_no_error(self) -> None:
        seen = read_upload(b"name,price\n")
        assert (seen.record_count, len(seen.headings)) == (0, 2)

    @pytest.mark.parametrize(
        ("content", "error", "words"),
        [
            pytest.param(b"a,b\n1,2\n1,2,3\n", FileMalformed, "line 3", id="too many values"),
            pytest.param(b'a,b\n1,"2\n3,4\n', FileMalformed, "never closed", id="open quote"),
            pytest.param(b'a,b\n1,"2"x\n', FileMalformed, "line 2", id="text behind a quote"),
            pytest.param(b"", FeedUnreadable, "empty", id="empty"),
            pytest.param(b" \n\n", FeedUnreadable, "empty", id="blank"),
            pytest.param(b"%PDF-1.7", FeedUnreadable, "PDF", id="pdf"),
            pytest.param(b"PK\x03\x04x", FeedUnreadable, "ZIP", id="zip"),
            pytest.param(
                b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FeedUnreadable, "old Excel", id="xls"
            ),
        ],
    )
    def test_what_is_refused(self, content: bytes, error: type[PipelineError], words: str) -> None:
        with pytest.raises(error, match=words):
            rows(content)

    cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\ufeff"), max_size=8)

    @settings(deadline=None)
    @given(
        st.lists(st.tuples(cells, cells, cells), max_size=8),
        st.sampled_from(",;\t|"),
        st.sampled_from(["\n", "\r\n"]),
        st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    )
    def test_whatever_is_written_is_read(
        self, table: list[tuple[str, str, str]], delimiter: str, end: str, quoting: Any
    ) -> None:
        out = io.StringIO(newline="")
        writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting)
        writer.writerow(["one", "two", "three"])
        writer.writerows(table)
        found = rows(out.getvalue().encode())
        kept = [[cell.strip() or None for cell in row] for row in table if any(map(str.strip, row))]
        assert [list(row.values()) for row in found] == kept


class TestWorkbooks:
    def test_cells_are_as_they_would_be_typed(self) -> None:
        moment = dt.datetime.fromisoformat("2026-01-02T03:04:05")
        content = workbook(
            Data=[
                [],
                ["Name", "Price", "When", "Day", "Ok", "Time", "Share"],
                ["Ann", 5, moment, dt.date(2026, 1, 2), True,
                 dt.time(4, 5), 0.1 + 0.2],
                [None, 5.25, None, None, False, None, 12345678901234],
            ]
        )  # fmt: skip
        ann, other = rows(content)
        assert list(ann.values()) == [
            "Ann", "5", "2026-01-02T03:04:05", "2026-01-02", "true", "04:05:00", "0.3",
        ]  # fmt: skip
        assert list(other.values()) == [None, "5.25", None, None, "false", None, "12345678901234"]

    def test_the_first_sheet_with_rows_or_the_one_that_is_named(self) -> None:
        content = workbook(Empty=[], First=[["a"], [1]], Second=[["b"], [2], [3]])
        assert rows(content) == [{"a": "1"}]
        assert rows(content, record_path="Second") == [{"b": "2"}, {"b": "3"}]
        seen = read_upload(content)
        assert [(c.path, c.count) for c in seen.candidates] == [("First", 1), ("Second", 2)]

    def test_a_sheet_that_is_not_there(self) -> None:
        with pytest.raises(FeedHasNoRecords, match="no sheet 'Third'"):
            read_upload(workbook(First=[["a"], [1]]), record_path="Third")

    def test_without_any_row(self) -> None:
        with pytest.raises(FeedHasNoRecords, match="no row"):
            read_upload(workbook(First=[]))

    def test_a_damaged_one(self) -> None:
        whole = workbook(First=[["a"], *[[n] for n in range(1000)]])
        broken = bytearray(whole)
        at = whole.index(b"xl/worksheets/sheet1.xml") + 60
        broken[at : at + 200] = bytes(200)
        with pytest.raises(FeedUnreadable):
            read_upload(bytes(broken))

    def test_one_that_unpacks_to_gigabytes(self) -> None:
        out = io.BytesIO(workbook(First=[["a"], [1]]))
        with (
            zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive,
            archive.open("xl/more.xml", "w") as part,
        ):
            for _ in range(300):
                part.write(bytes(1024**2))
        with pytest.raises(LimitExceeded, match="workbook is too large"):
            read_upload(out.getvalue())


class TestJson:
    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(b'{"name":"Ann","price":5}\n{"name":"Bob","price":null}\n', id="lines"),
            pytest.param(b'\n{"name":"Ann","price":5}\n\n{"name":"Bob"}', id="blank lines"),
            pytest.param(b'[{"name":"Ann","price":5},\n{"name":"Bob"}]', id="array"),
            pytest.param(b'\xef\xbb\xbf{"name":"Ann","price":5}\n{"name":"Bob"}', id="mark"),
        ],
    )
    def test_in_every_form(self, content: bytes) -> None:
        assert rows(content) == TWO

    def test_objects_give_paths_and_lists_repeat(self) -> None:
        content = b'{"a":{"b":{"c":1}},"tags":["x","y"],"parts":[{"n":1.50}],"n":1.50,"t":true}'
        assert rows(content) == [
            {"a > b > c": "1", "tags": "x", "parts": '[{"n": 1.50}]', "n": "1.50", "t": "true"}
        ]
        fields = [FieldMapping(how, "tags", Repeated(how)) for how in ("join", "json")]
        (batch,) = extract_upload(content, record_path="lines", fields=fields)
        assert batch.to_pylist() == [{"join": "x, y", "json": '["x", "y"]'}]

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            pytest.param(b'{"a":1}\n{"a":}\n', "line 2", id="broken"),
            pytest.param(b'{"a":1}\n[1]\n', "line 2: it is no JSON object", id="no object"),
            pytest.param(b'{"a":NaN}\n', "NaN", id="NaN"),
            pytest.param(b'{"a":' + b'{"a":' * 100 + b"1" + b"}" * 101, "deeper", id="deep"),
            pytest.param(b'{"a":' * 100_000, "not valid JSON", id="very deep"),
        ],
    )
    def test_what_is_refused(self, content: bytes, words: str) -> None:
        with pytest.raises(FileMalformed, match=words):
            rows(content)

    names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=5)
    values = st.text(max_size=5) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)

    @settings(deadline=None)
    @given(st.lists(st.dictionaries(names, values, min_size=1, max_size=4), min_size=1, max_size=6))
    def test_whatever_is_written_is_read(self, records: list[dict[str, Any]]) -> None:
        records = [record | {"id": "1"} for record in records]
        content = "\n".join(json.dumps(record) for record in records).encode()
        found = rows(content)
        for record, row in zip(records, found, strict=True):
            kept = {
                key: value.strip() if isinstance(value, str) else json.dumps(value).lower()
                for key, value in record.items()
            }
            assert {k: v for k, v in row.items() if v} == {k: v for k, v in kept.items() if v}


class TestXml:
    def test_goes_the_way_of_feeds(self) -> None:
        content = b"<rss><channel><item><a>1</a></item><item><a>2</a></item></channel></rss>"
        item = "rss > channel > item > a"
        assert rows(content) == [{item: "1"}, {item: "2"}]
        assert read_upload(content, file_name="products.csv").format == "rss"


class TestLimits:
    @pytest.mark.parametrize(
        ("limits", "content"),
        [
            (Limits(max_bytes=10), b"name\n" + b"a\n" * 10),
            (Limits(max_headings=2), b"a,b,c\n"),
            (Limits(max_headings=2), b'{"a":1,"b":2,"c":3}'),
            (Limits(max_elements=2), b"a\n1\n2\n3\n"),
            (Limits(max_elements=2), b'{"a":1}\n' * 3),
            (Limits(max_record_bytes=100), b'{"a":"' + b"x" * 200 + b'"}'),
        ],
        ids=["bytes", "columns", "keys", "rows", "lines", "a line"],
    )
    def test_are_those_of_feeds(self, limits: Limits, content: bytes) -> None:
        with pytest.raises(LimitExceeded):
            rows(content, limits=limits)

    @settings(deadline=None, max_examples=300)
    @given(
        st.sampled_from([b"", b"a,b\n", b'{"a":1}\n', b"PK\x03\x04", b"[{"]), st.binary(max_size=80)
    )
    def test_any_bytes_raise_ours_alone(self, head: bytes, rest: bytes) -> None:
        try:
            rows(head + rest)
        except PipelineError:
            return
