from __future__ import annotations

import pytest

from impler_pipelines.errors import RequestInvalid
from impler_pipelines.mapping import check_columns
from impler_pipelines.model import Column, ColumnType, Validation

T = ColumnType


def _problems(*columns: Column) -> list[tuple[str, str]]:
    try:
        check_columns(columns)
    except RequestInvalid as error:
        return [(problem.field, problem.message) for problem in error.problems]
    return []


def _select(**changes: object) -> Column:
    return Column("a", "A", T.SELECT, **({"select_values": ("S", "M")} | changes))  # type: ignore[arg-type]  # each test changes other fields


def _validated(kind: ColumnType, validation: Validation) -> Column:
    return Column("a", "A", kind, validations=(validation,))


SOUND = [
    pytest.param(Column("a", "A"), id="shortest"),
    pytest.param(Column("A" + "b_9" * 20 + "cd", "A"), id="longest key"),
    pytest.param(Column("a", ""), id="no name"),
    pytest.param(Column("a", "A", T.REGEX, regex=r"^\d{4}(-\d{2})?$"), id="regex"),
    pytest.param(_select(), id="select"),
    pytest.param(_select(allow_multi_select=True, delimiter=" | "), id="several"),
    pytest.param(_select(default_value=" s "), id="default of other case"),
    pytest.param(
        _select(allow_multi_select=True, default_value="S,M"), id="default of several choices"
    ),
    pytest.param(
        Column("a", "A", T.DATE, date_formats=("DD/MM/YYYY", "%d.%m.%Y"), default_value="1.2.2024"),
        id="date",
    ),
    pytest.param(Column("a", "A", T.NUMBER, default_value="1,299 USD"), id="default"),
    pytest.param(Column("a", "A", T.NUMBER, default_value=" "), id="blank default is none"),
    pytest.param(_validated(T.NUMBER, Validation("range", 0, 0)), id="range"),
    pytest.param(_validated(T.DOUBLE, Validation("range", max=-0.5)), id="range with max alone"),
    pytest.param(_validated(T.STRING, Validation("length", 0, 5)), id="length"),
    pytest.param(_validated(T.NUMBER, Validation("digits", 5, 5.0)), id="digits"),
]

