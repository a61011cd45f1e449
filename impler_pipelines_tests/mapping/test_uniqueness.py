from __future__ import annotations

import dataclasses
import struct
import tracemalloc
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impler_pipelines.mapping.digest_set import DigestSet
from impler_pipelines.model import Column, ColumnType, Filter, Validation
from impler_pipelines_tests.mapping.samples import Record, map_records

SHOP = Column("shop", "Shop", is_unique=True)
SKU = Column("sku", "SKU", is_unique=True)
PRICE = Column("price", "Price", ColumnType.DOUBLE)
STOCK = Column("stock", "Stock", ColumnType.NUMBER)


class TestRowKeyWithinTheFeed:
    def test_first_stays_and_the_others_say_why(self) -> None:
        records = [{"sku": "a", "price": "1"}, {"sku": "b"}, {"sku": "a", "price": "2"}]
        mapped = map_records(records, [SKU, PRICE])
        assert mapped.valid == [{"sku": "a", "price": 1.0}, {"sku": "b", "price": None}]
        (reject,) = mapped.rejects
        (error,) = reject.errors
        assert (reject.index, error.column, error.rule, error.value) == (2, "sku", "unique", "a")
        assert error.message == (
            'SKU: "a" has come before in this feed: it must differ in every record'
        )

    @pytest.mark.parametrize("sizes", [[], [1], [1, 1], [2]])
    def test_over_batches(self, sizes: list[int]) -> None:
        records = [{"sku": "a"}, {"sku": "b"}, {"sku": "a"}]
        assert map_records(records, [SKU], sizes=sizes).reasons() == [(2, "sku", "unique")]

    @pytest.mark.parametrize("sizes", [[], [1, 1, 1]])
    def test_what_was_loaded_before_is_another_reason(self, sizes: list[int]) -> None:
        (known,) = map_records([{"sku": "a"}], [SKU]).row_keys
        records = [{"sku": "a"}, {"sku": "b"}, {"sku": "b"}]
        mapped = map_records(records, [SKU], sizes=sizes, loaded=[[], [known]])
        assert mapped.reasons() == [(0, "sku", "unique"), (2, "sku", "unique")]
        words = [error.message for reject in mapped.rejects for error in reject.errors]
        assert ["earlier run" in words[0], "in this feed" in words[1]] == [True, True]

    def test_typed_values_are_compared(self) -> None:
        number = dataclasses.replace(STOCK, is_unique=True)
        records = [{"stock": text} for text in ("1299", "1,299", "1299.00", "1300", " 1300")]
        assert [i for i, *_ in map_records(records, [number]).reasons()] == [1, 2, 4]

    def test_case_matters(self) -> None:
        assert map_records([{"sku": "a"}, {"sku": "A"}], [SKU]).rejects == []

    def test_several_unique_columns_are_one_key(self) -> None:
        records = [
            {"shop": "x", "sku": "1"},
            {"shop": "y", "sku": "1"},
            {"shop": "x", "sku": "2"},
            {"shop": "x", "sku": "1"},
        ]
        mapped = map_records(records, [SHOP, SKU])
        assert mapped.reasons() == [(3, "shop", "unique"), (3, "sku", "unique")]
        assert "Shop and SKU together must differ" in mapped.rejects[0].errors[0].message

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"shop": "ab", "sku": "c"}, {"shop": "a", "sku": "bc"}),
            ({"shop": "a", "sku": None}, {"shop": None, "sku": "a"}),
            ({"shop": "a;3:sku:1:b", "sku": None}, {"shop": "a", "sku": "b"}),
            ({"shop": "é", "sku": "a"}, {"shop": "e", "sku": "´a"}),
        ],
    )
    def test_keys_do_not_run_into_each_other(self, one: Record, other: Record) -> None:
        assert map_records([one, other], [SHOP, SKU]).rejects == []

    def test_missing_key_comes_once_too(self) -> None:
        mapped = map_records([{"sku": None}, {"sku": " "}, {"sku": "a"}], [SKU])
        assert mapped.reasons() == [(1, "sku", "unique")]
        assert mapped.rejects[0].errors[0].value is None
        assert "a missing value has come before" in mapped.rejects[0].errors[0].message

    def test_without_unique_columns_the_content_is_the_key(self) -> None:
        title = Column("title", "Title")
        records = [
            {"title": "a", "price": "1"},
            {"title": "a", "price": "2"},
            {"title": "a"},
            {},
            {"title": "a ", "price": "1.0"},
            {"title": "", "price": None},
        ]
        mapped = map_records(records, [title, PRICE])
        assert mapped.reasons() == [(4, "title", "unique"), (5, "title", "unique")]
        assert "value for value" in mapped.rejects[0].errors[0].message


