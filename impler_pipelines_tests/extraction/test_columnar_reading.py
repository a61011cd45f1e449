"""The reading by bytes against the one by the parser's tree: the same rows, whatever is written."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impler_pipelines.errors import FeedMalformed
from impler_pipelines.extraction import Limits, extract_records
from impler_pipelines.extraction.document import read_document
from impler_pipelines.extraction.parsing import CheckedChunks
from impler_pipelines.extraction.shape_blocks import ShapeBlocks
from impler_pipelines.extraction.shapes import Shape
from impler_pipelines.extraction.survey import _by_bytes, _by_tree
from impler_pipelines.extraction.unusual import Unusual
from impler_pipelines.model import FieldMapping, Heading, Repeated
from impler_pipelines_tests.extraction import readings
from impler_pipelines_tests.extraction.readings import Columns

RECORD = "r > list > item"
PATHS = (
    "a", "b", "a > b", "b > a", "a > @x", "b > @y", "@x", "p:a", "p:a > @p:x", "a > @p:x",
    "b > a > @x", "a-rather-long-name", "a-rather-long-name > @another-long-name", "",
)  # fmt: skip


def fields(repeated: Repeated, record: str = RECORD) -> list[FieldMapping]:
    paths = [f"{record} > {path}" if path else record for path in PATHS]
    return [FieldMapping(f"c{n}", path, repeated) for n, path in enumerate(paths)]


def by_tree(document: bytes, mapped: Sequence[FieldMapping], record: str = RECORD) -> Columns:
    return readings.by_tree(read_document(document, None, Limits()), mapped, record)


def by_bytes(
    document: bytes, mapped: Sequence[FieldMapping], block_bytes: int, record: str = RECORD
) -> Columns:
    whole = read_document(document, None, Limits())
    return readings.by_bytes(whole, mapped, record, block_bytes)


def headings_by(document: bytes, *, by_bytes: bool) -> tuple[int, list[Heading]]:
    return readings.headings(read_document(document, None, Limits()), RECORD, by_bytes=by_bytes)


def in_list(*items: str, root: str = "r", inside: str = "list") -> bytes:
    body = "\n".join(items)
    return f'<{root} xmlns:p="urn:p"><{inside}>{body}</{inside}></{root.split()[0]}>'.encode()


ITEMS = {
    "attribute with a greater-than sign": '<item x="1>2"><a x="a>b" y=\'c>d\'>1</a></item>',
    "the other quotation mark in a value": """<item><a x="it's >">1</a><b y='"'/></item>""",
    "both, so that their numbers are even": """<item><a x="'" y='x>'>1</a><b>2</b></item>""",
    "tags in CDATA": "<item><a><![CDATA[<b>no</b>]]></a><b>yes</b></item>",
    "CDATA in text": "<item><a>x<![CDATA[ <&> ]]>y&amp;</a></item>",
    "CDATA beside white space": "<item><a>\n  <![CDATA[ v ]]>\n</a></item>",
    "two CDATA sections": "<item><a><![CDATA[x]]]]><![CDATA[>y]]></a></item>",
    "an end of CDATA in text": "<item><a>]] ></a><b>]]&gt;</b></item>",
    "empty CDATA": "<item><a><![CDATA[]]></a><b><![CDATA[ ]]></b></item>",
    "a comment with tags": "<item><!-- <a>no</a> --><a>yes</a></item>",
    "a comment in text": "<item><a>x<!-- > < -->y</a></item>",
    "a comment that looks like its own end": "<item><!----><a>1</a></item>",
    "CDATA in a comment": "<item><!-- <![CDATA[ --><a>1</a><!-- ]]> --></item>",
    "a comment in CDATA": "<item><a><![CDATA[<!--]]></a><b>1</b><!-- x --></item>",
    "an instruction with tags": "<item><?x <a>no</a> ?><a>yes</a></item>",
    "an instruction in text": "<item><a>x<?y?>z</a></item>",
    "mixed content": "<item><a>x<b>y</b>z</a></item>",
    "an element around elements": "<item><a><b>1</b><b>2</b></a></item>",
    "empty ones": "<item><a/><b></b><a x='1'/><b > </b></item>",
    "an empty record": "<item/>",
    "an empty record with attributes": '<item x="1" />',
    "a record of text": "<item>text</item>",
    "repeated": "<item><a>1</a><a/><a>2</a><b>3</b><a x='x'>4</a></item>",
    "repeated, an empty one first": "<item><a/><a> </a><a>2</a></item>",
    "repeated attributes, an empty one first": "<item><a x=''/><a x='1'/></item>",
    "references": "<item><a>&lt;&amp;lt;&gt;&quot;&apos;&#65;&#x1F600;</a><b>&amp;#65;</b></item>",
    "references in attributes": '<item><a x="&lt;&amp;&#10;&quot;\n\t&apos;"/></item>',
    "references that are white space": "<item><a>&#32;x&#10;</a><b>&#32;</b></item>",
    "white space in tags": "<item\n ><a\n\tx = '1'\n\n  y\n=\n\"2\" >3</a\n></item >",
    "names that begin alike": "<item><ab>no</ab><a.b>no</a.b><a-b>no</a-b><a>1</a></item>",
    "long names": "<item><a-rather-long-name another-long-name='1'>2</a-rather-long-name></item>",
    "names of eight and sixteen bytes": "<item><abcdefgh/><a>1</a><abcdefghijklmnop/></item>",
    "line ends": "<item><a>x\r\ny\rz</a>\r\n<b x='\r\n'>\r</b></item>",
    "other scripts": "<item><a>日本 Ωß 😀</a><ä>x</ä><b y='é>è'>\u00a0x\u00a0</b></item>",
    "a prefix": "<item><p:a p:x='1'>2</p:a><a p:x='3' x='4'/></item>",
    "an undeclared prefix": "<item><q:a>1</q:a><a q:x='1'>2</a></item>",
    "a namesake around": "<other><item><a>no</a></item></other><item><a>1</a></item>",
    "nested in itself": "<item><a>1</a><item><a>2</a></item></item>",
    "an attribute that looks like another": """<item><a y='x="1"' x="2">3</a></item>""",
    "a declaration inside": "<item><a xmlns:z='urn:z' x='1'>1</a><b xmlns='urn:y'/></item>",
}  # fmt: skip


class TestBothReadings:
    @pytest.mark.parametrize("repeated", list(Repeated))
    @pytest.mark.parametrize("block_bytes", [40, 100_000])
    @pytest.mark.parametrize("item", [pytest.param(i, id=name) for name, i in ITEMS.items()])
    def test_find_the_same(self, item: str, block_bytes: int, repeated: Repeated) -> None:
        document = in_list(item, "<item><a>second</a></item>", item)
        mapped = fields(repeated)
        try:
            found = by_bytes(document, mapped, block_bytes)
        except Unusual:
            assert "xmlns" in item or "q:" in item
        else:
            assert found == by_tree(document, mapped)

    def test_find_the_same_under_several_parents(self) -> None:
        document = in_list(
            "<item><a>1</a></item></list><list><!-- > --><item><a>2</a></item><item/></list>"
            "<list/><list>text<item><a>4</a></item>"
        )
        mapped = fields(Repeated.FIRST)
        for block_bytes in range(1, len(document) + 2, 7):
            assert by_bytes(document, mapped, block_bytes) == by_tree(document, mapped)
        assert by_tree(document, mapped)[0] == ["1", "2", None, "4"]

    @pytest.mark.parametrize("record", ["r", "r > list", "r > nothing", "x:r > list"])
    def test_find_the_same_records(self, record: str) -> None:
        document = in_list("<item><a>1</a></item>", "<a>2</a>")
        mapped = fields(Repeated.FIRST, record)
        assert by_bytes(document, mapped, 50, record) == by_tree(document, mapped, record)


NAMES = st.sampled_from(["a", "b", "p:a", "c", "item", "a-rather-long-name", "list"])
TEXTS = st.one_of(
    st.sampled_from(["", " ", "\n\t", "x", "&amp;", "&#x41;", "]] ", ">", "'\"", "\r\n", "é"]),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=8).map(
        lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace("]", "")
    ),
)
ASIDES = st.sampled_from(
    ["<!-- <a> -->", "<![CDATA[<b> & ]]>", "<?pi > <a ?>", "<![CDATA[]]>", "<!---->", "<?a?>"]
)
VALUES = st.sampled_from(['"1"', "'2'", '"a>b"', "'\"'", '"\'"', '""', '"&lt;&#10; "', "'\n'"])
ATTRIBUTES = st.lists(
    st.tuples(st.sampled_from(["x", "y", "p:x", "another-long-name"]), VALUES),
    max_size=3,
    unique_by=lambda pair: pair[0],
).map(lambda pairs: "".join(f" {name}={value}" for name, value in pairs))


def _element(name: str, attributes: str, content: Sequence[str]) -> str:
    inside = "".join(content)
    return f"<{name}{attributes}>{inside}</{name}>" if inside else f"<{name}{attributes}/>"


CONTENT = st.recursive(
    st.one_of(TEXTS, ASIDES),
    lambda inner: st.builds(_element, NAMES, ATTRIBUTES, st.lists(inner, max_size=4)),
    max_leaves=12,
)
RECORDS = st.lists(
    st.builds(_element, st.just("item"), ATTRIBUTES, st.lists(CONTENT, max_size=6)), max_size=6
)


class TestGeneratedDocuments:
    @settings(max_examples=300, deadline=None)
    @given(records=RECORDS, block_bytes=st.integers(1, 400), how=st.sampled_from(list(Repeated)))
    def test_both_readings_find_the_same(
        self, records: list[str], block_bytes: int, how: Repeated
    ) -> None:
        document = in_list(*records)
        mapped = fields(how)
        try:
            found = by_bytes(document, mapped, block_bytes)
        except Unusual:
            return
        assert found == by_tree(document, mapped)
        assert len(found[0]) == len(records)


class TestUnusual:
    @pytest.mark.parametrize(
        "document",
        [
            pytest.param(in_list(f"<item><{'n' * 200}/><a>1</a></item>"), id="a very long name"),
            pytest.param(
                in_list(*(f"<item><n{n}/><a>1</a></item>" for n in range(21_000))),
                id="very many names",
            ),
            pytest.param(
                in_list("<item><z:a xmlns:z='urn:p'>1</z:a></item>"), id="prefixes declared inside"
            ),
        ],
    )
    def test_documents_are_read_by_the_tree(self, document: bytes) -> None:
        mapped = fields(Repeated.FIRST)
        with pytest.raises(Unusual):
            by_bytes(document, mapped, 100_000)
        stream = extract_records(document, record_path=RECORD, fields=mapped)
        rows = [row for batch in stream for row in batch.to_pylist()]
        assert [list(column) for column in zip(*(row.values() for row in rows), strict=True)] == (
            by_tree(document, mapped)
        )

    def test_one_far_inside_changes_nothing_before_it(self) -> None:
        plain = [f"<item><a>{n}</a></item>" for n in range(200_000)]
        document = in_list(*plain, f"<item><{'n' * 200}/><a>last</a></item>")
        stream = extract_records(
            document, record_path=RECORD, fields=[FieldMapping("a", f"{RECORD} > a")]
        )
        values = [row["a"] for batch in stream for row in batch.to_pylist()]
        assert values == [*map(str, range(200_000)), "last"]

    @pytest.mark.parametrize("cut", range(1, 60))
    def test_a_cut_document_is_malformed_wherever_it_ends(self, cut: int) -> None:
        document = in_list("<item><a x='1>'>1</a><b><![CDATA[x]]></b><!-- c --></item>")[:-cut]
        with pytest.raises(FeedMalformed):
            list(extract_records(document, record_path=RECORD, fields=fields(Repeated.FIRST)))


class TestHeadings:
    @pytest.mark.parametrize("item", [pytest.param(i, id=name) for name, i in ITEMS.items()])
    def test_both_readings_count_the_same(self, item: str) -> None:
        document = in_list(item, "<item><a>second</a></item>", item)
        found = headings_by(document, by_bytes=True)
        assert found == headings_by(document, by_bytes=False)
        assert found[0] == 3

    @settings(max_examples=300, deadline=None)
    @given(records=RECORDS)
    def test_both_readings_count_the_same_whatever_is_written(self, records: list[str]) -> None:
        document = in_list(*records)
        found = headings_by(document, by_bytes=True)
        assert found == headings_by(document, by_bytes=False)
        assert found[0] == len(records)

    def test_xhtml_is_one_value(self) -> None:
        item = (
            '<item><a><div xmlns="http://www.w3.org/1999/xhtml"><p>x</p><p>y</p></div></a></item>'
        )
        document = in_list(item)
        _, [whole, *_] = found = headings_by(document, by_bytes=True)
        assert whole == Heading(f"{RECORD} > a", ("xy",), 1, False)
        assert found == headings_by(document, by_bytes=False)


def seen(shape: Shape) -> list[tuple[object, ...]]:
    return [
        (
            one.path,
            one.namespace,
            one.count,
            one.most_in_parent,
            min(one.texts, 1),
            one.samples,
            [(a.segment, a.count, a.samples) for a in one.attributes.values()],
        )
        for one in shape.walk()
    ]


class TestShapes:
    @pytest.mark.parametrize("item", [pytest.param(i, id=name) for name, i in ITEMS.items()])
    def test_both_surveys_see_the_same(self, item: str) -> None:
        document = read_document(in_list(item, "<item><a>second</a></item>", item), None, Limits())
        declared_inside = "declaration" in item or "xmlns" in item
        by_tree = seen(_by_tree(document, lambda _: None).root)
        by_bytes = seen(_by_bytes(document, lambda _: None).root)
        assert by_bytes == by_tree or declared_inside

    @settings(max_examples=200, deadline=None)
    @given(records=RECORDS, block_bytes=st.integers(1, 400))
    def test_however_it_is_cut(self, records: list[str], block_bytes: int) -> None:
        document = read_document(in_list(*records), None, Limits())
        by_tree = {path: rest for path, *rest in seen(_by_tree(document, lambda _: None).root)}
        shapes = ShapeBlocks(10_000)
        root = next(iter([*shapes.grown(CheckedChunks(document), block_bytes)][-1:]))
        by_bytes = {path: rest for path, *rest in seen(root)}
        assert by_bytes.keys() == by_tree.keys()
        for path, (_, count, most, *_rest, attributes) in by_bytes.items():
            assert (count, most) == tuple(by_tree[path][1:3])
            assert sorted(attributes) == sorted(by_tree[path][-1])
