from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from impler_pipelines.errors import (
    FeedHasNoRecords,
    FeedMalformed,
    FeedUnreadable,
    LimitExceeded,
    PipelineError,
    WebPageFound,
)
from impler_pipelines.extraction import Limits, read_feed
from impler_pipelines.model import Heading
from impler_pipelines_tests.extraction.feeds import RSS_ITEM, rss

ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>Blog</title>
<entry><title type="text">One</title><link href="https://x.test/1"/></entry>
<entry><title>Two</title><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">
<p>Hello <b>world</b></p></div></content></entry></feed>"""


class TestSource:
    def test_bytes_path_and_stream_read_the_same(self, tmp_path: Path) -> None:
        content = rss("<a>1</a>", "<a>2</a>")
        path = tmp_path / "feed.xml"
        path.write_bytes(content)
        for source in (content, path, io.BytesIO(content)):
            reading = read_feed(source)
            assert [r[f"{RSS_ITEM} > a"] for r in reading.records()] == ["1", "2"]

    def test_a_stream_that_cannot_seek(self) -> None:
        class Pipe(io.BytesIO):
            def seekable(self) -> bool:
                return False

        reading = read_feed(Pipe(rss("<a>1</a>")))
        assert len(list(reading.records())) == 1

    def test_a_stream_is_read_from_where_it_stands(self) -> None:
        stream = io.BytesIO(b"skipped" + rss("<a>1</a>"))
        stream.seek(7)
        assert read_feed(stream).record_count == 1

    def test_records_can_be_read_again_and_side_by_side(self) -> None:
        reading = read_feed(io.BytesIO(rss(*(f"<a>{n}</a>" for n in range(9000)))))
        pairs = list(zip(reading.records(), reading.records(), strict=True))
        assert len(pairs) == 9000
        assert all(one == other for one, other in pairs)

    def test_compressed_content_is_recognised(self) -> None:
        assert read_feed(gzip.compress(rss("<a>1</a>"))).record_count == 1

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(FeedUnreadable, match="can't be read"):
            read_feed(tmp_path / "nowhere.xml")


class TestHeadings:
    def test_say_what_holds_a_value_how_often_and_what(self) -> None:
        reading = read_feed(
            rss(
                "<t>Lamp</t><tag>a</tag><tag>b</tag>",
                '<t>Desk</t><enclosure url="u" type="i"/>',
                '<guid isPermaLink="false">g</guid>',
            )
        )
        assert reading.headings == (
            Heading(f"{RSS_ITEM} > t", ("Lamp", "Desk"), 2, repeated=False),
            Heading(f"{RSS_ITEM} > tag", ("a", "b"), 1, repeated=True),
            Heading(f"{RSS_ITEM} > enclosure > @url", ("u",), 1, repeated=False),
            Heading(f"{RSS_ITEM} > enclosure > @type", ("i",), 1, repeated=False),
            Heading(f"{RSS_ITEM} > guid > @isPermaLink", ("false",), 1, repeated=False),
            Heading(f"{RSS_ITEM} > guid", ("g",), 1, repeated=False),
            Heading("rss > @version", ("2.0",), 3, repeated=False),
            Heading("rss > channel > title", ("Shop",), 3, repeated=False),
        )

    def test_at_most_three_different_samples(self) -> None:
        reading = read_feed(rss(*(f"<a>{n % 5}</a>" for n in range(20))))
        assert reading.headings[0].samples == ("0", "1", "2")

    def test_long_samples_are_cut(self) -> None:
        assert len(read_feed(rss(f"<a>{'x' * 10_000}</a>")).headings[0].samples[0]) == 500

    def test_values_after_the_records_are_headings_too(self) -> None:
        document = rss("<a>1</a>").replace(b"</channel>", b"<ttl>60</ttl></channel>")
        assert "rss > channel > ttl" in [h.path for h in read_feed(document).headings]


class TestRecords:
    @pytest.mark.parametrize(
        ("item", "expected"),
        [
            pytest.param("<a>1</a>", {"a": "1"}, id="element"),
            pytest.param("<a> 1\n</a>", {"a": "1"}, id="white space around"),
            pytest.param("<a>1  2</a>", {"a": "1  2"}, id="white space inside"),
            pytest.param("<a/>", {"a": ""}, id="empty"),
            pytest.param('<a x="1"/>', {"a > @x": "1"}, id="attribute"),
            pytest.param('<a x="1">t</a>', {"a > @x": "1", "a": "t"}, id="text beside attribute"),
            pytest.param('<a xml:lang="de">t</a>', {"a > @xml:lang": "de", "a": "t"}, id="xml:"),
            pytest.param("<a>1</a><a>2</a>", {"a": ["1", "2"]}, id="repeated"),
            pytest.param(
                '<a x="1">t</a><a x="2">u</a>',
                {"a > @x": ["1", "2"], "a": ["t", "u"]},
                id="repeated with attributes",
            ),
            pytest.param("<a><b>1</b><b>2</b></a>", {"a > b": ["1", "2"]}, id="nested list"),
            pytest.param(
                "<a><b>1</b></a><a><b>2</b></a>", {"a > b": ["1", "2"]}, id="repeated parent"
            ),
            pytest.param("<a><![CDATA[<p>x</p>]]></a>", {"a": "<p>x</p>"}, id="CDATA"),
            pytest.param("<a>x<![CDATA[y]]>z<!-- c -->w<?p?>!</a>", {"a": "xyzw!"}, id="pieces"),
            pytest.param("<a>x &amp; &#233; &lt;</a>", {"a": "x & é <"}, id="references"),
            pytest.param(
                "<a>Hello <b>big</b> world</a>",
                {"a": "Hello big world", "a > b": "big"},
                id="mixed content",
            ),
            pytest.param("<item><a>1</a></item>", {"item > a": "1"}, id="item in item"),
            pytest.param("", {}, id="an item of nothing"),
        ],
    )
    def test_values(self, item: str, expected: dict[str, object]) -> None:
        [record] = read_feed(rss(item)).records()
        assert record == {f"{RSS_ITEM} > {path}": value for path, value in expected.items()}

    def test_a_missing_field_never_takes_another_record_s_value(self) -> None:
        reading = read_feed(rss("<a>1</a><b>1</b>", "<b>2</b>", "<a>3</a>"))
        assert [
            (r.get(f"{RSS_ITEM} > a"), r.get(f"{RSS_ITEM} > b")) for r in reading.records()
        ] == [("1", "1"), (None, "2"), ("3", None)]

    def test_prefixes_as_written(self) -> None:
        document = rss(
            '<g:price>1</g:price><m:x m:y="2"/>',
            attributes=' xmlns:g="http://base.google.com/ns/1.0" xmlns:m="urn:m"',
        )
        [record] = read_feed(document).records()
        assert record == {f"{RSS_ITEM} > g:price": "1", f"{RSS_ITEM} > m:x > @m:y": "2"}

    def test_undeclared_prefixes_are_kept_literally(self) -> None:
        reading = read_feed(rss('<g:price>1</g:price><a x:y="2"/>'))
        [record] = reading.records()
        assert record == {f"{RSS_ITEM} > g:price": "1", f"{RSS_ITEM} > a > @x:y": "2"}
        assert reading.warnings == (
            "Prefixes without a namespace declaration are kept as written: g, x.",
        )

    def test_records_of_an_undeclared_prefix(self) -> None:
        document = b"<x:list>" + b"<x:row><x:a>1</x:a></x:row>" * 3 + b"</x:list>"
        reading = read_feed(document)
        assert (reading.record_path, reading.record_count) == ("x:list > x:row", 3)
        assert next(reading.records()) == {"x:list > x:row > x:a": "1"}

    def test_xhtml_is_one_value_and_its_parts(self) -> None:
        one, two = read_feed(ATOM).records()
        assert one["feed > entry > title"] == "One"
        assert two["feed > entry > content"] == "Hello world"
        assert two["feed > entry > content > div > p > b"] == "world"


class TestRecordPath:
    DOCUMENT = rss("<t>1</t><tag>a</tag><tag>b</tag>", "<t>2</t><tag>c</tag>")

    @pytest.mark.parametrize(
        "path",
        ["rss > channel > item > tag", "rss>channel[] > item[] >tag", f"{RSS_ITEM} > tag > _"],
    )
    def test_overrides_the_detection(self, path: str) -> None:
        reading = read_feed(self.DOCUMENT, record_path=path)
        assert reading.record_path == f"{RSS_ITEM} > tag"
        assert [r[f"{RSS_ITEM} > tag"] for r in reading.records()] == ["a", "b", "c"]
        assert f"{RSS_ITEM} > t" in [h.path for h in reading.headings]

    def test_without_a_record_but_with_its_parent_is_empty(self) -> None:
        reading = read_feed(self.DOCUMENT, record_path="rss > channel > entry")
        assert reading.record_count == 0
        assert "no record" in reading.warnings[0]

    def test_of_another_document_is_refused(self) -> None:
        with pytest.raises(FeedHasNoRecords, match=r"'feed > entry'.*'rss > channel > item'"):
            read_feed(self.DOCUMENT, record_path="feed > entry")

    def test_may_be_the_root(self) -> None:
        [record] = read_feed(b"<note><to>a</to></note>", record_path="note").records()
        assert record == {"note > to": "a"}

    def test_candidates_name_the_choice_first_with_its_count(self) -> None:
        reading = read_feed(
            b"<orders>"
            + b"<order><id>1</id><l><s/><q/></l><l><s/><q/></l></order>" * 4
            + b"</orders>"
        )
        assert [(c.path, c.count) for c in reading.candidates] == [
            ("orders > order", 4),
            ("orders > order > l", 8),
        ]


class TestRefusals:
    @pytest.mark.parametrize(
        ("document", "error", "message"),
        [
            pytest.param(b"", FeedUnreadable, "empty", id="nothing"),
            pytest.param(b" \n ", FeedUnreadable, "empty", id="white space"),
            pytest.param(b'{"items": []}', FeedUnreadable, "JSON", id="json"),
            pytest.param(b"%PDF-1.7 ...", FeedUnreadable, "PDF", id="pdf"),
            pytest.param(b"PK\x03\x04....", FeedUnreadable, "ZIP", id="zip"),
            pytest.param(b"\x89PNG\r\n", FeedUnreadable, "image", id="png"),
            pytest.param(
                b"<!DOCTYPE html><html><p>x</html>", WebPageFound, "web page", id="html"
            ),
            pytest.param(
                b"<?xml version='1.0'?><!doctype HTML PUBLIC 'x'>", WebPageFound, "web page",
                id="old html",
            ),
            pytest.param(
                b'<html xmlns="http://www.w3.org/1999/xhtml"><body/></html>',
                WebPageFound, "web page", id="xhtml",
            ),
            pytest.param(b"just text", FeedMalformed, "line 1", id="text"),
            pytest.param(rss("<a>x & y</a>"), FeedMalformed, "line 1, column", id="ampersand"),
            pytest.param(rss("\n<a>1</b>"), FeedMalformed, "line 2, column", id="mismatch"),
            pytest.param(rss("<a>1</a>")[:-5], FeedMalformed, "line 1", id="truncated tag"),
            pytest.param(rss("<a>1</a>")[:-20], FeedMalformed, "line 1", id="truncated"),
            pytest.param(rss() + b"<more/>", FeedMalformed, "Extra content", id="two roots"),
            pytest.param(
                rss("<x:a/>") * 2, FeedMalformed, "junk", id="two with undeclared prefixes"
            ),
            pytest.param(
                rss("<x:a/>") + b"</rss>", FeedMalformed, "token", id="two ends, prefix undeclared"
            ),
            pytest.param(
                rss("<a xmlns='a b'/>") + b"text", FeedMalformed, "junk", id="text, odd namespace"
            ),
            pytest.param(rss('<a x="1" x="2"/>'), FeedMalformed, "redefined", id="attribute twice"),
            pytest.param(
                rss('<a xmlns:p="u" xmlns:q="u" p:x="1" q:x="2"/>'), FeedMalformed, "redefined",
                id="attribute twice by namespace",
            ),
            pytest.param(rss("<a>\x0b</a>"), FeedMalformed, "Char value 11", id="control"),
            pytest.param(b"<note><to/><by/></note>", FeedHasNoRecords, "<note>", id="note"),
        ],
    )  # fmt: skip
    def test_say_why(self, document: bytes, error: type[PipelineError], message: str) -> None:
        with pytest.raises(error, match=message) as caught:
            read_feed(document)
        assert type(caught.value) is error

    def test_never_half_a_feed(self) -> None:
        good = rss(*(f"<a>{n}</a>" for n in range(20_000)))
        with pytest.raises(FeedMalformed):
            read_feed(good.replace(b"19999", b"19999 & more"))

    def test_the_first_fault_is_the_one_that_is_told(self) -> None:
        with pytest.raises(FeedMalformed, match="mismatch"):
            read_feed(rss("<a></b>", *["<c>1</c>"] * 20_000, "<a>&nope;</a>"))

    def test_errors_show_behind_a_hundred_undeclared_prefixes(self) -> None:
        items = ["<g:a>1</g:a>"] * 500
        with pytest.raises(FeedMalformed):
            read_feed(rss(*items)[:-20])
        with pytest.raises(FeedMalformed, match="line 2"):
            read_feed(rss(*items, "\n<a></b>"))
        with pytest.raises(FeedMalformed, match="junk after document"):
            read_feed(rss(*items) + b"more")

    def test_the_error_of_one_feed_leaves_the_next_alone(self) -> None:
        with pytest.raises(FeedMalformed):
            read_feed(rss("<a>&nope;</a>"))
        assert read_feed(rss("<g:a>1</g:a>")).record_count == 1


class TestHostile:
    @pytest.mark.parametrize(
        ("document", "limits", "message"),
        [
            pytest.param(
                b"<a>" * 300 + b"</a>" * 300, Limits(), "256 levels.*IMPLER_MAX_DEPTH", id="depth"
            ),
            pytest.param(
                rss(f"<a>{'x' * 11_000_000}</a>"), Limits(), "value of the feed is too large",
                id="text",
            ),
            pytest.param(
                rss(f"<!--{'x' * 11_000_000}-->"), Limits(), "value of the feed is too large",
                id="comment",
            ),
            pytest.param(
                b"<r><a" + b"x" * 200_000 + b"/></r>", Limits(), "name in the feed is too long",
                id="name",
            ),
            pytest.param(
                b"<r><a " + b" ".join(b'a%d=""' % n for n in range(200_000)) + b"/></r>",
                Limits(), "too many attributes", id="attributes",
            ),
            pytest.param(
                b"<r>" + b"".join(b"<a%d/>" % n for n in range(30_000)) + b"</r>",
                Limits(), "different element", id="names",
            ),
            pytest.param(
                rss("".join(f"<a{n}/>" for n in range(500))), Limits(max_headings=100),
                "100 headings", id="headings",
            ),
            pytest.param(
                rss("<a>1</a>" * 100), Limits(max_elements=100), "100 elements", id="elements"
            ),
            pytest.param(
                rss("<a>1</a>" * 50_000), Limits(max_record_bytes=100_000), "too large", id="record"
            ),
            pytest.param(
                rss("<a>1</a>"), Limits(max_bytes=10), "10 bytes.*IMPLER_MAX_FEED_BYTES", id="bytes"
            ),
        ],
    )  # fmt: skip
    def test_is_refused_by_the_name_of_the_limit(
        self, document: bytes, limits: Limits, message: str
    ) -> None:
        with pytest.raises(LimitExceeded, match=message):
            read_feed(document, limits=limits)

    def test_a_page_of_comments_takes_no_time(self) -> None:
        with pytest.raises(FeedHasNoRecords):
            read_feed(b"<!-- x -->" * 20_000 + b"<r/>")

    def test_xinclude_is_an_element_like_any_other(self) -> None:
        item = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>'
        [record] = read_feed(rss(item)).records()
        assert record == {f"{RSS_ITEM} > xi:include > @href": "file:///etc/passwd"}

    def test_depth_can_be_raised(self) -> None:
        document = rss("<a>" * 400 + "x" + "</a>" * 400)
        assert read_feed(document, limits=Limits(max_depth=500)).record_count == 1


class TestProgress:
    def test_counts_records(self) -> None:
        seen: list[int] = []
        read_feed(rss(*["<a>1</a>"] * 20_000), on_progress=seen.append)
        assert seen == sorted(seen)
        assert len(seen) > 1
        assert seen[-1] == 20_000
