from __future__ import annotations

import datetime as dt
from email.utils import format_datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impler_pipelines.mapping.cast import Refusal
from impler_pipelines.mapping.date_formats import DateFormat, compile_format
from impler_pipelines.mapping.dates import _cast_standard, date_caster, date_parser
from impler_pipelines.model import Column, ColumnType
from impler_pipelines_tests.mapping.samples import cast_one

PUBLISHED = Column("published", "Published", ColumnType.DATE)

# text -> the instant in ISO 8601 (UTC, "Z" left out), None for a reject
READINGS: dict[str, str | None] = {
    # RFC 822, 1123, 2822, 5322
    "Tue, 10 Jun 2003 04:00:00 GMT": "2003-06-10T04:00:00",
    "Tue, 10 Jun 2003 04:00:00 +0000": "2003-06-10T04:00:00",
    "Tue, 10 Jun 2003 04:00:00 -0700": "2003-06-10T11:00:00",
    "Tue, 10 Jun 2003 04:00:00 +0530": "2003-06-09T22:30:00",
    "Tue, 10 Jun 2003 04:00:00 +05:30": "2003-06-09T22:30:00",
    "Tue, 10 Jun 2003 04:00:00 -0000": "2003-06-10T04:00:00",
    "Tue, 10 Jun 2003 04:00:00 EST": "2003-06-10T09:00:00",
    "Tue, 10 Jun 2003 04:00:00 PDT": "2003-06-10T11:00:00",
    "Tue, 10 Jun 2003 04:00:00 UT": "2003-06-10T04:00:00",
    "Tue, 10 Jun 2003 04:00:00 Z": "2003-06-10T04:00:00",
    "Tue, 10 Jun 2003 04:00:00 CEST": "2003-06-10T02:00:00",
    "Tue, 10 Jun 2003 04:00:00 GMT+0200": "2003-06-10T02:00:00",
    "Tue, 10 Jun 2003 04:00:00": "2003-06-10T04:00:00",
    "Tue, 10 Jun 2003 04:00 GMT": "2003-06-10T04:00:00",
    "Tue, 10 Jun 2003 4:00 GMT": "2003-06-10T04:00:00",
    "10 Jun 2003 04:00:00 GMT": "2003-06-10T04:00:00",
    "2 May 2022 18:58:22 +0100": "2022-05-02T17:58:22",
    "Mon, 2 May 2022 18:58:22 +0100": "2022-05-02T17:58:22",
    "Mon, 02 May 2022 18:58:22 +0100": "2022-05-02T17:58:22",
    "tue, 10 jun 2003 04:00:00 gmt": "2003-06-10T04:00:00",
    "Tuesday, 10 June 2003 04:00:00 GMT": "2003-06-10T04:00:00",
    "Tues, 10 Sept 2003 04:00:00 GMT": "2003-09-10T04:00:00",
    "Tue,  10  Jun  2003  04:00:00  GMT": "2003-06-10T04:00:00",
    "Mon, 10 Jun 2003 04:00:00 GMT": "2003-06-10T04:00:00",  # it was a Tuesday
    "10 Jun 2003": "2003-06-10T00:00:00",
    "10 Jun 03 04:00:00 GMT": "2003-06-10T04:00:00",
    "10 Jun 49 04:00:00 GMT": "2049-06-10T04:00:00",
    "10 Jun 50 04:00:00 GMT": "1950-06-10T04:00:00",
    "10 Jun 103 04:00:00 GMT": "2003-06-10T04:00:00",
    "Sunday, 06-Nov-94 08:49:37 GMT": "1994-11-06T08:49:37",
    "Sun Nov  6 08:49:37 1994": "1994-11-06T08:49:37",
    "Wed Aug 27 13:08:45 +0000 2008": "2008-08-27T13:08:45",
    "Tue, 10 Jun 2003 04:00:00 -0700 (PDT)": "2003-06-10T11:00:00",
    "Sat, 31 Dec 2016 23:59:60 GMT": "2017-01-01T00:00:00",
    "Fri, 29 Feb 2008 10:00:00 GMT": "2008-02-29T10:00:00",
    "Fri, 30 Feb 2024 10:00:00 GMT": None,
    "Thu, 29 Feb 2023 10:00:00 GMT": None,
    "Fri, 31 Apr 2024 10:00:00 GMT": None,
    "Fri, 00 Apr 2024 10:00:00 GMT": None,
    "Fri, 1 Apr 2024 24:01:00 GMT": None,
    "Fri, 1 Apr 2024 10:60:00 GMT": None,
    "Fri, 1 Apr 2024 10:00:61 GMT": None,
    "Fry, 1 Apr 2024 10:00:00 GMT": None,
    "Fri, 1 Avr 2024 10:00:00 GMT": None,
    "Tue, 10 Jun 2003 04:00:00 IST": None,
    "Tue, 10 Jun 2003 04:00:00 A": None,
    "Tue, 10 Jun 2003 04:00:00 +2500": None,
    # ISO 8601, RFC 3339, W3C-DTF, XML Schema
    "2003-06-10T04:00:00Z": "2003-06-10T04:00:00",
    "2003-06-10t04:00:00z": "2003-06-10T04:00:00",
    "2003-06-10T04:00:00+02:00": "2003-06-10T02:00:00",
    "2003-06-10T04:00:00+0200": "2003-06-10T02:00:00",
    "2003-06-10T04:00:00-02": "2003-06-10T06:00:00",
    "2003-06-10T04:00:00.5Z": "2003-06-10T04:00:00.500000",
    "2003-06-10T04:00:00,5Z": "2003-06-10T04:00:00.500000",
    "2003-06-10T04:00:00.123456Z": "2003-06-10T04:00:00.123456",
    "2003-06-10T04:00:00.123456789Z": "2003-06-10T04:00:00.123456",
    "2003-06-10T04:00Z": "2003-06-10T04:00:00",
    "2003-06-10T04:00:00": "2003-06-10T04:00:00",
    "2003-06-10 04:00:00": "2003-06-10T04:00:00",
    "2003-06-10 04:00:00 UTC": "2003-06-10T04:00:00",
    "2003-06-10 04:00:00 +0200": "2003-06-10T02:00:00",
    "2003-06-10": "2003-06-10T00:00:00",
    "2003-06-10Z": "2003-06-10T00:00:00",
    "2003-06-10-05:00": "2003-06-10T05:00:00",
    "20030610": "2003-06-10T00:00:00",
    "20030610T040000Z": "2003-06-10T04:00:00",
    "2003-161": "2003-06-10T00:00:00",
    "2003-W24-2": "2003-06-10T00:00:00",
    "2003-06-10T24:00:00Z": "2003-06-11T00:00:00",
    "2016-12-31T23:59:60Z": "2017-01-01T00:00:00",
    "2024-02-29": "2024-02-29T00:00:00",
    "٢٠٠٣-٠٦-١٠": "2003-06-10T00:00:00",
    "0001-01-01T00:00:00Z": "0001-01-01T00:00:00",
    "9999-12-31T23:59:59.999999Z": "9999-12-31T23:59:59.999999",
    "9999-12-31T23:59:59-01:00": None,
    "0001-01-01T00:00:00+01:00": None,
    "0000-01-01": None,
    "12003-06-10": None,
    "2003-02-29": None,
    "2003-13-01": None,
    "2003-00-01": None,
    "2003-366": None,
    "2003-W60-1": None,
    "2003-06-10T25:00:00Z": None,
    "2003-06-10T24:00:01Z": None,
    # too little, or in an order that no standard fixes
    "2003": None,
    "2003-06": None,
    "01/02/2024": None,
    "1.2.2024": None,
    "10-06-2003": None,
    "Jun 10, 2003": None,
    "1055217600": None,
    "04:00:00": None,
    "yesterday": None,
    "2003-06-10 04:00:00 or so": None,
    "1" * 100_000: None,
}
CASES = [pytest.param(text, id=text[:40]) for text in READINGS]


