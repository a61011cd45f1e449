from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impler_pipelines.destinations.names import check_table_name, default_table_name
from impler_pipelines.errors import RequestInvalid


class TestCheckTableName:
    @pytest.mark.parametrize(
        "name",
        ["products", "Products_2", "select", "a" * 63],
        ids=["plain", "mixed", "word", "long"],
    )
    def test_takes_bare_identifiers(self, name: str) -> None:
        assert check_table_name(name) == name

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("", id="empty"),
            pytest.param("a" * 64, id="longer than PostgreSQL keeps"),
            pytest.param("2nd", id="digit first"),
            pytest.param("_own", id="underscore first"),
            pytest.param("other.products", id="with a schema"),
            pytest.param('a"b', id="quote"),
            pytest.param("a b", id="space"),
            pytest.param("produkte\n", id="line break at the end"),
            pytest.param("größe", id="beyond ASCII"),
            pytest.param("SQLite_master", id="SQLite's own"),
        ],
    )
    def test_refuses_anything_else_on_the_field(self, name: str) -> None:
        with pytest.raises(RequestInvalid) as caught:
            check_table_name(name, "destinations.3.table")
        assert caught.value.problems[0].field == "destinations.3.table"


class TestDefaultTableName:
    @pytest.mark.parametrize(
        ("template", "number", "table"),
        [
            pytest.param("Products", 1, "products", id="plain"),
            pytest.param("  Ünique — Shoes (2026)! ", 1, "unique_shoes_2026", id="accents"),
            pytest.param("Товары", 1, "rows", id="another script"),
            pytest.param("3 wishes", 1, "t_3_wishes", id="digit first"),
            pytest.param("sqlite things", 1, "t_sqlite_things", id="SQLite's own"),
            pytest.param("Products", 2, "products_2", id="taken"),
            pytest.param("x" * 100, 12, "x" * 60 + "_12", id="long and taken"),
        ],
    )
    def test_makes_a_slug(self, template: str, number: int, table: str) -> None:
        assert default_table_name(template, number=number) == table

    @given(st.text(), st.integers(1, 10**6))
    def test_is_always_a_table_name(self, template: str, number: int) -> None:
        name = default_table_name(template, number=number)
        assert check_table_name(name) == name