BROKEN = [
    ("key", "is not a key", Column("", "A")),
    ("key", "is not a key", Column("_a", "A")),
    ("key", "is not a key", Column("1a", "A")),
    ("key", "is not a key", Column("a-b", "A")),
    ("key", "is not a key", Column("a b", "A")),
    ("key", "is not a key", Column("é", "A")),
    ("key", "is not a key", Column("a\n", "A")),
    ("key", "is not a key", Column("a" * 64, "A")),
    ("regex", "needs a pattern", Column("a", "A", T.REGEX)),
    ("regex", "needs a pattern", Column("a", "A", T.REGEX, regex="")),
    ("regex", "missing )", Column("a", "A", T.REGEX, regex="(")),
    ("regex", "no lookaround", Column("a", "A", T.REGEX, regex="a(?=b)")),
    ("regex", "no backreferences", Column("a", "A", T.REGEX, regex=r"(a)\1")),
    ("regex", "missing )", Column("a", "A", T.STRING, regex="(")),
    ("regex", "is not understood", Column("a", "A", T.REGEX, regex=r"(\pL{500}){2}")),
    ("regex", "1 to 1000 characters", Column("a", "A", T.REGEX, regex="a" * 1001)),
    ("selectValues", "at least one", _select(select_values=())),
    ("selectValues.1", "is empty", _select(select_values=("S", ""))),
    ("selectValues.0", "white space", _select(select_values=(" S", "M"))),
    ("selectValues.1", "twice", _select(select_values=("S", "S"))),
    ("selectValues.1", "delimiter", _select(select_values=("S", "M,L"), allow_multi_select=True)),
    ("delimiter", "needs a delimiter", _select(allow_multi_select=True, delimiter="")),
    ("dateFormats.1", "needs year", Column("a", "A", T.DATE, date_formats=("YYYYMMDD", "MM/YY"))),
    ("dateFormats.0", "not a directive", Column("a", "A", T.DATE, date_formats=("%Q",))),
    ("defaultValue", "is not a whole number", Column("a", "A", T.NUMBER, default_value="x")),
    ("defaultValue", "is not a date", Column("a", "A", T.DATE, default_value="soon")),
    ("defaultValue", "is not an email", Column("a", "A", T.EMAIL, default_value="ann")),
    ("defaultValue", "is not one of: S, M", _select(default_value="L")),
    ("defaultValue", "does not match", Column("a", "A", T.REGEX, regex="^x$", default_value="y")),
    (
        "defaultValue",
        "expected at least 5",
        Column("a", "A", T.NUMBER, default_value="1", validations=(Validation("range", 5),)),
    ),
    ("validations.0.validate", "not one of: range", _validated(T.STRING, Validation("size", 1))),
    ("validations.0.validate", "no meaning", _validated(T.STRING, Validation("range", 1))),
    ("validations.0.validate", "no meaning", _validated(T.DATE, Validation("range", 1))),
    ("validations.0.validate", "no meaning", _validated(T.DATE, Validation("digits", 1))),
    ("validations.0.validate", "no meaning", _validated(T.NUMBER, Validation("length", 1))),
    ("validations.0.min", "needs min, max", _validated(T.NUMBER, Validation("range"))),
    ("validations.0.min", "is above max", _validated(T.NUMBER, Validation("range", 2, 1))),
    ("validations.0.min", "not a finite", _validated(T.NUMBER, Validation("range", float("nan")))),
    ("validations.0.max", "not a finite", _validated(T.DOUBLE, Validation("range", 1, 1e999))),
    ("validations.0.min", "not a count", _validated(T.STRING, Validation("length", -1))),
    ("validations.0.max", "not a count", _validated(T.STRING, Validation("length", max=1.5))),
    ("validations.0.columns", "one or more", _validated(T.STRING, Validation("unique_with"))),
    (
        "validations.0.columns",
        "'b' is not the key of another column",
        _validated(T.STRING, Validation("unique_with", columns=("b",))),
    ),
    (
        "validations.0.columns",
        "'a' is not the key of another column",
        _validated(T.STRING, Validation("unique_with", columns=("a",))),
    ),
]


class TestCheckColumns:
    @pytest.mark.parametrize("column", SOUND)
    def test_sound(self, column: Column) -> None:
        assert _problems(column) == []

    @pytest.mark.parametrize(("field", "said", "column"), BROKEN)
    def test_problem_is_named(self, field: str, said: str, column: Column) -> None:
        ((found, message),) = _problems(Column("other", "Other"), column)
        assert found == f"columns.1.{field}"
        assert said in message

    def test_keys_are_distinct_ignoring_case(self) -> None:
        ((field, message),) = _problems(Column("sku", "A"), Column("b", "B"), Column("SKU", "C"))
        assert field == "columns.2.key"
        assert "'SKU' is the key of column 0 too" in message

    def test_unique_with_of_existing_columns(self) -> None:
        together = _validated(T.STRING, Validation("unique_with", columns=("b", "c")))
        assert _problems(together, Column("b", "B"), Column("c", "C")) == []

    def test_no_columns(self) -> None:
        assert _problems() == [("columns", "a template needs at least one column")]

    def test_every_problem_is_named(self) -> None:
        found = _problems(
            Column("_a", "A", T.REGEX, regex="("),
            Column("b", "B", T.SELECT),
            Column("c", "C", validations=(Validation("length"), Validation("size"))),
        )
        assert [field for field, _ in found] == [
            "columns.0.key",
            "columns.0.regex",
            "columns.1.selectValues",
            "columns.2.validations.0.min",
            "columns.2.validations.1.validate",
        ]