def _instant(iso: str | None) -> dt.datetime | None:
    return None if iso is None else dt.datetime.fromisoformat(iso).replace(tzinfo=dt.UTC)


class TestStandardForms:
    @pytest.mark.parametrize("text", CASES)
    def test_reading(self, text: str) -> None:
        value, message = cast_one(PUBLISHED, text)
        assert value == _instant(READINGS[text])
        assert (message is None) == (value is not None)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("01/02/2024", "is not a date: expected RFC 822"),
            ("Tue, 10 Jun 2003 04:00:00 IST", "names the zone IST"),
            ("2023-02-29", "is not a day of the calendar"),
            ("12003-06-10", "is out of range"),
            ("2003-06-10T25:00:00Z", "is not a time of day"),
        ],
    )
    def test_message_says_what_is_wrong(self, text: str, said: str) -> None:
        assert f'Published: "{text}" {said}' in (cast_one(PUBLISHED, text)[1] or "")

    def test_rows_next_to_each_other_do_not_touch(self) -> None:
        # a day of one digit at the start of a text follows the last byte of the text before it
        texts = [
            "10 Jun 2003 04:00:00 +0545",
            "2 May 2022 18:58:22 +0101",
            "2 May 2022 18:58:22 +0101",
        ]
        both = pa.array(texts).slice(1)
        assert len(set(_cast_standard(both).to_pylist())) == 1
        assert _cast_standard(both).null_count == 0


