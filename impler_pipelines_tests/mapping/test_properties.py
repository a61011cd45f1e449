from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from impler_pipelines.mapping import check_columns
from impler_pipelines.model import Column, ColumnType, Filter, Validation
from impler_pipelines_tests.mapping.samples import map_records

KEYS = ("a", "b", "c", "d")

# Few different values, so that keys repeat; good and bad ones of every type.
TEXTS = st.one_of(
    st.none(),
    st.sampled_from(
        (
            *("", " ", "1", "1 ", "1.0", "1,299", "12,50 EUR", "x", "S", "s,M", "٣", "NaN"),
            *("10 Jun 2003 04:00:00 GMT", "2003-06-10T04:00:00Z", "31/01/2024", "2003-02-30"),
            *("ann@example.com", "https://example.com/a.jpg", "9" * 30, "a\0b"),
        )
    ),
    st.text(max_size=5),
)


@st.composite
def _column(draw: st.DrawFn, key: str) -> Column:
    kind = draw(st.sampled_from(ColumnType))
    validations: list[Validation] = []
    if draw(st.booleans()) and kind in (ColumnType.NUMBER, ColumnType.DOUBLE):
        validations.append(Validation("range", min=0, max=1000))
    if draw(st.booleans()) and kind in (ColumnType.STRING, ColumnType.EMAIL):
        validations.append(Validation("length", max=3))
    if draw(st.booleans()) and kind is not ColumnType.DATE:
        validations.append(Validation("digits", max=2))
    if draw(st.booleans()):
        other = draw(st.sampled_from([other for other in KEYS if other != key]))
        validations.append(Validation("unique_with", columns=(other,)))
    return Column(
        key,
        key.upper(),
        kind,
        is_required=draw(st.booleans()),
        is_unique=draw(st.booleans()),
        select_values=("S", "M", "L"),
        allow_multi_select=draw(st.booleans()),
        regex="^[0-9a-z]",
        date_formats=draw(st.sampled_from([(), ("DD/MM/YYYY",)])),
        default_value="1" if kind is ColumnType.NUMBER and draw(st.booleans()) else None,
        validations=tuple(validations),
    )


@st.composite
def _feed(draw: st.DrawFn) -> dict[str, Any]:
    columns = [draw(_column(key)) for key in KEYS]
    check_columns(columns)
    records = st.lists(st.fixed_dictionaries(dict.fromkeys(KEYS, TEXTS)), max_size=25)
    filters = st.lists(
        st.sampled_from([Filter("a", "contains", "1"), Filter("b", "matches", "^[^x]*$")]),
        max_size=1,
    )
    return {"records": draw(records), "columns": columns, "filters": draw(filters)}


FEEDS = _feed()
SIZES = st.lists(st.integers(min_value=0, max_value=6), max_size=8)
BOUNDED = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # a record of four columns is many draws


class TestProperties:
    @BOUNDED
    @given(feed=FEEDS, sizes=SIZES)
    def test_every_record_is_counted_once(self, feed: dict[str, Any], sizes: list[int]) -> None:
        mapped = map_records(**feed, sizes=sizes)
        assert mapped.records == len(feed["records"])
        assert mapped.filtered + mapped.rows.num_rows + len(mapped.rejects) == mapped.records
        indexes = [reject.index for reject in mapped.rejects]
        assert indexes == sorted(set(indexes))
        for reject in mapped.rejects:
            assert reject.record == feed["records"][reject.index]

    @BOUNDED
    @given(feed=FEEDS, sizes=SIZES)
    def test_batches_do_not_matter(self, feed: dict[str, Any], sizes: list[int]) -> None:
        assert map_records(**feed, sizes=sizes) == map_records(**feed)

    @BOUNDED
    @given(feed=FEEDS)
    def test_every_reject_names_columns_and_rules(self, feed: dict[str, Any]) -> None:
        rules = {kind.value.lower() for kind in ColumnType}
        rules |= {"required", "range", "length", "digits", "unique", "unique_with"}
        for reject in map_records(**feed).rejects:
            assert reject.errors
            for error in reject.errors:
                assert error.column in KEYS
                assert error.rule in rules
                assert error.message.startswith(error.column.upper())
            assert len(set(reject.errors)) == len(reject.errors)

    @BOUNDED
    @given(feed=FEEDS, sizes=SIZES)
    def test_row_keys_are_distinct(self, feed: dict[str, Any], sizes: list[int]) -> None:
        keys = map_records(**feed, sizes=sizes).rows.column("_row_key").to_pylist()
        assert len(set(keys)) == len(keys)

    @BOUNDED
    @given(feed=FEEDS)
    def test_rows_mapped_alone_are_valid_with_the_same_key(self, feed: dict[str, Any]) -> None:
        mapped = map_records(**feed)
        rejected = {reject.index for reject in mapped.rejects}
        good = [record for at, record in enumerate(feed["records"]) if at not in rejected]
        again = map_records(good, feed["columns"], feed["filters"])
        assert again.rejects == []
        assert again.rows.equals(mapped.rows)
