from __future__ import annotations

import datetime as dt
import gzip
import io
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impler_pipelines.errors import FeedHasNoRecords, FeedUnreadable, LimitExceeded
from impler_pipelines.extraction import Limits
from impler_pipelines.extraction.uploads.archive import texts_too_large, too_many_parts
from impler_pipelines_tests.extraction.uploads.files import (
    Cell,
    archive,
    paths,
    raw_workbook,
    reading,
    repacked,
    rows,
    saved,
    workbook,
)

NOON = dt.datetime(2024, 2, 29, 12, 30, 15)  # noqa: DTZ001  workbooks know no time zone
MIDNIGHT = dt.datetime(2024, 2, 29)  # noqa: DTZ001
BOOK = workbook([["a", "b"], [1, 2], [3, None]])
SHEET = "xl/worksheets/sheet1.xml"


def in_sheet(before: str, after: str, content: bytes = BOOK) -> bytes:
    def change(name: str, data: bytes) -> bytes:
        return data.replace(before.encode(), after.encode()) if name == SHEET else data

    changed = repacked(content, change)
    with zipfile.ZipFile(io.BytesIO(changed)) as packed:
        assert after.encode() in packed.read(SHEET)
    return changed


SHARED = '<row r="1"><c r="A1" t="s"><v>0</v></c></row>'


class TestCells:
    @pytest.mark.parametrize(
        ("cell", "text"),
        [
            pytest.param("x", "x", id="text"),
            pytest.param(" 007 ", " 007 ", id="text is kept"),
            pytest.param("x_x000D_y_x005F_x0041_", "x\ry_x0041_", id="escaped characters"),
            pytest.param("x_x0000__xD800_", "x\ufffd\ufffd", id="characters that are none"),
            pytest.param(5, "5", id="whole"),
            pytest.param(5.0, "5", id="whole float"),
            pytest.param(-0.0, "0", id="minus zero"),
            pytest.param(-1200.0, "-1200", id="negative"),
            pytest.param(1e20, "100000000000000000000", id="large"),
            pytest.param(0.1 + 0.2, "0.3", id="15 digits"),
            pytest.param(-2.5, "-2.5", id="fraction"),
            pytest.param(0.0000001, "0.0000001", id="small"),
            pytest.param(1e300, "1e+300", id="huge"),
            pytest.param(True, "true", id="true"),
            pytest.param(False, "false", id="false"),
            pytest.param(dt.date(2024, 2, 29), "2024-02-29", id="date"),
            pytest.param(NOON, "2024-02-29T12:30:15", id="moment"),
            pytest.param(MIDNIGHT, "2024-02-29T00:00:00", id="midnight"),
            pytest.param(dt.time(7, 5), "07:05:00", id="time"),
            pytest.param(dt.timedelta(hours=30, seconds=5), "30:00:05", id="duration"),
            pytest.param(None, None, id="empty"),
        ],
    )
    def test_are(self, cell: Cell, text: str | None) -> None:
        assert rows(workbook([["k", "v"], ["x", cell]])) == [["x", text]]

    def test_a_date_with_a_time_behind_it(self) -> None:
        book = openpyxl.Workbook()
        book.active.append(["a"])
        book.active.append([NOON])
        book.active["A2"].number_format = "dd/mm/yyyy"
        assert rows(saved(book)) == [["2024-02-29T12:30:15"]]

    def test_dates_count_from_1904_if_the_workbook_says_so(self) -> None:
        book = openpyxl.Workbook()
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
        book.active.append(["a"])
        book.active.append([dt.date(2024, 2, 29)])
        assert rows(saved(book)) == [["2024-02-29"]]

    def test_errors_are_empty_and_told(self) -> None:
        content = workbook([["a", "b", "c"], [1, "#N/A", "x"], ["#REF!", 2, "y"]])
        found = reading(content)
        told = "2 cells hold an error of Excel (such as #N/A): read as empty."
        assert found.warnings == (told,)
        assert rows(content) == [["1", None, "x"], [None, "2", "y"]]
        list(found.records())

    def test_a_date_beyond_the_calendar_is_an_error_too(self) -> None:
        content = workbook([["a", "b"], [1, NOON]])
        changed = in_sheet("<v>45351", "<v>99999945351", content)
        assert rows(changed) == [["1", None]]
        assert "1 cells hold an error" in reading(changed).warnings[0]

    @pytest.mark.parametrize(
        ("texts", "text"),
        [
            pytest.param("<si><t>x</t></si>", "x", id="plain"),
            pytest.param('<si><t xml:space="preserve"> x </t></si>', " x ", id="spaces"),
            pytest.param("<si><r><rPr/><t>a</t></r><r><t>b</t></r></si>", "ab", id="runs"),
            pytest.param("<si><t>a</t><rPh><t>b</t></rPh></si>", "a", id="not its pronunciation"),
            pytest.param("<si><t>a_x000D_b</t></si>", "a\rb", id="escaped"),
            pytest.param("<si/>", None, id="empty"),
        ],
    )
    def test_texts_that_cells_share(self, texts: str, text: str | None) -> None:
        content = raw_workbook(
            SHARED.replace("</row>", '<c t="s"><v>0</v></c></row>')
            + '<row><c t="s"><v>1</v></c><c t="s"><v>2</v></c></row>',
            f"<si><t>a</t></si><si><t>k</t></si>{texts}",
        )
        assert rows(content) == [["k", text]]

    def test_formulas_have_the_value_they_were_saved_with(self) -> None:
        content = in_sheet("<v>2</v>", "<f>SUM(A2,1)</f><v>2</v>")
        assert rows(content)[0] == ["1", "2"]
        never_computed = workbook([["a", "b"], [1, "=A2+1"]])
        assert rows(never_computed) == [["1", None]]

    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(
            st.lists(
                st.text(st.characters(categories=("L", "N", "P", "Zs"), exclude_characters="="),
                        min_size=1, max_size=6),
                min_size=3, max_size=3,
            ),
            max_size=5,
        )
    )  # fmt: skip
    def test_any_texts_are_read_back(self, table: list[list[str]]) -> None:
        table = [[f"x{text}" for text in row] for row in table]
        assert rows(workbook([["a", "b", "c"], *table])) == table


