from __future__ import annotations

import csv
import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impler_pipelines.errors import (
    FeedHasNoRecords,
    FeedMalformed,
    FeedUnreadable,
    FileMalformed,
    LimitExceeded,
)
from impler_pipelines.extraction import Limits
from impler_pipelines_tests.extraction.uploads.files import paths, reading, rows, written

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)
PLAIN = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8)
DELIMITERS = st.sampled_from(",;\t|")


def tables(texts: st.SearchStrategy[str]) -> st.SearchStrategy[list[list[str]]]:
    """A header of different names, and rows of its width that hold something."""
    return st.integers(1, 5).flatmap(
        lambda width: st.tuples(
            st.lists(PLAIN, min_size=width, max_size=width, unique=True),
            st.lists(
                st.lists(texts, min_size=width, max_size=width).filter(
                    lambda row: any(map(str.strip, row))
                ),
                max_size=6,
            ),
        ).map(lambda table: [table[0], *table[1]])
    )


class TestAnyTable:
    @settings(max_examples=300, deadline=None)
    @given(tables(TEXT), DELIMITERS, st.sampled_from(["\r\n", "\n"]))
    def test_with_all_in_quotes_is_read_back(
        self, table: list[list[str]], delimiter: str, end: str
    ) -> None:
        text = written(table, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
        self._is_read_back(table, text.encode())

    @settings(max_examples=200, deadline=None)
    @given(tables(TEXT), DELIMITERS, st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]))
    def test_that_says_its_delimiter_is_read_back(
        self, table: list[list[str]], delimiter: str, encoding: str
    ) -> None:
        text = f"sep={delimiter}\r\n" + written(table, delimiter=delimiter)
        self._is_read_back(table, text.encode(encoding))

    @settings(max_examples=200, deadline=None)
    @given(
        tables(TEXT.map(lambda text: text.translate(str.maketrans("", "", ',;\t|"\r\n')))),
        DELIMITERS,
        st.sampled_from(["\r\n", "\n", "\r"]),
    )
    def test_without_a_quote_is_read_back(
        self, table: list[list[str]], delimiter: str, end: str
    ) -> None:
        table = [row for row in table if any(map(str.strip, row))]
        text = written(table, delimiter=delimiter, lineterminator=end)
        self._is_read_back(table, gzip.compress(text.encode()))

    def _is_read_back(self, table: list[list[str]], content: bytes) -> None:
        header, *records = table
        assert paths(content) == header
        assert rows(content) == records


class TestHeader:
    @pytest.mark.parametrize(
        ("header", "names"),
        [
            pytest.param("a,b", ["a", "b"], id="plain"),
            pytest.param(' a , b\t c,"d\n e"', ["a", "b c", "d e"], id="white space"),
            pytest.param("a,,c,", ["a", "Column 2", "c", "Column 4"], id="no name"),
            pytest.param("a,a,b,a", ["a", "a (2)", "b", "a (3)"], id="repeated"),
            pytest.param("a,a (2),a", ["a", "a (2)", "a (3)"], id="repeated, number taken"),
            pytest.param("a,a,a (2)", ["a", "a (2)", "a (2) (2)"], id="number comes later"),
            pytest.param(",Column 1", ["Column 1", "Column 1 (2)"], id="named like one without"),
            pytest.param("\n \n,,\na,b", ["a", "b"], id="blank lines before it"),
            pytest.param("a > b,c>d,e[]", ["a > b", "c>d", "e[]"], id="looks like a path"),
        ],
    )
    def test_names(self, header: str, names: list[str]) -> None:
        assert paths(f"{header}\n1,2\n".encode()) == names

    def test_repeated_names_are_told(self) -> None:
        assert reading(b"a,b,a,b,b\n").warnings[:2] == (
            "2 columns are named 'a': the second is called 'a (2)'.",
            "3 columns are named 'b': the second is called 'b (2)', and so on.",
        )

    def test_different_names_are_not(self) -> None:
        assert reading(b"a,b\n1,2\n").warnings == ()

    def test_alone_is_no_record_and_no_error(self) -> None:
        found = reading(b"a,b")
        assert (found.record_count, [h.path for h in found.headings]) == (0, ["a", "b"])
        assert found.warnings == ("The file has no record: there is nothing below its header.",)

    def test_headings_have_samples_and_counts(self) -> None:
        found = reading(b"a,b\n1,x\n2,x\n3\n4,y\n")
        assert [(h.samples, h.count, h.repeated) for h in found.headings] == [
            (("1", "2", "3"), 4, False),
            (("x", "y"), 3, False),
        ]


