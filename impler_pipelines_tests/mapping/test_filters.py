from __future__ import annotations

import pytest

from impler_pipelines.errors import RequestInvalid
from impler_pipelines.mapping import check_filters
from impler_pipelines.model import Column, ColumnType, Filter
from impler_pipelines_tests.mapping.samples import map_records

TITLE = Column("title", "Title", default_value="none")
PRICE = Column("price", "Price", ColumnType.DOUBLE)


class TestFilter:
    @pytest.mark.parametrize(
        ("operation", "value", "text", "holds"),
        [
            ("contains", "sale", "for sale now", True),
            ("contains", "sale", "Sale", False),
            ("contains", ".", "sale", False),
            ("contains", "é", "café", True),
            ("contains", "sale", None, False),
            ("equals", "sale", "sale", True),
            ("equals", "sale", "  sale\n", True),
            ("equals", " sale ", "sale", True),
            ("equals", "sale", "sales", False),
            ("equals", "", None, True),
            ("equals", "", "  ", True),
            ("equals", "", "sale", False),
            ("startsWith", "sa", "sale", True),
            ("startsWith", "sa", " sale", True),
            ("startsWith", "al", "sale", False),
            ("endsWith", "le", "sale ", True),
            ("endsWith", "al", "sale", False),
            ("matches", "s.le", "for sale now", True),
            ("matches", "^s.le$", "for sale now", False),
            ("matches", "(?i)SALE", "sale", True),
            ("matches", "^$", None, True),
            ("matches", "(a+)+$", "a" * 10_000 + "b", False),
        ],
    )
    def test_operation(self, operation: str, value: str, text: str | None, holds: bool) -> None:
        mapped = map_records([{"title": text}], [TITLE], [Filter("title", operation, value)])
        assert (mapped.records, mapped.filtered) == (1, 0 if holds else 1)

    def test_raw_value_is_looked_at(self) -> None:
        records = [{"price": "1,299.00 USD"}, {"price": "1299"}]
        mapped = map_records(records, [PRICE], [Filter("price", "endsWith", "USD")])
        assert mapped.valid == [{"price": 1299.0}]

    def test_default_is_not_looked_at(self) -> None:
        mapped = map_records([{"title": None}], [TITLE], [Filter("title", "equals", "none")])
        assert mapped.filtered == 1

    def test_all_must_hold(self) -> None:
        records = [{"title": f"{n}", "price": f"{n % 2}"} for n in range(6)]
        filters = [Filter("price", "equals", "0"), Filter("title", "matches", "[2345]")]
        mapped = map_records(records, [TITLE, PRICE], filters)
        assert [row["title"] for row in mapped.valid] == ["2", "4"]
        assert (mapped.records, mapped.filtered) == (6, 4)

    def test_filtered_record_is_not_checked(self) -> None:
        records = [{"title": "a", "price": "x"}]
        mapped = map_records(records, [TITLE, PRICE], [Filter("title", "equals", "b")])
        assert (mapped.filtered, mapped.rejects) == (1, [])


class TestCheck:
    @pytest.mark.parametrize(
        ("rule", "field", "said"),
        [
            (Filter("nope", "equals", "a"), "field", "'nope' is not a column key"),
            (Filter("Title", "equals", "a"), "field", "the columns are: title, price"),
            (Filter("title", "is", "a"), "operation", "'is' is not one of: contains, equals"),
            (Filter("title", "matches", "("), "value", "is not understood"),
            (Filter("title", "matches", ""), "value", "a pattern has 1 to"),
            (Filter("title", "contains", ""), "value", "every record pass"),
        ],
    )
    def test_problem_is_named(self, rule: Filter, field: str, said: str) -> None:
        good = Filter("title", "equals", "")
        with pytest.raises(RequestInvalid) as raised:
            check_filters([good, rule], [TITLE, PRICE])
        (problem,) = raised.value.problems
        assert problem.field == f"filters.1.{field}"
        assert said in problem.message

    def test_every_problem_is_named(self) -> None:
        with pytest.raises(RequestInvalid) as raised:
            check_filters([Filter("x", "is", ""), Filter("title", "endsWith", "")], [TITLE])
        fields = [problem.field for problem in raised.value.problems]
        assert fields == ["filters.0.field", "filters.0.operation", "filters.1.value"]

    def test_none_is_fine(self) -> None:
        check_filters([], [TITLE])
