from __future__ import annotations

import pytest

from impler_pipelines.model import Column, ColumnType, Validation
from impler_pipelines_tests.mapping.samples import map_records

S, N, D = ColumnType.STRING, ColumnType.NUMBER, ColumnType.DOUBLE


def _rules(kind: ColumnType, validation: Validation, text: str | None) -> list[str]:
    column = Column("value", "Value", kind, validations=(validation,))
    return [rule for _, _, rule in map_records([{"value": text}], [column]).reasons()]


class TestRange:
    @pytest.mark.parametrize(
        ("kind", "low", "high", "text", "holds"),
        [
            (N, 1, 10, "1", True),
            (N, 1, 10, "10", True),
            (N, 1, 10, "0", False),
            (N, 1, 10, "11", False),
            (N, 1, None, "99999999999", True),
            (N, None, 10, "-99999999999", True),
            (N, 0.5, None, "0", False),
            (N, 0.5, None, "1", True),
            (N, None, 2**53, str(2**53 + 1), False),
            (N, 1, 10, None, True),
            (D, 0, 1, "0.5", True),
            (D, 0, 1, "1.0000001", False),
            (D, 0.1, 0.1, "0.1", True),
            (D, -5, -1, "-3", True),
        ],
    )
    def test_bounds_are_included(
        self, kind: ColumnType, low: float | None, high: float | None, text: str, holds: bool
    ) -> None:
        assert _rules(kind, Validation("range", low, high), text) == ([] if holds else ["range"])

    def test_value_that_is_no_number_has_that_reason_alone(self) -> None:
        assert _rules(N, Validation("range", 1, 10), "x") == ["number"]


class TestLength:
    @pytest.mark.parametrize(
        ("low", "high", "text", "holds"),
        [
            (2, 4, "ab", True),
            (2, 4, "abcd", True),
            (2, 4, "a", False),
            (2, 4, "abcde", False),
            (2, 4, "  a  ", False),
            (1, 1, "😀", True),
            (2, 2, "éé", True),
            (None, 3, "abcd", False),
            (3, None, "ab", False),
            (3, None, None, True),
        ],
    )
    def test_characters_are_counted(
        self, low: int | None, high: int | None, text: str | None, holds: bool
    ) -> None:
        assert _rules(S, Validation("length", low, high), text) == ([] if holds else ["length"])


class TestDigits:
    @pytest.mark.parametrize(
        ("kind", "text", "digits"),
        [
            (N, "12345", 5),
            (N, "-12,345", 5),
            (N, "0", 1),
            (N, "007", 1),
            (N, "5.00", 1),
            (N, "-9223372036854775808", 19),
            (D, "10.5", 3),
            (D, "10.50", 3),
            (D, "12.0", 2),
            (D, "0.25", 3),
            (D, "1e20", 21),
            (D, "123456789012345678", 18),
            (D, "0.00001", 6),
            (S, "007", 3),
            (S, "+49 (30) 1234-5", 9),
            (S, "none", 0),
            (S, "١٢٣", 3),
        ],
    )
    def test_counted(self, kind: ColumnType, text: str, digits: int) -> None:
        assert _rules(kind, Validation("digits", digits, digits), text) == []
        assert _rules(kind, Validation("digits", digits + 1), text) == ["digits"]
        if digits:
            assert _rules(kind, Validation("digits", None, digits - 1), text) == ["digits"]


class TestMessages:
    @pytest.mark.parametrize(
        ("kind", "validation", "text", "message"),
        [
            (N, Validation("range", 1, 10), "11", "is out of range: expected from 1 to 10"),
            (D, Validation("range", 0.5), "0", "is out of range: expected at least 0.5"),
            (S, Validation("length", None, 3), "abcd", "must have at most 3 characters"),
            (S, Validation("digits", 5, 5), "1", "must have exactly 5 digits"),
        ],
    )
    def test_message_names_column_value_and_bounds(
        self, kind: ColumnType, validation: Validation, text: str, message: str
    ) -> None:
        column = Column("value", "Value", kind, validations=(validation,))
        (reject,) = map_records([{"value": text}], [column]).rejects
        assert reject.errors[0].message == f'Value: "{text}" {message}'

    @pytest.mark.parametrize("kind", ["range", "digits", "unique_with"])
    def test_own_message_replaces_it(self, kind: str) -> None:
        with_columns = ("other",) if kind == "unique_with" else ()
        limit = None if kind == "unique_with" else 1
        own = Validation(kind, max=limit, columns=with_columns, error_message="Ours.")
        columns = [
            Column("id", "Id", is_unique=True),
            Column("value", "Value", N, validations=(own,)),
            Column("other", "Other"),
        ]
        rejects = map_records([{"value": "10", "id": str(n)} for n in range(2)], columns).rejects
        assert [error.message for reject in rejects for error in reject.errors] == (
            ["Ours."] if kind == "unique_with" else ["Ours.", "Ours."]
        )
