"""The small parts of the control API by themselves."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import io
import json
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impler_pipelines.control_api.pagination import (
    decode_index,
    decode_moment,
    encode_index,
    encode_moment,
)
from impler_pipelines.control_api.plain_json import MAX_DEPTH, check_plain_json
from impler_pipelines.control_api.raw_paths import canonical_path
from impler_pipelines.control_api.rejects_csv import csv_pieces
from impler_pipelines.errors import RequestInvalid
from impler_pipelines.model import Reject

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


class TestCursors:
    @given(st.datetimes(timezones=st.timezones()), TEXT)
    def test_moments_come_back(self, moment: dt.datetime, identifier: str) -> None:
        try:
            cursor = encode_moment(moment, identifier)
        except OverflowError:
            return  # beyond the calendar's ends in UTC
        assert decode_moment(cursor) == (moment.astimezone(dt.UTC), identifier)

    @given(st.integers(0, 10**18 - 1))
    def test_indexes_come_back(self, index: int) -> None:
        assert decode_index(encode_index(index)) == index

    @given(st.text())
    def test_anything_else_is_refused(self, cursor: str) -> None:
        for decode in (decode_moment, decode_index):
            with contextlib.suppress(RequestInvalid):  # nothing else may be raised
                decode(cursor)


class TestRawPaths:
    @given(st.lists(TEXT, min_size=1, max_size=4))
    def test_each_segment_comes_back_whole(self, segments: list[str]) -> None:
        raw = "/".join(quote(segment, safe="") for segment in segments).encode()
        assert [unquote(s) for s in canonical_path(raw).split("/")] == segments

    @given(st.binary())
    def test_one_spelling(self, raw: bytes) -> None:
        try:
            once = canonical_path(raw)
        except RequestInvalid:
            return
        assert canonical_path(once.encode()) == once


class TestPlainJson:
    values = st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda children: st.lists(children) | st.dictionaries(st.text(), children),
        max_leaves=20,
    )

    @given(values)
    def test_what_passes_is_text_that_postgresql_takes(self, value: Any) -> None:
        try:
            check_plain_json(value)
        except RequestInvalid:
            return
        written = json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        assert b"\\u0000" not in written

    @pytest.mark.parametrize(("depth", "passes"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False)])
    def test_depth(self, depth: int, passes: bool) -> None:
        value: Any = 1
        for _ in range(depth):
            value = [value]
        if passes:
            check_plain_json(value)
        else:
            with pytest.raises(RequestInvalid):
                check_plain_json(value)


class TestCsv:
    @pytest.mark.parametrize(
        ("value", "written"),
        [
            pytest.param("=1+1", "'=1+1", id="formula"),
            pytest.param("@SUM(A1)", "'@SUM(A1)", id="at"),
            pytest.param("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0", id="command"),
            pytest.param("-1+1", "'-1+1", id="minus and more"),
            pytest.param("\t=1", "'\t=1", id="tab"),
            pytest.param("-12.50", "-12.50", id="negative number"),
            pytest.param("+49", "+49", id="plus and digits"),
            pytest.param('say "hi", you', 'say "hi", you', id="quotes and comma"),
            pytest.param("two\nlines", "two\nlines", id="lines"),
            pytest.param(None, "", id="missing"),
        ],
    )
    def test_values(self, value: str | None, written: str) -> None:
        pieces = csv_pieces(["a"], [[Reject(0, {"a": value}, ())]])
        rows = list(csv.reader(io.StringIO("".join(pieces))))
        assert rows[1] == ["0", written, ""]