class TestRejectsClaimNothing:
    def test_good_record_after_a_bad_one_with_its_key_is_loaded(self) -> None:
        records = [{"sku": "a", "price": "x"}, {"sku": "a", "price": "1"}]
        for sizes in ([], [1]):
            mapped = map_records(records, [SKU, PRICE], sizes=sizes)
            assert mapped.valid == [{"sku": "a", "price": 1.0}]
            assert mapped.reasons() == [(0, "price", "double")]

    def test_bad_record_after_a_good_one_with_its_key_has_both_reasons(self) -> None:
        records = [{"sku": "a", "price": "1"}, {"sku": "a", "price": "x"}]
        for sizes in ([], [1]):
            mapped = map_records(records, [SKU, PRICE], sizes=sizes)
            assert mapped.reasons() == [(1, "price", "double"), (1, "sku", "unique")]

    def test_bad_key_is_not_compared(self) -> None:
        number = dataclasses.replace(STOCK, is_unique=True)
        # typed, a bad value is null like a missing one, but it is not that key
        records = [{"stock": "x"}, {"stock": None}, {"stock": "x"}]
        for sizes in ([], [1, 1]):
            mapped = map_records(records, [number], sizes=sizes)
            assert mapped.reasons() == [(0, "stock", "number"), (2, "stock", "number")]

    def test_filtered_record_claims_nothing(self) -> None:
        records = [{"sku": "a", "price": "1"}, {"sku": "a", "price": "2"}]
        mapped = map_records(records, [SKU, PRICE], [Filter("price", "equals", "2")])
        assert mapped.valid == [{"sku": "a", "price": 2.0}]


class TestUniqueWith:
    COLUMNS = (
        SKU,
        Column("slot", "Slot", validations=(Validation("unique_with", columns=("day",)),)),
        Column("day", "Day", ColumnType.DATE),
    )

    def _records(self, *pairs: tuple[str | None, str | None]) -> list[Record]:
        return [{"sku": str(n), "slot": slot, "day": day} for n, (slot, day) in enumerate(pairs)]

    @pytest.mark.parametrize("sizes", [[], [1], [1, 1, 1]])
    def test_together_they_come_once(self, sizes: list[int]) -> None:
        records = self._records(
            ("1", "2024-01-01"), ("2", "2024-01-01"), ("1", "2024-01-02"), ("1", "1 Jan 2024")
        )
        mapped = map_records(records, self.COLUMNS, sizes=sizes)
        assert mapped.reasons() == [(3, "slot", "unique_with")]
        assert mapped.rejects[0].errors[0].message == (
            'Slot: "1" has come before in this feed: Slot and Day together must differ'
        )

    def test_record_without_the_value_is_not_compared(self) -> None:
        records = self._records((None, "2024-01-01"), (None, "2024-01-01"), ("", "2024-01-01"))
        assert map_records(records, self.COLUMNS).rejects == []

    def test_missing_other_value_counts_as_one(self) -> None:
        records = self._records(("1", None), ("1", None), ("1", "2024-01-01"))
        assert map_records(records, self.COLUMNS).reasons() == [(1, "slot", "unique_with")]

    def test_repeat_of_it_does_not_claim_the_row_key(self) -> None:
        records = [
            {"sku": "a", "slot": "1", "day": "2024-01-01"},
            {"sku": "b", "slot": "1", "day": "2024-01-01"},
            {"sku": "b", "slot": "2", "day": "2024-01-01"},
        ]
        for sizes in ([], [1, 1]):
            mapped = map_records(records, self.COLUMNS, sizes=sizes)
            assert mapped.reasons() == [(1, "slot", "unique_with")]

    def test_repeat_of_the_row_key_does_not_claim_it(self) -> None:
        records = [
            {"sku": "a", "slot": "1", "day": "2024-01-01"},
            {"sku": "a", "slot": "2", "day": "2024-01-01"},
            {"sku": "b", "slot": "2", "day": "2024-01-01"},
        ]
        for sizes in ([], [1, 1]):
            mapped = map_records(records, self.COLUMNS, sizes=sizes)
            assert mapped.reasons() == [(1, "sku", "unique")]


