from __future__ import annotations

import math

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impler_pipelines.mapping.cast import Refusal
from impler_pipelines.mapping.numbers import cast_doubles, cast_numbers, parse_double, parse_number
from impler_pipelines.model import Column, ColumnType
from impler_pipelines_tests.mapping.samples import cast_one

NUMBER = Column("stock", "Stock", ColumnType.NUMBER)
DOUBLE = Column("price", "Price", ColumnType.DOUBLE)

# text -> (as Number, as Double); None is a reject
READINGS: dict[str, tuple[int | None, float | None]] = {
    "0": (0, 0.0),
    "42": (42, 42.0),
    " 42 ": (42, 42.0),
    "\n\t42\u00a0": (42, 42.0),
    "007": (7, 7.0),
    "+5": (5, 5.0),
    "-5": (-5, -5.0),
    "\u22125": (-5, -5.0),
    "- 5": (-5, -5.0),
    "--5": (None, None),
    "+-5": (None, None),
    "5-": (None, None),
    "(5)": (None, None),
    # fractions
    "10.00": (10, 10.0),
    "10.0": (10, 10.0),
    "10.": (10, 10.0),
    "10.50": (None, 10.5),
    ".5": (None, 0.5),
    ".": (None, None),
    "-": (None, None),
    "0.125": (None, 0.125),
    "1.5.2": (None, None),
    # commas as separators of thousands
    "1,299": (1299, None),
    "-1,299": (-1299, None),
    "1,000": (1000, None),
    "1,299,000": (1299000, 1299000.0),
    "1,299.00": (1299, 1299.0),
    "1,299.50": (None, 1299.5),
    "12,34,567": (1234567, 1234567.0),
    "12,34,567.50": (None, 1234567.5),
    "1,29": (None, 1.29),
    "12,99,00": (None, None),
    "1,2,3": (None, None),
    "0,299,000": (None, None),
    # commas as decimal signs
    "7,25": (None, 7.25),
    "1,5": (None, 1.5),
    "10,00": (10, 10.0),
    "0,125": (None, 0.125),
    "1299,125": (None, 1299.125),
    "1.299,00": (1299, 1299.0),
    "1.299,5": (None, 1299.5),
    "1.299.000,5": (None, 1299000.5),
    # points: one is a decimal sign, several are separators
    "1.299": (None, 1.299),
    "10.000": (None, 10.0),
    "0.000": (0, 0.0),
    "1234.000": (1234, 1234.0),
    "1.299.000": (1299000, 1299000.0),
    # other separators
    "1 299": (1299, 1299.0),
    "1\u00a0299": (1299, 1299.0),
    "1\u202f299,50": (None, 1299.5),
    "1'299.50": (None, 1299.5),
    "1’299": (1299, 1299.0),
    "1 29": (None, None),
    "1 299'000": (None, None),
    "1_299": (None, None),
    # currencies
    "1,299.00 USD": (1299, 1299.0),
    "1,299 USD": (1299, None),
    "1299USD": (1299, 1299.0),
    "10.5 EUR": (None, 10.5),
    "EUR 10.50": (None, 10.5),
    "$5": (5, 5.0),
    "$ 5": (5, 5.0),
    "-$5": (-5, -5.0),
    "$-5": (-5, -5.0),
    "-$-5": (None, None),
    "5 €": (5, 5.0),
    "US$ 5.00": (5, 5.0),
    "$5.00 USD": (5, 5.0),
    "1.299,00\n  EUR": (1299, 1299.0),
    "₹1,00,000": (100000, 100000.0),
    "USD 5 EUR": (None, None),
    "$5€": (None, None),
    "5 usd": (None, None),
    "5 XYZ": (None, None),
    "5 kg": (None, None),
    "5 %": (None, None),
    # other scripts' digits and signs
    "١٢٣": (123, 123.0),
    "१२३": (123, 123.0),
    "１２３": (123, 123.0),
    "١٬٢٩٩": (1299, 1299.0),
    "١٠٫٥": (None, 10.5),
    "\u200f١٢٣": (123, 123.0),
    "²": (None, None),
    "½": (None, None),
    "五": (None, None),
    # exponents
    "1e3": (None, 1000.0),
    "1.5E-3": (None, 0.0015),
    "1e400": (None, None),
    "e5": (None, None),
    # limits
    "9223372036854775807": (2**63 - 1, float(2**63 - 1)),
    "-9223372036854775808": (-(2**63), -float(2**63)),
    "9223372036854775808": (None, 9.223372036854775808e18),
    "9,223,372,036,854,775,808": (None, 9.223372036854775808e18),
    "0000000000000000000000042": (42, 42.0),
    "9" * 309: (None, None),
    "9" * 1_000_000: (None, None),
    # what only programs take for numbers
    "nan": (None, None),
    "NaN": (None, None),
    "inf": (None, None),
    "-Infinity": (None, None),
    "0x10": (None, None),
    "1/2": (None, None),
    "true": (None, None),
    "N/A": (None, None),
    "12 34": (None, None),
    "2024-01-15": (None, None),
}
CASES = [pytest.param(text, id=repr(text)[:30]) for text in READINGS]


