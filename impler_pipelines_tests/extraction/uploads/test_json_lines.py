from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impler_pipelines.errors import FileMalformed, LimitExceeded
from impler_pipelines.extraction import Limits
from impler_pipelines.extraction.values import Values
from impler_pipelines.model import Repeated
from impler_pipelines_tests.extraction.uploads.files import extracted, paths, reading, rows

KEY = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=5)
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)
NUMBER = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
SCALAR = st.one_of(st.none(), st.booleans(), NUMBER, TEXT)
VALUE = st.recursive(
    st.one_of(SCALAR, st.lists(SCALAR, max_size=3)),
    lambda inner: st.one_of(
        st.dictionaries(KEY, inner, max_size=3), st.lists(st.dictionaries(KEY, inner), max_size=2)
    ),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(KEY, VALUE, max_size=4), max_size=6)


def flat(record: dict[str, Any], above: str = "") -> Values:
    """What is expected of ``record``, by Python's own reading of it."""
    values: Values = {}
    for key, value in record.items():
        path = f"{above} > {key}" if above else key
        if isinstance(value, dict):
            values.update(flat(value, path))
        elif isinstance(value, list) and not any(isinstance(one, dict | list) for one in value):
            texts = [text(one) for one in value if one is not None]
            if texts:
                values[path] = texts if len(texts) > 1 else texts[0]
        elif value is not None:
            values[path] = text(value)
    return values


def text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class TestAnyObjects:
    @settings(max_examples=100, deadline=None)
    @given(OBJECTS, st.booleans(), st.sampled_from(["\n", "\r\n", "\n\n \n"]))
    def test_by_lines(self, records: list[dict[str, Any]], ascii_only: bool, end: str) -> None:
        lines = [json.dumps(record, ensure_ascii=ascii_only) + end for record in [{}, *records]]
        found = reading("".join(lines).encode())
        assert found.format == "jsonl"
        assert list(found.records()) == [{}, *map(flat, records)]

    @settings(max_examples=100, deadline=None)
    @given(OBJECTS, st.sampled_from([None, 2]), st.sampled_from(["utf-8", "utf-16"]))
    def test_in_an_array(
        self, records: list[dict[str, Any]], indent: int | None, encoding: str
    ) -> None:
        content = json.dumps(records, indent=indent, ensure_ascii=False).encode(encoding)
        found = reading(content)
        assert list(found.records()) == list(map(flat, records))
        assert found.record_count == len(records)


class TestValues:
    @pytest.mark.parametrize(
        ("record", "expected"),
        [
            pytest.param('{"a": "x"}', {"a": "x"}, id="text"),
            pytest.param('{"a": 1.50, "b": 1e3}', {"a": "1.50", "b": "1e3"}, id="as written"),
            pytest.param(f'{{"a": {"9" * 5000}}}', {"a": "9" * 5000}, id="any length"),
            pytest.param('{"a": true, "b": false}', {"a": "true", "b": "false"}, id="booleans"),
            pytest.param('{"a": null, "b": [], "c": {}, "d": [null]}', {}, id="nothing"),
            pytest.param('{"a": ""}', {"a": ""}, id="empty"),
            pytest.param('{"a": {"b": {"c": 1}}}', {"a > b > c": "1"}, id="nested"),
            pytest.param('{"a": [1, "x", true]}', {"a": ["1", "x", "true"]}, id="list"),
            pytest.param('{"a": [1]}', {"a": "1"}, id="list of one"),
            pytest.param(
                '{"a": [{"b": 1.0, "c": null}, ["ü"]]}',
                {"a": '[{"b": 1.0, "c": null}, ["ü"]]'},
                id="list of structures",
            ),
            pytest.param('{" a\\n b ": 1, "": 2}', {"a b": "1", '""': "2"}, id="odd keys"),
            pytest.param('{"a": {"b": 1}, "a > b": 2}', {"a > b": ["1", "2"]}, id="same path"),
            pytest.param('{"a": "\\ud83d\\ude00"}', {"a": "😀"}, id="a pair"),
            pytest.param('{"a": "x\\ud83d", "b\\u0000": 1}', {"a": "x�", "b�": "1"}, id="no text"),
        ],
    )
    def test_are(self, record: str, expected: Values) -> None:
        assert list(reading(record.encode()).records()) == [expected]

    @pytest.mark.parametrize(
        ("repeated", "expected"),
        [
            (Repeated.FIRST, ["1", "x", "", None]),
            (Repeated.JOIN, ["1, 2", "x", "", None]),
            (Repeated.JSON, ['["1", "", "2"]', '["x"]', '["", ""]', None]),
        ],
    )
    def test_repeated_as_in_feeds(self, repeated: Repeated, expected: list[str | None]) -> None:
        content = b'{"a": [1, "", 2]}\n{"a": "x"}\n{"a": ["", ""]}\n{"b": 1}'
        got = extracted(content, ["a"], record_path="lines", repeated=repeated)
        assert [value for [value] in got] == expected
        assert [(h.path, h.repeated) for h in reading(content).headings] == [
            ("a", True),
            ("b", False),
        ]

    def test_what_no_text_can_hold_is_told(self) -> None:
        content = b'{"a": "\\ud800"}\n{"a": "\\u0000", "b": 1}\n'
        assert rows(content) == [["�", None], ["�", "1"]]
        assert "2 texts" in reading(content).warnings[0]


