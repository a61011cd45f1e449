from __future__ import annotations

import dataclasses
import datetime as dt

import pyarrow as pa
import pytest

from impler_pipelines.mapping import map_batches, row_schema
from impler_pipelines.model import CellError, Column, ColumnType, Filter, Reject, Validation
from impler_pipelines_tests.mapping.samples import Record, map_records

SKU = Column("sku", "SKU", is_required=True, is_unique=True)
TITLE = Column("title", "Title")
PRICE = Column("price", "Price", ColumnType.DOUBLE)
STOCK = Column("stock", "Stock", ColumnType.NUMBER)


class TestSchema:
    def test_types(self) -> None:
        columns = [Column(kind.value, kind.value, kind) for kind in ColumnType]
        assert row_schema(columns) == pa.schema(
            [
                ("String", pa.string()),
                ("Number", pa.int64()),
                ("Double", pa.float64()),
                ("Date", pa.timestamp("us", tz="UTC")),
                ("Email", pa.string()),
                ("Regex", pa.string()),
                ("Select", pa.string()),
                ("Image", pa.string()),
                ("Any", pa.string()),
                ("_row_key", pa.string()),
            ]
        )

    @pytest.mark.parametrize(
        "records",
        [
            pytest.param([], id="no records"),
            pytest.param([{"sku": "a"}, {"sku": "b"}], id="all valid"),
            pytest.param([{"sku": None}], id="all rejected"),
            pytest.param([{"sku": "skip"}], id="all filtered"),
        ],
    )
    def test_rows_always_have_it(self, records: list[Record]) -> None:
        columns = [SKU, PRICE, Column("at", "At", ColumnType.DATE)]
        mapped = map_records(records, columns, [Filter("sku", "matches", "^(.?)$")])
        assert mapped.rows.schema == row_schema(columns)

    def test_one_result_for_each_batch(self) -> None:
        batch = pa.RecordBatch.from_pydict({"sku": pa.array(["a", "a"])})
        empty = batch.slice(0, 0)
        results = list(map_batches([empty, batch, empty, batch], columns=[SKU]))
        assert [(r.records, r.rows.num_rows, len(r.rejects)) for r in results] == [
            (0, 0, 0),
            (2, 1, 1),
            (0, 0, 0),
            (2, 0, 2),
        ]


class TestRows:
    def test_every_type_at_once(self) -> None:
        columns = [
            SKU,
            PRICE,
            STOCK,
            Column("at", "At", ColumnType.DATE),
            Column("mail", "Mail", ColumnType.EMAIL),
            Column("code", "Code", ColumnType.REGEX, regex="^[a-z]+$"),
            Column("size", "Size", ColumnType.SELECT, select_values=("S", "M")),
            Column("photo", "Photo", ColumnType.IMAGE),
            Column("rest", "Rest", ColumnType.ANY),
        ]
        record = {
            "sku": " a1 ",
            "price": "1,299.00 USD",
            "stock": "12",
            "at": "Tue, 10 Jun 2003 04:00:00 +0200",
            "mail": "ann@example.com",
            "code": "abc",
            "size": "m",
            "photo": "https://example.com/a.jpg",
            "rest": '["x"]',
        }
        mapped = map_records([record], columns)
        assert mapped.valid == [
            record
            | {
                "sku": "a1",
                "price": 1299.0,
                "stock": 12,
                "at": dt.datetime(2003, 6, 10, 2, tzinfo=dt.UTC),
                "size": "M",
            }
        ]

    def test_values_stay_with_their_record(self) -> None:
        # a record that lacks a field must not shift the fields of the others
        records = [{"sku": str(n)} | ({"price": str(n)} if n % 3 else {}) for n in range(50)]
        rows = map_records(records, [SKU, PRICE], sizes=[7, 1, 0, 20]).valid
        assert rows == [{"sku": str(n), "price": float(n) if n % 3 else None} for n in range(50)]

    def test_unmapped_column_is_all_missing(self) -> None:
        batch = pa.RecordBatch.from_pydict({"sku": pa.array(["a"]), "other": pa.array(["x"])})
        (result,) = map_batches([batch], columns=[SKU, PRICE, TITLE])
        assert result.rows.to_pylist()[0].items() >= {"price": None, "title": None}.items()
        assert "other" not in result.rows.schema.names

    def test_unmapped_required_column_rejects_every_record(self) -> None:
        required = dataclasses.replace(TITLE, is_required=True)
        batch = pa.RecordBatch.from_pydict({"sku": pa.array(["a", "b"])})
        (result,) = map_batches([batch], columns=[SKU, required])
        assert [reject.record for reject in result.rejects] == [
            {"sku": "a", "title": None},
            {"sku": "b", "title": None},
        ]

    def test_large_strings_and_slices_are_taken(self) -> None:
        texts = pa.array(["x", "10 Jun 2003 04:00:00 GMT", "11 Jun 2003 04:00:00 GMT"])
        columns = [Column("at", "At", ColumnType.DATE)]
        for column in (texts, texts.cast(pa.large_string())):
            batch = pa.RecordBatch.from_arrays([column], ["at"]).slice(1)
            (result,) = map_batches([batch], columns=columns)
            assert [row["at"].day for row in result.rows.to_pylist()] == [10, 11]