FORMATS: list[tuple[str, str, str | None]] = [
    ("DD/MM/YYYY", "01/02/2024", "2024-02-01T00:00:00"),
    ("DD/MM/YYYY", "1/2/2024", "2024-02-01T00:00:00"),
    ("DD/MM/YYYY", "31/02/2024", None),
    ("DD/MM/YYYY", "01/02/24", None),
    ("DD/MM/YYYY", "01-02-2024", None),
    ("DD/MM/YYYY", "2024-02-01", "2024-02-01T00:00:00"),
    ("DD/MM/YYYY", "Thu, 01 Feb 2024 10:00:00 GMT", "2024-02-01T10:00:00"),
    ("%d/%m/%Y", "01/02/2024", "2024-02-01T00:00:00"),
    ("%d/%m/%Y", "٠١/٠٢/٢٠٢٤", "2024-02-01T00:00:00"),
    ("%m/%d/%y", "01/02/24", "2024-01-02T00:00:00"),
    ("%D", "01/02/51", "1951-01-02T00:00:00"),
    ("%d/%m/%Y %H:%M:%S %z", "01/02/2024 10:00:00 +0200", "2024-02-01T08:00:00"),
    ("%d/%m/%Y %H:%M %Z", "01/02/2024 10:00 EST", "2024-02-01T15:00:00"),
    ("%d/%m/%Y %I:%M %p", "01/02/2024 12:30 AM", "2024-02-01T00:30:00"),
    ("%d/%m/%Y %I:%M %p", "01/02/2024 12:30 pm", "2024-02-01T12:30:00"),
    ("%d/%m/%Y %I:%M %p", "01/02/2024 13:30 pm", None),
    ("%Y%m%d%H%M%S", "20240201103000", "2024-02-01T10:30:00"),
    ("%Y.%j", "2024.32", "2024-02-01T00:00:00"),
    ("%s", "1706781600", "2024-02-01T10:00:00"),
    ("%F %T", "2024-02-01 10:00:00", "2024-02-01T10:00:00"),
    ("%d%%%m%%%Y", "01%02%2024", "2024-02-01T00:00:00"),
    ("X", "1706781600", "2024-02-01T10:00:00"),
    ("X", "1706781600.25", "2024-02-01T10:00:00.250000"),
    ("X", "-0.5", "1969-12-31T23:59:59.500000"),
    ("X", "999999999999", None),
    ("x", "1706781600250", "2024-02-01T10:00:00.250000"),
    ("YYYY-DD-MM", "2024-01-02", "2024-02-01T00:00:00"),
    ("YYYYDDMM", "20240102", "2024-02-01T00:00:00"),
    ("YYYY-MM-DDTHH:mm:ss.SSSZ", "2024-02-01T10:00:00.250+0100", "2024-02-01T09:00:00.250000"),
    ("MMMM D, YYYY", "February 1, 2024", "2024-02-01T00:00:00"),
    ("MMM Do, YYYY", "Feb 1st, 2024", "2024-02-01T00:00:00"),
    ("dddd, D MMMM YYYY", "Thursday, 1 February 2024", "2024-02-01T00:00:00"),
    ("D [de] MMM [de] YYYY", "1 de Feb de 2024", "2024-02-01T00:00:00"),
    ("dd.MM.yyyy", "01.02.2024", "2024-02-01T00:00:00"),
    ("DD.MM.YYYY h:mm A", "01.02.2024 3:05 PM", "2024-02-01T15:05:00"),
    ("YYYY年M月D日", "2024年2月1日", "2024-02-01T00:00:00"),
]