class TestNumber:
    @pytest.mark.parametrize("text", CASES)
    def test_reading(self, text: str) -> None:
        value, message = cast_one(NUMBER, text)
        assert value == READINGS[text][0]
        assert (message is None) == (value is not None)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("1,5", 'Stock: "1,5" is not a whole number: write digits such as 1299 or 1,299'),
            ("10.000", 'Stock: "10.000" can be read as 10 and as 10000'),
            ("9223372036854775808", "is too large"),
        ],
    )
    def test_message_names_column_value_and_expectation(self, text: str, said: str) -> None:
        assert said in (cast_one(NUMBER, text)[1] or "")

    @settings(deadline=None)
    @given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
    def test_every_int64_comes_back_however_it_is_written(self, value: int) -> None:
        texts = [str(value), f"{value:,}", f"{value:_}".replace("_", " "), f"{value}.00"]
        assert cast_numbers(pa.array(texts)).values.to_pylist() == [value] * len(texts)


class TestDouble:
    @pytest.mark.parametrize("text", CASES)
    def test_reading(self, text: str) -> None:
        value, message = cast_one(DOUBLE, text)
        assert value == READINGS[text][1]
        assert (message is None) == (value is not None)

    def test_message_shows_both_readings_of_an_ambiguous_number(self) -> None:
        said = 'Price: "1,299" can be read as 1299 and as 1.299: write a decimal point'
        assert said in (cast_one(DOUBLE, "1,299")[1] or "")

    @settings(deadline=None)
    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_every_double_comes_back_from_its_shortest_text(self, value: float) -> None:
        assert cast_doubles(pa.array([repr(value)])).values.to_pylist() == [value]

    def test_minus_zero_is_zero(self) -> None:
        values = cast_doubles(pa.array(["-0", "-0.0", "-0,0"])).values.to_pylist()
        assert [math.copysign(1, value) for value in values] == [1, 1, 1]


class TestBothWays:
    """The vectorised way and the one-by-one way give the same answer to every text."""

    @settings(deadline=None)
    @given(st.lists(st.text(alphabet="0123456789.,-+ 'e$€٣USDEUR", max_size=14), max_size=8))
    def test_on_texts_that_look_like_numbers(self, texts: list[str]) -> None:
        for cast, parse in ((cast_numbers, parse_number), (cast_doubles, parse_double)):
            column = cast(pa.array(texts, pa.string()))
            for row, text in enumerate(texts):
                expected = parse(text)  # type: ignore[operator]  # both take a text
                if isinstance(expected, Refusal):
                    assert column.refusals[row] == expected
                    assert not column.values[row].is_valid
                else:
                    assert column.values[row].as_py() == expected
                    assert row not in column.refusals

    @pytest.mark.parametrize("text", CASES)
    def test_on_the_table(self, text: str) -> None:
        stripped = text.strip()
        for cast, parse in ((cast_numbers, parse_number), (cast_doubles, parse_double)):
            expected = parse(stripped)  # type: ignore[operator]  # both take a text
            value = cast(pa.array([stripped])).values[0].as_py()
            assert value == (None if isinstance(expected, Refusal) else expected)