class TestDelimiter:
    @pytest.mark.parametrize(
        ("content", "how", "width", "name"),
        [
            pytest.param("a,b\n1,2", {}, 2, "csv", id="comma"),
            pytest.param("a;b\n1,5;2,5", {}, 2, "csv", id="semicolon, decimal commas"),
            pytest.param("a,x;b\n1,5;2", {}, 2, "csv", id="as many of both: the rarer one"),
            pytest.param("a|b|c\n1|2,3|4", {}, 3, "csv", id="bar"),
            pytest.param("a\tb\n1\t2, 3", {}, 2, "tsv", id="tab"),
            pytest.param('a,b\n"x;y;z","p;q;r"', {}, 2, "csv", id="others in quotes"),
            pytest.param(
                '"a;x","b;y"\n"1;x","2;y"', {}, 2, "csv", id="others in quotes everywhere"
            ),
            pytest.param('a;b\n"x""\n,,,";2', {}, 2, "csv", id="lines and quotes in quotes"),
            pytest.param("a\nDoe, J.\nRoe; K.", {}, 1, "csv", id="one column"),
            pytest.param("sep=;\na;b,c\n1;2", {}, 2, "csv", id="sep="),
            pytest.param('"sep=|"\r\na|b,c\r\n1|2', {}, 2, "csv", id="sep= in quotes"),
            pytest.param("a\tx,b\n1\t2,3", {}, 2, "tsv", id="tie of tab and comma"),
            pytest.param("a,b,c\tx\n1,2,3\t4", {"file_name": "X.TSV"}, 2, "tsv", id="by name"),
            pytest.param(
                "a,b,c\tx\n1,2,3\t4",
                {"content_type": "text/tab-separated-values; charset=utf-8"},
                2,
                "tsv",
                id="by type",
            ),
            pytest.param("a,b\n1,2", {"file_name": "x.tsv"}, 2, "csv", id="wrong name"),
        ],
    )
    def test_is_found(self, content: str, how: dict[str, str], width: int, name: str) -> None:
        found = reading(content.encode(), **how)
        assert (len(found.headings), found.format, found.record_path) == (width, name, "rows")

    def test_a_quote_that_the_sample_cuts_does_not_mislead(self) -> None:
        long = "x,y;z\n" * 20_000
        assert rows(f'a;b\n1;"{long}"\n'.encode()) == [["1", long]]


class TestRows:
    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            pytest.param("a,b\n1", [["1", None]], id="fewer cells"),
            pytest.param("a,b\n1,", [["1", ""]], id="an empty cell"),
            pytest.param("a,b\n1,2,, ,\n", [["1", "2"]], id="empty surplus"),
            pytest.param("a,b\n\n1,2\n\r\n \n,\n3,4\n\n", [["1", "2"], ["3", "4"]], id="blank"),
            pytest.param('a,b\n"x\r\ny\n\nz",2\n', [["x\r\ny\n\nz", "2"]], id="lines in quotes"),
            pytest.param('a,b\n5" nail,2\n', [['5" nail', "2"]], id="a quote inside of a cell"),
            pytest.param('a,b\n"say ""x""",2\n', [['say "x"', "2"]], id="doubled quotes"),
            pytest.param("a,b\n 1 ,2 \n", [[" 1 ", "2 "]], id="spaces are kept"),
            pytest.param("a,b\r1,2\r3,4", [["1", "2"], ["3", "4"]], id="carriage returns"),
            pytest.param("a,b\n1\u2028x,2\x0b\x85\n", [["1\u2028x", "2\x0b\x85"]], id="no ends"),
        ],
    )
    def test_are(self, content: str, expected: list[list[str | None]]) -> None:
        assert rows(content.encode()) == expected

    def test_a_value_longer_than_the_csv_modules_own_bound(self) -> None:
        assert rows(b"a,b\n1," + b"x" * 300_000) == [["1", "x" * 300_000]]


