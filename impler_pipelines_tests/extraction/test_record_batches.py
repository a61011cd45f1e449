from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from impler_pipelines.errors import FeedHasNoRecords, FeedMalformed, LimitExceeded
from impler_pipelines.extraction import Limits, extract_records
from impler_pipelines.model import FieldMapping, Repeated
from impler_pipelines_tests.extraction.feeds import RSS_ITEM, rss

Rows = list[dict[str, str | None]]


def mapped(*paths: str, repeated: Repeated = Repeated.FIRST) -> list[FieldMapping]:
    """Columns c0, c1 … of ``paths``, relative to the item where they begin with "+"."""
    full = [f"{RSS_ITEM} > {p[1:]}" if p.startswith("+") else p for p in paths]
    return [FieldMapping(f"c{n}", path, repeated) for n, path in enumerate(full)]


def rows(document: bytes, fields: Sequence[FieldMapping], record_path: str = RSS_ITEM) -> Rows:
    stream = extract_records(document, record_path=record_path, fields=fields)
    return [row for batch in stream for row in batch.to_pylist()]


def column(document: bytes, path: str, repeated: Repeated = Repeated.FIRST) -> list[str | None]:
    return [row["c0"] for row in rows(document, mapped(path, repeated=repeated))]


class TestRows:
    def test_one_for_each_record_each_with_its_own_values(self) -> None:
        document = rss("<a>1</a><b>1</b>", "<b>2</b>", "", "<c/><a>4</a>")
        assert rows(document, mapped("+a", "+b")) == [
            {"c0": "1", "c1": "1"},
            {"c0": None, "c1": "2"},
            {"c0": None, "c1": None},
            {"c0": "4", "c1": None},
        ]

    def test_columns_are_the_keys_in_order_all_strings(self) -> None:
        fields = [FieldMapping("z", f"{RSS_ITEM} > a"), FieldMapping("b", f"{RSS_ITEM} > nowhere")]
        stream = extract_records(rss("<a>1</a>"), record_path=RSS_ITEM, fields=fields)
        [batch] = stream
        assert batch.schema == stream.schema
        assert [(f.name, str(f.type), f.nullable) for f in batch.schema] == [
            ("z", "string", True),
            ("b", "string", True),
        ]

    def test_two_columns_may_share_a_path(self) -> None:
        assert rows(rss("<a>1</a>"), mapped("+a", "+a")) == [{"c0": "1", "c1": "1"}]

    def test_no_mapping_still_counts(self) -> None:
        stream = extract_records(rss("<a/>", "<a/>"), record_path=RSS_ITEM, fields=[])
        assert [batch.num_columns for batch in stream] == [0]
        assert stream.records == 2

    @pytest.mark.parametrize(
        ("item", "path", "value"),
        [
            pytest.param("<a> 1 </a>", "+a", "1", id="element"),
            pytest.param('<a x=" 1 "/>', "+a > @x", "1", id="attribute"),
            pytest.param('<a x="1"/>', "+a", None, id="no text beside an attribute"),
            pytest.param("<a/>", "+a", "", id="empty"),
            pytest.param("<a><b>1</b></a>", "+a > b", "1", id="nested"),
            pytest.param("<a>x <b>y</b> z</a>", "+a", "x y z", id="mixed"),
            pytest.param("<a><b>1</b><c>2</c></a>", "+a", "12", id="text of a parent"),
            pytest.param("<a/><a>2</a>", "+a", "2", id="the first that holds text"),
            pytest.param("<b><a>in</a></b><a>own</a>", "+a", "own", id="not a namesake below"),
            pytest.param("<a><![CDATA[<x>]]></a>", "+a", "<x>", id="CDATA"),
            pytest.param("<a xml:lang='de'>t</a>", "+a > @xml:lang", "de", id="xml:lang"),
        ],
    )
    def test_values(self, item: str, path: str, value: str | None) -> None:
        assert column(rss(item), path) == [value]

    def test_the_older_grammar(self) -> None:
        document = rss('<guid isPermaLink="no">g</guid>')
        fields = mapped(
            "rss > channel[] > item[] > guid > $ > isPermaLink", "rss>channel>item[]>guid > _"
        )
        assert rows(document, fields) == [{"c0": "no", "c1": "g"}]

    def test_the_record_s_own_attributes_and_text(self) -> None:
        document = b'<rows><row id="1">one</row><row>two</row></rows>'
        fields = mapped("rows > row > @id", "rows > row")
        assert rows(document, fields, "rows > row") == [
            {"c0": "1", "c1": "one"},
            {"c0": None, "c1": "two"},
        ]

    def test_namesakes_of_the_record_elsewhere_are_no_records(self) -> None:
        document = rss("<a>1</a><item><a>x</a></item>", head="<image><item><a>0</a></item></image>")
        assert column(document, "+a") == ["1"]

    def test_records_in_several_parents(self) -> None:
        document = b"<s><g><r><a>1</a></r></g><g/><g><r><a>2</a></r><r/></g></s>"
        assert [r["c0"] for r in rows(document, mapped("s > g > r > a"), "s > g > r")] == [
            "1",
            "2",
            None,
        ]