class TestRefused:
    @pytest.mark.parametrize(
        ("content", "line"),
        [
            pytest.param('{"a": 1}\n{"a": }\n', 2, id="no value"),
            pytest.param('{"a": 1}\n\n{"a": 1} {"a": 2}\n', 3, id="two in a line"),
            pytest.param('{"a": 1}\n[1]\n', 2, id="a list"),
            pytest.param('{"a": 1}\ntext\n', 2, id="a text"),
            pytest.param('{"a": 1}\n5\n', 2, id="a number"),
            pytest.param('{"a": NaN}\n', 1, id="NaN"),
            pytest.param('{\n"a": 1}\n', 1, id="an object over lines"),
            pytest.param('{"a": 1}\n{"a": "x', 2, id="cut"),
            pytest.param('[{"a": 1},\n{"a": }]', 2, id="array: no value"),
            pytest.param('[{"a": 1},\n\n{"a": Infinity}]', 3, id="array: no number"),
            pytest.param('[{"a": 1},\n5]', 2, id="array: a number"),
            pytest.param('[{"a": 1}\n{"a": 1}]', 2, id="array: no comma"),
            pytest.param('[{"a": 1}]\nx', 2, id="array: something behind"),
            pytest.param('[{"a": 1},\n]', 2, id="array: a comma too many"),
            pytest.param('[{"a": 1},\n{"a": "x', 2, id="array: cut"),
            pytest.param('[{"a": 1}\n', 2, id="array: not closed"),
        ],
    )
    def test_with_the_line(self, content: str, line: int) -> None:
        with pytest.raises(FileMalformed) as raised:
            rows(content.encode())
        assert raised.value.line == line

    @pytest.mark.parametrize(
        ("limits", "content"),
        [
            (Limits(max_headings=3), b'{"a": 1, "b": 1}\n{"c": 1, "d": 1}'),
            (Limits(max_elements=1), b'{"a": 1}\n{"a": 1}'),
            (Limits(max_elements=1), b'[{"a": 1}, {"a": 1}]'),
            (Limits(max_record_bytes=100), b'{"a": "' + b"x" * 100 + b'"}'),
            (Limits(max_record_bytes=40_000), b'[{"a": "' + b"x" * 200_000 + b'"}]'),
            (Limits(max_depth=3), b'{"a": {"a": {"a": {"a": 1}}}}'),
        ],
    )
    def test_limits(self, limits: Limits, content: bytes) -> None:
        with pytest.raises(LimitExceeded):
            rows(content, limits=limits)
        assert rows(content)

    @pytest.mark.parametrize("unit", [b'{"a":', b'{"a":['])
    @pytest.mark.parametrize("around", [b"", b"["])
    def test_very_deep(self, unit: bytes, around: bytes) -> None:
        with pytest.raises(LimitExceeded, match="nested too deeply"):
            rows(around + unit * 100_000)


class TestLargeArrays:
    def test_on_one_line(self) -> None:
        records = [{"n": n, "text": "é\n" * (n % 300)} for n in range(3000)]
        content = json.dumps(records).encode()
        limits = Limits(max_record_bytes=len(content) // 4)
        got = rows(content, limits=limits)
        assert got == [[str(r["n"]), r["text"]] for r in records]

    def test_an_item_over_many_pieces(self) -> None:
        content = json.dumps([{"a": "\\\u00e9" * 300_000, "b": {"c": [1.25] * 3}}]).encode()
        assert paths(content) == ["a", "b > c"]
        assert rows(content) == [["\\\u00e9" * 300_000, "1.25"]]