class TestDateFormats:
    @pytest.mark.parametrize(("fmt", "text", "iso"), FORMATS)
    def test_reading(self, fmt: str, text: str, iso: str | None) -> None:
        column = Column("published", "Published", ColumnType.DATE, date_formats=(fmt,))
        value, message = cast_one(column, text)
        assert value == _instant(iso)
        assert (message is None) == (value is not None)

    @pytest.mark.parametrize(
        ("fmt", "said"),
        [
            ("", "takes 1 to 100 characters"),
            ("D" * 101, "takes 1 to 100 characters"),
            ("MM/YYYY", "needs year, month and day"),
            ("dd/mm/yyyy", "needs year, month and day"),
            ("DD/MM", "needs year, month and day"),
            ("%d/%m", "needs year, month and day"),
            ("DD/MM/YYYY hh:mm", "go together"),
            ("DD/MM/YYYY HH:mm A", "go together"),
            ("DD/DD/MM/YYYY", "has the day twice"),
            ("DD MM MMM YYYY", "has the month twice"),
            ("DD/MM/YYYY mm", "has a minute and no hour"),
            ("X YYYY", "stand alone"),
            ("jj/MM/YYYY", "j is not a token"),
            ("%d/%m/%Q", "%Q is not a directive"),
            ("%d/%m/%Y %", "% is not a directive"),
        ],
    )
    def test_format_that_leaves_the_date_open_is_refused(self, fmt: str, said: str) -> None:
        answer = compile_format(fmt)
        assert isinstance(answer, Refusal)
        assert said in answer.reason

    @pytest.mark.parametrize(
        ("text", "iso"),
        [
            pytest.param("01/02/2024", None, id="two dates by the two formats"),
            pytest.param("02/02/2024", "2024-02-02T00:00:00", id="one date by both"),
            pytest.param("31/01/2024", "2024-01-31T00:00:00", id="a date by the first only"),
            pytest.param("01/31/2024", "2024-01-31T00:00:00", id="a date by the second only"),
        ],
    )
    def test_two_formats_that_disagree(self, text: str, iso: str | None) -> None:
        formats = ("DD/MM/YYYY", "MM/DD/YYYY")
        column = Column("published", "Published", ColumnType.DATE, date_formats=formats)
        value, message = cast_one(column, text)
        assert value == _instant(iso)
        if iso is None:
            assert "means different dates by the formats DD/MM/YYYY and MM/DD/YYYY" in str(message)


def _same_both_ways(texts: list[str], formats: list[str]) -> None:
    compiled = [f for f in map(compile_format, formats) if isinstance(f, DateFormat)]
    assert len(compiled) == len(formats)
    column, parse = date_caster(compiled)(pa.array(texts, pa.string())), date_parser(compiled)
    micros = column.values.cast(pa.int64()).to_pylist()
    for row, text in enumerate(texts):
        expected = parse(text)
        assert (column.refusals.get(row) or micros[row]) == expected


class TestBothWays:
    """The vectorised way and the one-by-one way give the same answer to every text."""

    def test_on_the_table(self) -> None:
        _same_both_ways(list(READINGS), [])
        _same_both_ways(list(READINGS), ["YYYY-DD-MM"])

    @settings(deadline=None)
    @given(
        st.lists(
            st.datetimes(
                min_value=dt.datetime(1583, 1, 2),  # noqa: DTZ001 - the strategy adds the zone
                max_value=dt.datetime(9998, 12, 30),  # noqa: DTZ001 - the strategy adds the zone
                timezones=st.sampled_from(
                    [dt.UTC, *(dt.timezone(dt.timedelta(minutes=m)) for m in (-720, -90, 345, 840))]
                ),
            ),
            max_size=6,
        )
    )
    def test_on_dates_as_servers_write_them(self, moments: list[dt.datetime]) -> None:
        texts = []
        for moment in moments:
            whole = moment.replace(microsecond=0)
            texts += [format_datetime(whole), whole.isoformat(), moment.isoformat(" ")]
            texts += [format_datetime(whole).lstrip("MonTueWdhFriSat,").strip().lstrip("0")]
            texts += [moment.strftime("%d/%m/") + f"{moment.year:04}"]
            value = date_caster([])(pa.array([moment.isoformat()])).values[0].as_py()
            assert value == moment
            value = date_caster([])(pa.array([format_datetime(whole)])).values[0].as_py()
            assert value == whole
        _same_both_ways(texts, [])
        _same_both_ways(texts, ["DD/MM/YYYY", "YYYY-DD-MM"])

    @settings(deadline=None)
    @given(
        st.lists(
            st.from_regex(
                r"(?:(?:Mon|Sun), )?[0-3]?[0-9] (?:Jan|Feb|Jun|Dec) (?:19|20)[0-9]{2}"
                r" [0-2][0-9]:[0-6][0-9]:[0-6][0-9] (?:GMT|UTC|EST|[+-][01][0-9][0-6]0)"
                r"|(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]"
                r"(?:[T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]"
                r"(?:\.[0-9]{1,7})?(?:Z|[+-]0[0-9]:[0-6]0)?)?",
                fullmatch=True,
            ),
            max_size=8,
        )
    )
    def test_on_near_misses(self, texts: list[str]) -> None:
        _same_both_ways(texts, [])