class TestTables:
    def test_blank_rows_and_the_header(self) -> None:
        table = [[], [None, ""], [None, " a  b ", None, "a b"], [], [1, 2, 3, 4], [None], [5]]
        content = workbook(table)
        assert paths(content) == ["Column 1", "a b", "Column 3", "a b (2)"]
        assert rows(content) == [["1", "2", "3", "4"], ["5", None, None, None]]
        assert "named 'a b'" in reading(content).warnings[0]

    def test_what_stands_under_no_name(self) -> None:
        content = workbook([["a"], [1], [2, None, "note"]])
        assert paths(content) == ["a", "Column 2", "Column 3"]
        assert rows(content) == [["1", None, None], ["2", None, "note"]]

    def test_header_alone(self) -> None:
        found = reading(workbook([["a", "b"]]))
        assert (found.record_count, [h.path for h in found.headings]) == (0, ["a", "b"])
        assert found.warnings == ("The file has no record: there is nothing below its header.",)

    def test_a_wrong_dimension_cuts_nothing(self) -> None:
        content = in_sheet('<dimension ref="A1:B3"', '<dimension ref="A1:A2"')
        assert rows(content) == [["1", "2"], ["3", None]]

    def test_rows_that_are_out_of_order_are_all_read(self) -> None:
        assert rows(in_sheet('<row r="3"', '<row r="1"')) == [["1", "2"], ["3", None]]

    def test_cells_without_a_place_follow_each_other(self) -> None:
        content = in_sheet(' r="B2"', "", in_sheet(' r="A2"', ""))
        assert rows(content) == [["1", "2"], ["3", None]]

    def test_a_format_that_no_one_knows_is_passed_over(self) -> None:
        def change(name: str, data: bytes) -> bytes:
            return data.replace(b"<fill>", b"<fill><new/>") if name == "xl/styles.xml" else data

        assert rows(repacked(BOOK, change)) == [["1", "2"], ["3", None]]

    def test_compressed_once_more(self) -> None:
        assert rows(gzip.compress(BOOK)) == [["1", "2"], ["3", None]]


class TestSheets:
    CONTENT = workbook(Empty=[], Notes=[["n"]], Data=[["a"], [1], [2]])

    def test_the_first_that_has_rows(self) -> None:
        found = reading(self.CONTENT)
        assert (found.format, found.record_path, found.record_count) == ("xlsx", "Notes", 0)
        assert [(c.path, c.count) for c in found.candidates] == [("Notes", 0), ("Data", 2)]

    def test_another_one(self) -> None:
        found = reading(self.CONTENT, record_path="Data")
        assert [(c.path, c.count) for c in found.candidates] == [("Data", 2), ("Notes", 0)]
        assert rows(self.CONTENT, record_path="Data") == [["1"], ["2"]]

    def test_by_its_name_as_a_path(self) -> None:
        content = workbook(**{"x": [["n"]], "a>b ": [["a"], [1]]})
        assert reading(content, record_path="a > b").record_path == "a>b "

    def test_hidden_ones_come_last(self) -> None:
        book = openpyxl.load_workbook(io.BytesIO(workbook([["h"], [1]], [["v"], [2]])))
        book["Sheet1"].sheet_state = "hidden"
        book.active = 1
        assert [c.path for c in reading(saved(book)).candidates] == ["Sheet2", "Sheet1"]

    @pytest.mark.parametrize(
        ("content", "sheet", "message"),
        [
            pytest.param(workbook([]), None, "no sheet of it has a row", id="all empty"),
            pytest.param(CONTENT, "Empty", "'Empty' is empty", id="empty"),
            pytest.param(CONTENT, "No", "no sheet 'No'. It has: 'Empty', 'Notes'", id="unknown"),
        ],
    )
    def test_without_rows(self, content: bytes, sheet: str | None, message: str) -> None:
        with pytest.raises(FeedHasNoRecords, match=message):
            reading(content, record_path=sheet)