class TestRepeated:
    DOCUMENT = rss("<t>a</t><t/><t>b</t>", "<t>c</t>", "")

    @pytest.mark.parametrize(
        ("repeated", "values"),
        [
            (Repeated.FIRST, ["a", "c", None]),
            (Repeated.JOIN, ["a, b", "c", None]),
            (Repeated.JSON, ['["a", "", "b"]', '["c"]', None]),
        ],
    )
    def test_becomes_what_was_chosen(self, repeated: Repeated, values: list[str | None]) -> None:
        assert column(self.DOCUMENT, "+t", repeated) == values

    def test_json_is_readable_as_written(self) -> None:
        [text] = column(rss('<t>"é"</t>'), "+t", Repeated.JSON)
        assert text is not None
        assert json.loads(text) == ['"é"']
        assert "é" in text

    def test_attributes_of_repeated_parents(self) -> None:
        document = rss('<m><c u="1"/></m><m><c u="2"/><c/></m>')
        assert column(document, "+m > c > @u", Repeated.JOIN) == ["1, 2"]


class TestAround:
    def test_values_around_the_records_are_on_every_row(self) -> None:
        document = rss("<a>1</a>", "<a>2</a>", head="<image><url>u</url></image>")
        fields = mapped("rss > channel > title", "rss > @version", "rss > channel > image > url")
        assert rows(document, fields) == [{"c0": "Shop", "c1": "2.0", "c2": "u"}] * 2

    def test_also_when_they_come_after(self) -> None:
        document = rss(*["<a>1</a>"] * 9000).replace(b"</channel>", b"<ttl>60</ttl></channel>")
        assert set(column(document, "rss > channel > ttl")) == {"60"}

    def test_the_first_counts(self) -> None:
        document = rss("<a/>", head="<c>1</c><c>2</c>")
        assert column(document, "rss > channel > c") == ["1"]

    @pytest.mark.parametrize(
        "path", ["rss > channel > nowhere", "feed > title", "rss > channel", ""]
    )
    def test_missing_ones_are_null(self, path: str) -> None:
        stream = extract_records(rss("<a/>"), record_path=RSS_ITEM, fields=mapped(path))
        assert [batch.to_pylist() for batch in stream] == [[{"c0": None}]]
        assert stream.missing_paths == (path,)

    def test_a_long_one_does_not_blow_a_batch_up(self) -> None:
        document = rss(*["<a/>"] * 100, head=f"<d>{'x' * 1_000_000}</d>")
        stream = extract_records(document, record_path=RSS_ITEM, fields=mapped("rss > channel > d"))
        assert max(batch.nbytes for batch in stream) < 6 * 1024**2


G = "http://base.google.com/ns/1.0"