class TestMissing:
    @pytest.mark.parametrize("text", [None, "", " ", "\n\t", "\u00a0", "\ufeff"])
    def test_nothing_is_null(self, text: str | None) -> None:
        for column in (TITLE, PRICE, STOCK, Column("at", "At", ColumnType.DATE)):
            assert map_records([{column.key: text}], [column]).valid == [{column.key: None}]

    @pytest.mark.parametrize("text", [None, "", "  "])
    def test_default_takes_its_place(self, text: str | None) -> None:
        column = dataclasses.replace(PRICE, default_value=" 9.50 USD ", is_required=True)
        assert map_records([{"price": text}], [column]).valid == [{"price": 9.5}]

    def test_default_does_not_hide_a_bad_value(self) -> None:
        column = dataclasses.replace(PRICE, default_value="9.50")
        assert map_records([{"price": "x"}], [column]).reasons() == [(0, "price", "double")]

    @pytest.mark.parametrize("text", [None, "", "  "])
    def test_required(self, text: str | None) -> None:
        (reject,) = map_records([{"sku": text}], [SKU]).rejects
        error = CellError("sku", "required", None, "SKU is required and is missing")
        assert reject == Reject(0, {"sku": text}, (error,))

    def test_blank_default_is_none(self) -> None:
        column = dataclasses.replace(SKU, default_value="  ")
        assert map_records([{"sku": ""}], [column]).reasons() == [(0, "sku", "required")]


class TestRejects:
    def test_every_reason_of_every_column_is_kept(self) -> None:
        columns = [
            dataclasses.replace(TITLE, is_required=True),
            dataclasses.replace(
                PRICE,
                validations=(Validation("range", max=10), Validation("digits", max=2)),
            ),
            STOCK,
            Column("at", "At", ColumnType.DATE),
            Column("mail", "Mail", ColumnType.EMAIL, validations=(Validation("length", max=5),)),
        ]
        record = {"title": " ", "price": "12.5", "stock": "x", "at": "soon", "mail": "ann"}
        (reject,) = map_records([record], columns).rejects
        assert [(error.column, error.rule, error.value) for error in reject.errors] == [
            ("title", "required", None),
            ("price", "range", "12.5"),
            ("price", "digits", "12.5"),
            ("stock", "number", "x"),
            ("at", "date", "soon"),
            ("mail", "email", "ann"),
        ]
        assert reject.record == record

    def test_record_is_raw_and_rows_are_clean(self) -> None:
        mapped = map_records([{"sku": " a ", "price": " x "}], [SKU, PRICE])
        assert mapped.rejects[0].record == {"sku": " a ", "price": " x "}
        assert mapped.rejects[0].errors[0].value == "x"

    def test_index_is_the_place_in_the_feed(self) -> None:
        records = [
            {"sku": str(n), "price": "x" if n in (3, 8) else "1", "title": "no" if n % 2 else "yes"}
            for n in range(11)
        ]
        for sizes in ([], [4], [1, 1, 1, 1], [5, 0, 5]):
            mapped = map_records(
                records, [SKU, PRICE, TITLE], [Filter("title", "equals", "yes")], sizes
            )
            assert [reject.index for reject in mapped.rejects] == [8]
            assert (mapped.records, mapped.filtered, mapped.rows.num_rows) == (11, 5, 5)

    def test_long_value_is_shortened_in_the_message_alone(self) -> None:
        text = "long\n" * 10_000
        (reject,) = map_records([{"price": text}], [PRICE]).rejects
        (error,) = reject.errors
        assert error.value == text.strip()
        assert len(error.message) < 250
        assert "\n" not in error.message