class TestRefused:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            pytest.param(BOOK[:-100], "damaged", id="cut"),
            pytest.param(BOOK[:300] + b"x" * 40 + BOOK[340:], "damaged|can't be read", id="bytes"),
            pytest.param(archive({"a.csv": b"a,b"}), "Unpack it first", id="another archive"),
            pytest.param(
                archive({"mimetype": b"", "content.xml": b""}), "OpenDocument.*Save it", id="ods"
            ),
            pytest.param(archive({"xl/workbook.bin": b""}), "xlsb.*Save it", id="xlsb"),
            pytest.param(archive({"xl/workbook.xml": b"<x/>"}), "save it anew", id="nothing in it"),
            pytest.param(in_sheet("</row>", "<row>"), "can't be read", id="not well-formed"),
            pytest.param(in_sheet("<worksheet", "<!DOCTYPE x><worksheet"), "DOCTYPE", id="DOCTYPE"),
            pytest.param(
                in_sheet('r="B2"', 'r="XFE2"'), "no cell is at 'XFE2'", id="a column far off"
            ),
            pytest.param(raw_workbook(SHARED, ""), "can't be read", id="a text that is not there"),
            pytest.param(
                raw_workbook(SHARED.replace("<v>0", "<v>-1"), "<si><t>x</t></si>"),
                "a cell's text is nowhere",
                id="nor can be",
            ),
            pytest.param(
                raw_workbook(SHARED, "<si><t>x</t></si><si>"), "can't be read", id="cut texts"
            ),
            pytest.param(in_sheet("<v>2</v>", "<v>two</v>"), "can't be read", id="no number"),
        ],
    )
    def test_say_what_to_do(self, content: bytes, message: str) -> None:
        with pytest.raises(FeedUnreadable, match=message):
            rows(content)

    def test_encrypted(self) -> None:
        content = bytearray(archive({"xl/workbook.xml": b"<x/>"}))
        directory = content.rindex(b"PK\x01\x02")
        content[directory + 8] |= 1
        with pytest.raises(FeedUnreadable, match="Remove the password"):
            rows(bytes(content))

    @pytest.mark.parametrize(
        ("limits", "content"),
        [
            (Limits(max_bytes=20_000), workbook([["a"], *([["x" * 30]] * 2000)])),
            (Limits(max_headings=2), workbook([["a", "b", "c"], [1]])),
            (Limits(max_headings=2), workbook([["a"], [1, 2, 3]])),
            (Limits(max_elements=20), workbook([["a", "b"], *([[1, 2]] * 20)])),
            (Limits(max_record_bytes=20_000), workbook([["a"], ["x" * 30_000]])),
        ],
    )
    def test_limits(self, limits: Limits, content: bytes) -> None:
        with pytest.raises(LimitExceeded):
            rows(content, limits=limits)
        assert rows(content)

    def test_parts(self) -> None:
        content = archive({f"{number}": b"" for number in range(10_001)})
        with pytest.raises(LimitExceeded, match="10000 parts"):
            rows(content)

    @pytest.mark.parametrize("error", [too_many_parts(), texts_too_large(8 * 64 * 1024**2)])
    def test_limits_are_in_the_documentation(self, error: LimitExceeded) -> None:
        assert f"| {error} |" in (Path(__file__).parents[3] / "docs" / "limits.md").read_text()

    def test_texts_that_all_rows_share(self) -> None:
        content = raw_workbook(SHARED, "<si><t>x</t></si>" * 20_000)
        with pytest.raises(LimitExceeded, match=r"texts or formats.*IMPLER_MAX_RECORD_BYTES"):
            paths(content, limits=Limits(max_record_bytes=40_000))
        assert paths(content, limits=Limits(max_record_bytes=80_000)) == ["x"]

    @pytest.mark.parametrize("junk", ["<cols/>" * 200_000, "<col><col></col></col>" * 70_000])
    def test_what_stands_before_the_rows(self, junk: str) -> None:
        content = in_sheet("<sheetData>", f"{junk}<sheetData>")
        with pytest.raises(LimitExceeded, match="One element"):
            paths(content, limits=Limits(max_record_bytes=1_000_000))
        assert paths(content) == ["a", "b"]

    def test_a_bomb_that_lies_about_its_size(self) -> None:
        content = bytearray(repacked(BOOK, lambda name, data: data + b" " * 500_000))
        for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
            at = content.find(signature)
            while at >= 0:
                content[at + offset : at + offset + 4] = (100).to_bytes(4, "little")
                at = content.find(signature, at + 4)
        with pytest.raises(FeedUnreadable, match="damaged"):
            rows(bytes(content))

    def test_a_cell_far_off_costs_no_memory(self) -> None:
        book = openpyxl.load_workbook(io.BytesIO(BOOK))
        book.active["XFD9999"] = 1
        content = saved(book)
        assert reading(content, limits=Limits(max_headings=20_000)).record_count == 3
        with pytest.raises(LimitExceeded):
            reading(content)