FULL: Record = {"sku": "a1", "price": "1299.5", "stock": "7", "at": "2024-02-01T10:00:00Z"}


def _digest(written: str) -> str:
    return blake2b(written.encode(), digest_size=16, person=b"impler-row-key-1").hexdigest()


class TestRowKey:
    """A key that changes turns every loaded row into a new one: these digests are frozen."""

    def _keys(self, columns: list[Column], records: list[Record]) -> list[str]:
        return list(map_records(records, columns).rows.column("_row_key").to_pylist())

    def test_of_unique_columns(self) -> None:
        columns = [SKU, PRICE]
        assert (
            self._keys(columns, [FULL])
            == [_digest(";sku:2:a1")]
            == ["b58ee421c103de6161bbb0bd1ab0b5e9"]
        )

    def test_of_the_content(self) -> None:
        columns = [
            dataclasses.replace(SKU, is_unique=False),
            PRICE,
            STOCK,
            Column("at", "At", ColumnType.DATE),
        ]
        (bits,) = struct.unpack("<q", struct.pack("<d", 1299.5))
        key = _digest(f";at:16:1706781600000000;price:19:{bits};sku:2:a1;stock:1:7")
        assert self._keys(columns, [FULL]) == [key]
        # neither the order of columns, nor the way a value is written, nor a new empty column
        other = FULL | {"price": "1,299.50 USD", "at": "Thu, 01 Feb 2024 10:00:00 GMT"}
        extended = [*reversed(columns), Column("new", "New")]
        assert self._keys(extended, [other]) == [key]

    def test_of_nothing(self) -> None:
        assert self._keys([SKU, PRICE], [{}]) == [_digest("")]

    def test_minus_zero_is_zero(self) -> None:
        unique = dataclasses.replace(PRICE, is_unique=True)
        assert self._keys([unique], [{"price": "-0"}]) == self._keys([unique], [{"price": "0.00"}])

    @settings(deadline=None)
    @given(st.lists(st.text(max_size=4), unique=True, max_size=30))
    def test_different_values_have_different_keys(self, texts: list[str]) -> None:
        keep = [text for text in texts if text.strip() == text and text and "\0" not in text]
        mapped = map_records([{"sku": text} for text in keep], [SKU])
        values = mapped.rows.column("sku").to_pylist()
        assert len(set(mapped.rows.column("_row_key").to_pylist())) == len(values)


class TestDigestSet:
    @settings(deadline=None)
    @given(
        st.lists(
            st.lists(st.integers(min_value=1, max_value=400), max_size=120, unique=True),
            max_size=30,
        )
    )
    def test_agrees_with_a_set_of_python(self, lists: list[list[int]]) -> None:
        ours, theirs = DigestSet(first_slots=16), set[int]()
        for numbers in lists:
            # few different first halves, so that slots collide
            digests = np.array([[n % 7, n] for n in numbers], dtype=np.uint64).reshape(-1, 2)
            found = ours.contains(digests)
            assert found.tolist() == [n in theirs for n in numbers]
            ours.add(digests[~found])
            theirs.update(numbers)
            assert len(ours) == len(theirs)

    def test_a_million_digests_take_less_than_60_megabytes(self) -> None:
        random = np.random.default_rng(7)
        tracemalloc.start()
        try:
            seen = DigestSet()
            for _ in range(100):
                digests = random.integers(1, 2**63, size=(10_000, 2), dtype=np.uint64)
                seen.add(digests)
                assert seen.contains(digests[:10]).all()
            assert len(seen) == 1_000_000
            assert tracemalloc.get_traced_memory()[1] < 60_000_000
        finally:
            tracemalloc.stop()