class TestNamespaces:
    @pytest.mark.parametrize(
        ("item", "attributes", "path", "value"),
        [
            pytest.param("<g:p>1</g:p>", f' xmlns:g="{G}"', "+g:p", "1", id="as written"),
            pytest.param("<g:p>1</g:p>", "", "+g:p", "1", id="undeclared"),
            pytest.param("<goog:p>1</goog:p>", f' xmlns:goog="{G}"', "+g:p", "1", id="well known"),
            pytest.param(f'<p xmlns="{G}">1</p>', "", "+g:p", "1", id="default namespace"),
            pytest.param(
                "<o:p>1</o:p>", f' xmlns:o="{G}" xmlns:g="urn:mine"', "+g:p", None,
                id="a prefix that means something else",
            ),
            pytest.param("<p>1</p>", "", "+g:p", None, id="no namespace"),
            pytest.param("<g:p>1</g:p>", f' xmlns:g="{G}"', "+p", None, id="no prefix asked"),
            pytest.param(
                '<m:a n:u="1"/>', ' xmlns:m="http://search.yahoo.com/mrss/" xmlns:n="urn:n"',
                "+media:a > @n:u", "1", id="attribute",
            ),
        ],
    )  # fmt: skip
    def test_the_same_namespace_matches_under_any_prefix(
        self, item: str, attributes: str, path: str, value: str | None
    ) -> None:
        assert column(rss(item, attributes=attributes), path) == [value]

    ATOM = 'xmlns{}="http://www.w3.org/2005/Atom"'

    @pytest.mark.parametrize(
        ("document", "prefix"),
        [
            pytest.param(
                f"<feed {ATOM.format('')}><entry><id>1</id></entry></feed>", "", id="none"
            ),
            pytest.param(
                f"<a:feed {ATOM.format(':a')}><a:entry><a:id>1</a:id></a:entry></a:feed>",
                "",
                id="a",
            ),
            pytest.param(
                f"<feed {ATOM.format('')}><entry><id>1</id></entry></feed>", "b:", id="b mapped"
            ),
        ],
    )
    def test_the_root_s_namespace_aligns(self, document: str, prefix: str) -> None:
        record_path = f"{prefix}feed > {prefix}entry"
        fields = mapped(f"{record_path} > {prefix}id")
        assert rows(document.encode(), fields, record_path) == [{"c0": "1"}]


class TestEnds:
    def test_no_record_but_its_parent_is_an_empty_feed(self) -> None:
        stream = extract_records(rss(), record_path=RSS_ITEM, fields=mapped("+a"))
        assert list(stream) == []
        assert (stream.records, stream.missing_paths) == (0, (f"{RSS_ITEM} > a",))
        assert "no record" in stream.warnings[0]

    @pytest.mark.parametrize("document", [b"<r/>", b"<r></r>", b"<r>\n</r>", b"<r><x/></r>"])
    def test_an_empty_root_in_any_spelling_is_an_empty_feed(self, document: bytes) -> None:
        stream = extract_records(document, record_path="r > i", fields=mapped("r > i > id"))
        assert list(stream) == []
        assert "no record" in stream.warnings[0]

    def test_another_document_is_refused(self) -> None:
        stream = extract_records(
            b"<feed><entry/></feed>", record_path=RSS_ITEM, fields=mapped("+a")
        )
        with pytest.raises(FeedHasNoRecords, match="rss > channel > item"):
            list(stream)

    def test_missing_paths(self) -> None:
        stream = extract_records(rss("<a/>"), record_path=RSS_ITEM, fields=mapped("+a", "+b"))
        list(stream)
        assert stream.missing_paths == (f"{RSS_ITEM} > b",)

    def test_malformed_raises_however_late(self) -> None:
        document = rss(*["<a>1</a>"] * 30_000).replace(b"</channel>", b"</chanel>")
        stream = extract_records(document, record_path=RSS_ITEM, fields=mapped("+a"))
        with pytest.raises(FeedMalformed, match="line 1"):
            list(stream)

    def test_limits(self) -> None:
        document = rss(*["<a>1</a>"] * 30_000)
        with pytest.raises(LimitExceeded):
            list(
                extract_records(
                    document,
                    record_path=RSS_ITEM,
                    fields=mapped("+a"),
                    limits=Limits(max_bytes=10_000),
                )
            )

    def test_different_names_are_capped_wherever_they_stand(self) -> None:
        # libxml2 keeps one copy of each for as long as the process lives
        hidden = "<{0}/>", '<y {0}=""/>', '<y xmlns="{0}"/>'
        for form in hidden:
            names = [form.format(f"name-of-{n:040}") for n in range(100_000)]
            document = rss(*[f"<a>1</a><b>{name}</b>" for name in names])
            stream = extract_records(
                document,
                record_path=RSS_ITEM,
                fields=mapped("+a"),
                limits=Limits(max_name_bytes=10_000),
            )
            with pytest.raises(LimitExceeded, match="different element and attribute names"):
                list(stream)