class TestRefused:
    @pytest.mark.parametrize(
        ("content", "line", "reason"),
        [
            pytest.param('a,b\n1,2\n"x\ny",2,3\n', 3, "the row has 3 cells", id="surplus"),
            pytest.param('a,b\n1,2\n"x\ny","z\n4,5\n', 4, "never closed", id="unclosed"),
            pytest.param('sep=,\n\na,b\n1,"z', 4, "never closed", id="unclosed, after sep="),
            pytest.param('a,"b\r\n1,2\r\n', 1, "never closed", id="unclosed in the header"),
            pytest.param('a,b\n1,"x"y\n', 2, "follows the closing", id="text behind a quote"),
            pytest.param('a,b\n1,"x\n2,"y"\n', 2, "follows the closing", id="closed by another"),
        ],
    )
    def test_with_the_line(self, content: str, line: int, reason: str) -> None:
        for encoding in ("utf-8", "utf-16"):
            with pytest.raises(FileMalformed, match=reason) as raised:
                rows(content.encode(encoding))
            assert raised.value.line == line
            assert f"at line {line}:" in str(raised.value)
            assert isinstance(raised.value, FeedMalformed)

    @pytest.mark.parametrize(
        ("content", "error"),
        [
            pytest.param(b"", FeedHasNoRecords, id="empty"),
            pytest.param(b" \r\n\n", FeedHasNoRecords, id="blank"),
            pytest.param(b"\xef\xbb\xbf\n", FeedHasNoRecords, id="a mark alone"),
            pytest.param(b"sep=;\n", FeedHasNoRecords, id="sep= alone"),
            pytest.param(b",,\n,\n", FeedHasNoRecords, id="delimiters alone"),
            pytest.param(b"a,b\n1,\0\n", FeedUnreadable, id="NUL"),
            pytest.param("a,b\n1,2".encode("utf-16") + b"x", FileMalformed, id="half a character"),
        ],
    )
    def test_say_why(self, content: bytes, error: type[Exception]) -> None:
        with pytest.raises(error) as raised:
            rows(content)
        assert type(raised.value) is error

    def test_another_place_than_its_rows(self) -> None:
        with pytest.raises(FeedHasNoRecords, match="'x': its records are its rows"):
            reading(b"a,b\n1,2", record_path="x")


class TestEncodings:
    @pytest.mark.parametrize(
        ("text", "encoding", "charset", "warning"),
        [
            pytest.param("na,é\n1,ü€", "utf-8", None, None, id="UTF-8"),
            pytest.param("na,é\n1,ü€", "utf-8-sig", "latin-1", None, id="byte order mark"),
            pytest.param("na,é\n1,ü€", "utf-16", None, None, id="UTF-16 with a mark"),
            pytest.param("na,é\n1,ü", "utf-16-le", None, None, id="UTF-16 without"),
            pytest.param("na,é\n1,ü", "utf-16-be", None, None, id="UTF-16 without, big endian"),
            pytest.param("na,é\n1,ü€", "cp1252", None, "windows-1252", id="Windows-1252"),
            pytest.param("é", "cp1252", None, "windows-1252", id="one word"),
            pytest.param("na,é\n1,ü€", "cp1252", "windows-1252", None, id="labelled"),
            pytest.param("na,é\n1,ü€", "iso8859-15", "iso-8859-15", None, id="another label"),
            pytest.param("na,é\n1,ü€", "cp1252", "utf-8", "windows-1252", id="wrong label"),
            pytest.param("имя,город\nИванов Пётр,Москва", "cp1251", None, "1251", id="guessed"),
            pytest.param(
                "氏名,住所\n山田太郎,東京都千代田区", "cp932", "shift_jis", None, id="wide"
            ),
        ],
    )
    def test_are_told(
        self, text: str, encoding: str, charset: str | None, warning: str | None
    ) -> None:
        content_type = f"text/csv; charset={charset}" if charset else "text/csv"
        found = reading(text.encode(encoding), content_type=content_type)
        header, *values = (line.split(",") for line in text.split("\n"))
        assert [h.path for h in found.headings] == header
        assert [list(record.values()) for record in found.records()] == values
        told = [text for text in found.warnings if "no record" not in text]
        assert len(told) == (warning is not None)
        assert not warning or warning in told[0]

    def test_strays_in_utf_8_are_counted(self) -> None:
        content = "a,b\nééé,ü\n".encode() + b"\xe9,x\n"
        assert rows(content) == [["ééé", "ü"], ["é", "x"]]
        assert "1 bytes" in reading(content).warnings[0]


class TestLimits:
    @pytest.mark.parametrize(
        ("limits", "content"),
        [
            (Limits(max_bytes=100), b"a,b\n" + b"1,2\n" * 50),
            (Limits(max_bytes=100), gzip.compress(b"a,b\n" + b"1,2\n" * 50, mtime=0)),
            (Limits(max_headings=3), b"a,b,c,d\n1,2,3,4\n"),
            (Limits(max_record_bytes=100), b"a,b\n1," + b"x" * 100 + b"\n"),
            (Limits(max_elements=3), b"a,b\n1,2\n1,2\n1,2\n"),
        ],
    )
    def test_are_kept(self, limits: Limits, content: bytes) -> None:
        with pytest.raises(LimitExceeded):
            rows(content, limits=limits)
        assert rows(content)

    def test_a_quote_that_is_open_for_too_long_has_its_line(self) -> None:
        with pytest.raises(FileMalformed, match="not closed within 100 bytes") as raised:
            rows(b'a,b\n1,"2\n' + b"1,2\n" * 50, limits=Limits(max_record_bytes=100))
        assert raised.value.line == 2
