# ruff: noqa: E501  a table of documents reads best with one on a line
from __future__ import annotations

import pytest

from impler_pipelines.errors import FeedHasNoRecords
from impler_pipelines.extraction import read_feed
from impler_pipelines_tests.extraction.feeds import rss

RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
ATOM = 'xmlns="http://www.w3.org/2005/Atom"'
SITEMAP = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
ITEM = "<item><title>t</title><link>l</link></item>"
RDF_LIST = "<items><rdf:Seq>" + '<rdf:li rdf:resource="x"/>' * 9 + "</rdf:Seq></items>"
LINES = "<lines>" + "<line><sku>1</sku><qty>2</qty></line>" * 7 + "</lines>"
PRODUCT = "<product><id>1</id><name>n</name><price>2</price></product>"
YML = (
    "<yml_catalog><shop><categories>" + '<category id="1">c</category>' * 50 + "</categories>"
    "<offers>" + '<offer id="1"><url>u</url><price>1</price></offer>' * 3 + "</offers></shop></yml_catalog>"
)  # fmt: skip


class TestKnownFormats:
    @pytest.mark.parametrize(
        ("document", "found"),
        [
            pytest.param(rss(ITEM).decode(), ("rss", "rss > channel > item", 1), id="rss of one"),
            pytest.param(rss().decode(), ("rss", "rss > channel > item", 0), id="rss of none"),
            pytest.param(
                f'<rss version="0.92"><channel><title/></channel>{ITEM * 2}</rss>',
                ("rss", "rss > item", 2), id="rss with items beside the channel",
            ),
            pytest.param(
                "<rss><channel>" + "<category>c</category>" * 9 + "<item><title/></item></channel></rss>",
                ("rss", "rss > channel > item", 1), id="outnumbered by categories",
            ),
            pytest.param(
                "<rss><channel>" + f"<item>{'<tag><a/><b/></tag>' * 9}</item>" * 2 + "</channel></rss>",
                ("rss", "rss > channel > item", 2), id="outnumbered by a nested list",
            ),
            pytest.param(
                f'<rdf:RDF {RDF} xmlns="http://purl.org/rss/1.0/"><channel>{RDF_LIST}</channel>{ITEM * 2}</rdf:RDF>',
                ("rdf", "rdf:RDF > item", 2), id="rss 1.0",
            ),
            pytest.param(
                f'<rdf:RDF {RDF} xmlns="http://my.netscape.com/rdf/simple/0.9/"><channel/>{ITEM}</rdf:RDF>',
                ("rdf", "rdf:RDF > item", 1), id="rss 0.90",
            ),
            pytest.param(
                f'<rdf:RDF {RDF} xmlns:f="urn:f">' + "<f:Person><f:name>n</f:name></f:Person>" * 3 + "</rdf:RDF>",
                ("rdf", "rdf:RDF > f:Person", 3), id="other rdf",
            ),
            pytest.param(f"<feed {ATOM}><entry><id>1</id></entry></feed>", ("atom", "feed > entry", 1), id="atom"),
            pytest.param(f"<feed {ATOM}><title>t</title></feed>", ("atom", "feed > entry", 0), id="atom of none"),
            pytest.param(
                '<a:feed xmlns:a="http://www.w3.org/2005/Atom"><a:entry><a:id>1</a:id></a:entry></a:feed>',
                ("atom", "a:feed > a:entry", 1), id="atom with a prefix",
            ),
            pytest.param(
                '<feed xmlns="http://purl.org/atom/ns#"><entry><id>1</id></entry></feed>',
                ("atom", "feed > entry", 1), id="atom 0.3",
            ),
            pytest.param(
                f"<rdf:RDF {RDF}><channel><title>t</title></channel></rdf:RDF>",
                ("rdf", "rdf:RDF > item", 0),
                id="rss 1.0 of none",
            ),
            pytest.param(f"<entry {ATOM}><id>1</id></entry>", ("atom", "entry", 1), id="an atom entry"),
            pytest.param(
                f"<urlset {SITEMAP}><url><loc>l</loc></url></urlset>", ("sitemap", "urlset > url", 1), id="sitemap"
            ),
            pytest.param(
                f"<sitemapindex {SITEMAP}><sitemap><loc>l</loc></sitemap></sitemapindex>",
                ("sitemap", "sitemapindex > sitemap", 1), id="sitemap index",
            ),
            pytest.param(
                '<opml><head><title>t</title></head><body><outline text="a" xmlUrl="u"/></body></opml>',
                ("opml", "opml > body > outline", 1), id="flat opml",
            ),
            pytest.param(
                '<opml><body><outline text="g">' + '<outline text="a" xmlUrl="u"/>' * 3 + "</outline></body></opml>",
                ("opml", "opml > body > outline > outline", 3), id="grouped opml",
            ),
            pytest.param(YML, ("xml", "yml_catalog > shop > offers > offer", 3), id="yandex market"),
        ],
    )  # fmt: skip
    def test_decide(self, document: str, found: tuple[str, str, int]) -> None:
        reading = read_feed(document.encode())
        assert (reading.format, reading.record_path, reading.record_count) == found

    def test_are_certain(self) -> None:
        assert read_feed(rss()).candidates[0].confidence == 1.0