class TestRenamedRecords:
    RENAMED = "<a>1</a><b>2</b>"

    def test_other_records_in_their_place_are_named(self) -> None:
        document = rss(self.RENAMED, self.RENAMED).replace(b"item>", b"product>")
        with pytest.raises(FeedHasNoRecords, match="but 'rss > channel > product' in its place"):
            rows(document, mapped("+a"))

    @pytest.mark.parametrize(
        "beside",
        [
            pytest.param("<category>a</category><category>b</category>", id="a plain list"),
            pytest.param("<image><url>/a</url><title>b</title></image>", id="comes once"),
        ],
    )
    def test_what_else_an_empty_feed_holds_is_no_record(self, beside: str) -> None:
        document = rss().replace(b"</channel>", beside.encode() + b"</channel>")
        assert rows(document, mapped("+a")) == []


class TestCutShort:
    @pytest.mark.parametrize("missing", [1, 9, 30])
    def test_is_told_apart_from_malformed(self, missing: int) -> None:
        document = rss("<a>1</a>", "<a>2</a>").rstrip()
        with pytest.raises(FeedMalformed, match="breaks off before its end"):
            rows(document[:-missing], mapped("+a"))

    def test_malformed_in_the_middle(self) -> None:
        with pytest.raises(FeedMalformed) as caught:
            rows(rss("<a>1</b>"), mapped("+a"))
        assert "breaks off" not in str(caught.value)


class TestBatches:
    def test_are_bound_by_rows(self) -> None:
        stream = extract_records(
            rss(*["<a>1</a>"] * 1050), record_path=RSS_ITEM, fields=mapped("+a"), batch_rows=100
        )
        assert [batch.num_rows for batch in stream] == [100] * 10 + [50]

    def test_are_bound_by_bytes(self) -> None:
        document = rss(*[f"<a>{'x' * 100_000}</a>"] * 200)
        stream = extract_records(document, record_path=RSS_ITEM, fields=mapped("+a"))
        sizes = [batch.nbytes for batch in stream]
        assert len(sizes) > 2
        assert max(sizes) < 5 * 1024**2

    def test_progress_counts_records(self) -> None:
        seen: list[int] = []
        stream = extract_records(
            rss(*["<a/>"] * 250),
            record_path=RSS_ITEM,
            fields=mapped("+a"),
            batch_rows=100,
            on_progress=seen.append,
        )
        list(stream)
        assert seen == [100, 200, 250]


class TestRecovery:
    """What is found out late must not lose, double or change a row."""

    N = 12_000

    @pytest.mark.parametrize(
        ("last", "value"),
        [
            pytest.param(b"caf\xe9", "café", id="windows-1252"),
            pytest.param(b"x&nbsp;y", "x\xa0y", id="html entity"),
            pytest.param(b"caf\xe9&nbsp;", "café", id="both"),
        ],
    )
    def test_keeps_every_row_in_its_place(self, last: bytes, value: str) -> None:
        items = [f"<a>{n}é</a>" for n in range(self.N)]
        document = rss(*items, "<a>LAST</a>").replace(b"LAST", last)
        stream = extract_records(
            document, record_path=RSS_ITEM, fields=mapped("+a"), batch_rows=500
        )
        found = [row["c0"] for batch in stream for row in batch.to_pylist()]
        assert [v.strip("\xa0") for v in found] == [*(f"{n}é" for n in range(self.N)), value]
        assert stream.records == self.N + 1
        assert stream.warnings
