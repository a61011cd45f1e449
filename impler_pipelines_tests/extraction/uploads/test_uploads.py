"""What holds for every kind of uploaded file."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impler_pipelines.errors import FeedMalformed, FeedUnreadable, PipelineError
from impler_pipelines.extraction import FeedReading, RecordStream
from impler_pipelines.extraction.uploads import UploadStream, extract_upload, read_upload
from impler_pipelines.model import FieldMapping
from impler_pipelines_tests.extraction.feeds import RSS_ITEM, rss
from impler_pipelines_tests.extraction.uploads.files import SMALL, extracted, workbook, written

BOOK = workbook([["a", "b"], ["1", "x"], ["2", None]])
LINES = b'{"a": "1", "b": "x"}\n{"a": "2"}\n'
KINDS = {
    "csv": b"a,b\n1,x\n2\n",
    "tsv": b"a\tb\n1\tx\n2\n",
    "jsonl": LINES,
    "xlsx": BOOK,
}
PLACES = {"csv": "rows", "tsv": "rows", "jsonl": "lines", "xlsx": "Sheet1"}


@pytest.mark.parametrize("kind", KINDS)
class TestEveryKind:
    def test_is_recognised_by_content(self, kind: str) -> None:
        found = read_upload(KINDS[kind], file_name="feed.xml", content_type="application/xml")
        assert (found.format, found.record_path) == (kind, PLACES[kind])
        assert found.record_count == 2
        assert [(h.path, h.samples, h.count) for h in found.headings] == [
            ("a", ("1", "2"), 2),
            ("b", ("x",), 1),
        ]
        assert [(c.path, c.count, c.confidence) for c in found.candidates] == [
            (PLACES[kind], 2, 1.0)
        ]
        assert found.warnings == ()

    def test_may_come_as_a_path_or_a_stream(self, kind: str, tmp_path: Path) -> None:
        path = tmp_path / "upload"
        path.write_bytes(KINDS[kind])
        for source in (path, io.BytesIO(KINDS[kind])):
            assert list(read_upload(source).records()) == [{"a": "1", "b": "x"}, {"a": "2"}]

    def test_gives_one_row_a_record(self, kind: str) -> None:
        fields = [FieldMapping("z", "b"), FieldMapping("y", "a"), FieldMapping("x", "c")]
        told: list[int] = []
        stream = extract_upload(
            KINDS[kind],
            record_path=PLACES[kind],
            fields=fields,
            batch_rows=1,
            on_progress=told.append,
        )
        assert isinstance(stream, UploadStream)
        batches = list(stream)
        assert [batch.to_pylist() for batch in batches] == [
            [{"z": "x", "y": "1", "x": None}],
            [{"z": None, "y": "2", "x": None}],
        ]
        assert [(f.name, str(f.type), f.nullable) for f in stream.schema] == [
            (key, "string", True) for key in "zyx"
        ]
        assert (stream.records, told, stream.missing_paths) == (2, [1, 2], ("c",))
        assert stream.warnings == ()

    def test_tells_how_far_it_is(self, kind: str) -> None:
        told: list[int] = []
        read_upload(KINDS[kind], on_progress=told.append)
        assert told[-1] == 2


class TestXml:
    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(rss("<a>1</a>", "<a>2</a>"), id="plain"),
            pytest.param(gzip.compress(rss("<a>1</a>", "<a>2</a>")), id="compressed"),
            pytest.param(rss("<a>1</a>", "<a>2</a>").decode().encode("utf-16"), id="UTF-16"),
            pytest.param(b" \n" + rss("<a>1</a>", "<a>2</a>"), id="white space before it"),
        ],
    )
    def test_goes_the_way_of_feeds(self, content: bytes) -> None:
        found = read_upload(content, file_name="x.csv", content_type="text/csv")
        assert isinstance(found, FeedReading)
        assert (found.format, found.record_path, found.record_count) == ("rss", RSS_ITEM, 2)
        fields = [FieldMapping("a", f"{RSS_ITEM} > a")]
        stream = extract_upload(content, record_path=RSS_ITEM, fields=fields)
        assert isinstance(stream, RecordStream)
        assert [row["a"] for batch in stream for row in batch.to_pylist()] == ["1", "2"]

    def test_malformed_is_an_error_of_xml(self) -> None:
        with pytest.raises(FeedMalformed, match="not well-formed XML"):
            read_upload(b"<rss><channel>", file_name="x.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"%PDF-1.7", "a PDF document.*CSV, XLSX", id="PDF"),
        pytest.param(b"\x89PNG\r\n", "an image", id="image"),
        pytest.param(b"PAR1\x15", "Parquet", id="Parquet"),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, r"\.xls.*Save", id="xls"),
        pytest.param(
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
            + b"x" * 90_000
            + "EncryptedPackage".encode("utf-16-le"),
            "Remove the password",
            id="encrypted",
        ),
        pytest.param(bytes(range(256)) * 4, "NUL bytes", id="bytes"),
        pytest.param(b"\x1f\x8b\x08junkjunkjunk", "gzip data is damaged", id="damaged gzip"),
    ],
)
def test_other_files_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(FeedUnreadable, match=message):
        read_upload(content)


class TestPaths:
    """Mappings are kept in the grammar of headings; names in files need not be in it."""

    @pytest.mark.parametrize(
        ("header", "path", "expected"),
        [
            pytest.param("a,b", "b", "2", id="as it is written"),
            pytest.param("a>x,b", "a > x", "1", id="without spaces"),
            pytest.param("b,a[]", "a", "2", id="brackets"),
            pytest.param("a[],a", "a", "2", id="the name itself comes first"),
            pytest.param("a,b", "c", None, id="none"),
        ],
    )
    def test_are_matched(self, header: str, path: str, expected: str | None) -> None:
        content = f"{header}\n1,2\n".encode()
        assert extracted(content, [path], record_path="rows") == [[expected]]

    def test_of_later_records(self) -> None:
        content = b'{"b": 0}\n{"a>x": 1}\n{"a": {"x": 2}}\n{"a>x": 3}\n'
        got = extracted(content, ["a > x", "a>x"], record_path="lines")
        assert got == [[None, None], ["1", "1"], ["2", None], [None, "3"]]

    def test_a_column_that_is_always_empty_is_not_missing(self) -> None:
        content = workbook([["a", "b"], [1, None]])
        fields = [FieldMapping("x", "b"), FieldMapping("y", "c")]
        stream = extract_upload(content, record_path="Sheet1", fields=fields)
        assert [batch.num_rows for batch in stream] == [1]
        assert stream.missing_paths == ("c",)


class TestSizes:
    @pytest.mark.parametrize("kind", ["csv", "jsonl", "array"])
    def test_batches_and_memory_are_bound(self, kind: str, tmp_path: Path) -> None:
        path = tmp_path / "upload"
        with path.open("wb") as file:
            for line in LARGE[kind](60_000):
                file.write(line)
        place = "rows" if kind == "csv" else "lines"
        stream = extract_upload(path, record_path=place, fields=[FieldMapping("a", "a")])
        tracemalloc.start()
        sizes = [(batch.num_rows, batch.nbytes) for batch in stream]
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert stream.records == sum(rows for rows, _ in sizes) == 60_000
        assert max(rows for rows, _ in sizes) == 5000
        assert path.stat().st_size > 4 * 1024**2 > 2 * most

    def test_large_values_make_small_batches(self) -> None:
        content = b"a,b\n" + b"".join(b"%s,2\n" % (b"x" * 500_000) for _ in range(12))
        stream = extract_upload(content, record_path="rows", fields=[FieldMapping("a", "a")])
        assert [batch.num_rows for batch in stream] == [5, 5, 2]


def _csv(rows: int) -> Iterator[bytes]:
    yield b"a,b\n"
    for number in range(rows):
        yield b'%d,"%s"\n' % (number, b"x" * 70)


def _lines(rows: int) -> Iterator[bytes]:
    for number in range(rows):
        yield b'{"a": %d, "b": "%s"}\n' % (number, b"x" * 70)


def _array(rows: int) -> Iterator[bytes]:
    for number, line in enumerate(_lines(rows)):
        yield (b"," if number else b"[") + line.rstrip()
    yield b"]"


LARGE: dict[str, Callable[[int], Iterator[bytes]]] = {"csv": _csv, "jsonl": _lines, "array": _array}

PIECES = st.sampled_from(
    [
        b"a,b\n", b"1;2\n", b"\t", b"|", b'"', b'""', b",", b"\r", b"\n", b"sep=", b"{", b"}", b"[",
        b"]", b'{"a":1}', b'{"a":[', b"\\ud800", b"\\u0000", b"null", b"1e999", b"-", b":", b"\0",
        b"\xff\xfe", b"\xef\xbb\xbf", b"\xe9", b"\xc3\xa9", b"PK\x03\x04", b"\x1f\x8b\x08", b"<",
        b"<a>", BOOK[:60], BOOK, BOOK[40:], b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x85", b"\x0c",
    ]
)  # fmt: skip


def check(content: bytes, content_type: str | None) -> None:
    """The file is read and extracted alike, or refused in words that are fit to show."""
    try:
        found = read_upload(content, content_type=content_type, limits=SMALL)
    except PipelineError as error:
        _is_fit_to_show(error)
        return
    records = list(found.records())
    assert len(records) == found.record_count
    assert " ".join((*found.warnings, *(h.path for h in found.headings))).encode() is not None
    if isinstance(found, FeedReading):
        return
    fields = [FieldMapping(f"c{n}", h.path) for n, h in enumerate(found.headings)]
    stream = extract_upload(
        content,
        record_path=found.record_path,
        fields=fields,
        content_type=content_type,
        limits=SMALL,
    )
    got = [row for batch in stream for row in batch.to_pylist()]
    assert len(got) == (len(records) if fields else 0)
    assert stream.missing_paths == ()
    assert stream.warnings == found.warnings


def _is_fit_to_show(error: PipelineError) -> None:
    assert str(error).encode()


CONTENT_TYPES = st.sampled_from(
    [None, "text/csv; charset=utf-16", "text/csv; charset=shift_jis", "text/csv; charset=utf-7"]
)


class TestAnyBytes:
    @settings(max_examples=400, deadline=None)
    @given(
        st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=12).map(b"".join)),
        CONTENT_TYPES,
    )
    def test_raise_nothing_but_our_own_errors(
        self, content: bytes, content_type: str | None
    ) -> None:
        check(content, content_type)

    @settings(max_examples=150, deadline=None)
    @given(st.integers(0, len(BOOK)), st.binary(min_size=1, max_size=8))
    def test_nor_do_damaged_workbooks(self, at: int, noise: bytes) -> None:
        check(BOOK[:at] + noise + BOOK[at + len(noise) :], None)

    @settings(max_examples=150, deadline=None)
    @given(st.integers(0, 300), st.binary(max_size=8), st.booleans())
    def test_nor_do_damaged_texts(self, at: int, noise: bytes, as_json: bool) -> None:
        table = [["é", "b\n"], *([["1,5", 'say "x"']] * 12)]
        objects = [{"a": row, "b": {"c": 1.5}} for row in table]
        good = json.dumps(objects) if as_json else written(table, quoting=csv.QUOTE_ALL)
        check(good.encode()[:at] + noise + good.encode()[at + len(noise) :], None)