class TestStructure:
    @pytest.mark.parametrize(
        ("document", "path", "count"),
        [
            pytest.param(
                f"<orders>{f'<order><id>1</id><on>d</on><by>b</by>{LINES}</order>' * 3}</orders>",
                "orders > order", 3, id="a nested list outnumbers its parents",
            ),
            pytest.param(
                f"<x>{f'<y><a>1</a><b>2</b><c>3</c><d>4</d>{LINES}</y>' * 3}</x>", "x > y", 3,
                id="the same without speaking names",
            ),
            pytest.param(
                f"<shop>{f'<category><label>c</label>{PRODUCT * 5}</category>' * 3}</shop>",
                "shop > category > product", 15, id="groups are passed through",
            ),
            pytest.param(f"<products>{PRODUCT}</products>", "products > product", 1, id="one of its plural"),
            pytest.param(
                "<products><product><id>1</id><image>a</image><image>b</image></product></products>",
                "products > product", 1, id="one, with a list inside",
            ),
            pytest.param(
                f"<response><status>ok</status><data><items>{ITEM * 2}</items></data></response>",
                "response > data > items > item", 2, id="deep",
            ),
            pytest.param(
                "<export><categories>" + "<category>c</category>" * 99 + f"</categories>{PRODUCT * 2}</export>",
                "export > product", 2, id="bare texts are no records beside richer ones",
            ),
            pytest.param("<names><name>a</name><name>b</name></names>", "names > name", 2, id="bare texts alone"),
            pytest.param(
                "<rows>" + '<row id="1" name="n"/>' * 3 + "</rows>", "rows > row", 3, id="attributes only"
            ),
            pytest.param(
                '<s:list xmlns:s="urn:s">' + "<s:thing><s:a/><s:b/></s:thing>" * 3 + "</s:list>",
                "s:list > s:thing", 3, id="prefixed",
            ),
        ],
    )  # fmt: skip
    def test_finds_the_record(self, document: str, path: str, count: int) -> None:
        reading = read_feed(document.encode())
        assert (reading.record_path, reading.record_count) == (path, count)

    def test_says_that_it_is_less_sure(self) -> None:
        reading = read_feed(f"<x>{f'<y><a>1</a><b/>{LINES}</y>' * 3}</x>".encode())
        assert [c.path for c in reading.candidates] == ["x > y", "x > y > lines > line"]
        assert 0.5 < reading.candidates[0].confidence < 1

    @pytest.mark.parametrize(
        "document",
        ["<note><to>a</to><from>b</from></note>", "<empty/>", "<a><b><c>1</c></b></a>"],
    )
    def test_finds_none_where_nothing_repeats(self, document: str) -> None:
        with pytest.raises(FeedHasNoRecords, match="recordPath"):
            read_feed(document.encode())
