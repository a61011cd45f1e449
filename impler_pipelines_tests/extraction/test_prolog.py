from __future__ import annotations

import pytest

from impler_pipelines.errors import FeedMalformed, LimitExceeded
from impler_pipelines.extraction import Limits, read_feed
from impler_pipelines_tests.extraction.feeds import RSS_ITEM, doctype, rss

A = f"{RSS_ITEM} > a"


def value(document: bytes, limits: Limits = Limits()) -> object:  # noqa: B008
    [record] = read_feed(document, limits=limits).records()
    return record[A]


class TestBeforeTheRoot:
    @pytest.mark.parametrize(
        ("before", "warning"),
        [
            pytest.param(b"\n\n  ", "White space before the XML declaration", id="white space"),
            pytest.param(b"\xef\xbb\xbf\xef\xbb\xbf", "stray byte order mark", id="two marks"),
            pytest.param(b" \xef\xbb\xbf", "stray byte order mark", id="mark after a space"),
        ],
    )
    def test_what_stands_before_the_declaration_is_skipped(
        self, before: bytes, warning: str
    ) -> None:
        reading = read_feed(before + b'<?xml version="1.0"?>' + rss("<a>1</a>"))
        assert reading.record_count == 1
        assert warning in reading.warnings[0]

    def test_lines_are_counted_from_the_first(self) -> None:
        document = b"\n\n<?xml version='1.0'?>\n" + rss("\n<a>x</b>")
        with pytest.raises(FeedMalformed) as caught:
            read_feed(document)
        assert (caught.value.line, caught.value.column) == (5, 9)

    def test_comments_and_instructions_pass(self) -> None:
        before = b"<?xml version='1.0'?><!-- <rss> --><?xml-stylesheet href='x'?>\n"
        reading = read_feed(before + rss("<a>1</a>"))
        assert (reading.record_count, reading.warnings) == (1, ())

    @pytest.mark.parametrize(
        "before",
        [
            b"<?xml version='2.0'?>",
            b"<?xml encoding='utf-8'?>",
            b"<?xml version='1.0'",
            b"junk",
            b"<?xml version='1.0'?><?xml version='1.0'?>",
            b"<!DOCTYPE rss [",
            b"<!DOCTYPE rss [ junk ]>",
            b"<!-- ",
        ],
    )
    def test_what_is_not_well_formed_is_refused(self, before: bytes) -> None:
        with pytest.raises(FeedMalformed):
            read_feed(before + rss("<a>1</a>"))


NETSCAPE = (
    '<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN"'
    ' "http://my.netscape.com/publish/formats/rss-0.91.dtd">'
)


class TestDoctype:
    @pytest.mark.parametrize(
        "declaration",
        [
            NETSCAPE,
            '<!DOCTYPE rss SYSTEM "http://127.0.0.1:1/never-fetched.dtd">',
            '<!DOCTYPE rss [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>',
            '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
            "<!DOCTYPE rss [<!ELEMENT rss ANY><!-- ]> --><?p ]> ?><!NOTATION n SYSTEM 'x'>]>",
        ],
        ids=["netscape", "system", "parameter entity", "external entity", "declarations"],
    )
    def test_one_that_does_no_harm_still_imports(self, declaration: str) -> None:
        assert value(declaration.encode() + rss("<a>1</a>")) == "1"

    @pytest.mark.parametrize(
        ("subset", "text", "expected"),
        [
            pytest.param('<!ENTITY x "val">', "a &x; b", "a val b", id="text"),
            pytest.param('<!ENTITY x "&y;!"><!ENTITY y "v">', "&x;", "v!", id="nested"),
            pytest.param('<!ENTITY x "&#233;">', "&x;", "é", id="character"),
            pytest.param('<!ENTITY x "1"><!ENTITY x "2">', "&x;", "1", id="first counts"),
            pytest.param('<!ENTITY x "a &amp; b">', "&x;", "a & b", id="ampersand"),
            pytest.param('<!ENTITY x "v">', "<![CDATA[&x;]]>", "&x;", id="not in CDATA"),
            pytest.param('<!ENTITY nbsp "-">', "&nbsp;", "-", id="before HTML's"),
            pytest.param('<!ENTITY lt "&#38;#60;">', "&lt;", "<", id="predefined"),
        ],
    )
    def test_its_own_entities_are_replaced(self, subset: str, text: str, expected: str) -> None:
        assert value(doctype(subset, f"<a>{text}</a>")) == expected

    def test_quotation_marks_of_an_entity_stay_inside_an_attribute(self) -> None:
        reading = read_feed(doctype("<!ENTITY x 'say \"x\"'>", '<b q="&x;"/>'))
        assert next(reading.records()) == {f"{RSS_ITEM} > b > @q": 'say "x"'}

    def test_an_entity_may_hold_markup(self) -> None:
        reading = read_feed(doctype('<!ENTITY x "<b>1</b>">', "&x;"))
        assert next(reading.records()) == {f"{RSS_ITEM} > b": "1"}

    @pytest.mark.parametrize(
        ("subset", "reason"),
        [
            pytest.param('<!ENTITY x SYSTEM "file:///etc/passwd">', "never fetched", id="file"),
            pytest.param('<!ENTITY x PUBLIC "p" "http://x/">', "never fetched", id="public"),
            pytest.param("<!ENTITY % p \"<!ENTITY x 'v'>\"> %p;", "not declared", id="parameter"),
            pytest.param('<!ENTITY x "&y;"><!ENTITY y "&x;">', "contains itself", id="circle"),
            pytest.param('<!ENTITY y "v">', "not declared", id="unknown"),
        ],
    )
    def test_a_reference_without_certain_meaning_is_refused(self, subset: str, reason: str) -> None:
        with pytest.raises(FeedMalformed, match=reason) as caught:
            read_feed(doctype(subset, "<a>&x;</a>"))
        assert caught.value.line == 2


class TestHtmlEntities:
    def test_are_recovered_with_a_count(self) -> None:
        reading = read_feed(rss("<a>x&nbsp;y&eacute;</a>", "<a>&nbsp;<![CDATA[&nbsp;]]></a>"))
        assert [r[A] for r in reading.records()] == ["x\xa0yé", "\xa0&nbsp;"]
        assert reading.warnings == (
            "3 HTML entities that XML does not know were read as HTML: &nbsp;, &eacute;.",
        )

    def test_references_are_found_across_chunks(self) -> None:
        items = [f"<a>{'x' * (n % 97)}&nbsp;</a><!-- &nope; -->" for n in range(5000)]
        reading = read_feed(rss(*items))
        assert reading.record_count == 5000
        assert "5000 HTML entities" in reading.warnings[0]

    def test_unknown_ones_are_malformed(self) -> None:
        with pytest.raises(FeedMalformed, match="&nope;"):
            read_feed(rss("<a>&nope;</a>"))


LAUGHS = '<!ENTITY l0 "lol">' + "".join(
    f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12)
)


class TestExpansion:
    def test_a_billion_laughs_are_refused_by_name(self) -> None:
        with pytest.raises(LimitExceeded, match="IMPLER_MAX_ENTITY_EXPANSION_BYTES"):
            read_feed(doctype(LAUGHS, "<a>&l11;</a>"))

    def test_in_utf_16_too(self) -> None:
        with pytest.raises(LimitExceeded):
            read_feed(doctype(LAUGHS, "<a>&l11;</a>").decode().encode("utf-16"))

    def test_declared_but_unused_they_do_no_harm(self) -> None:
        assert value(doctype(LAUGHS, "<a>1</a>")) == "1"

    def test_quadratic_blowup_is_refused(self) -> None:
        document = doctype(f'<!ENTITY x "{"x" * 50_000}">', f"<a>{'&x;' * 5000}</a>")
        with pytest.raises(LimitExceeded, match="entities expand too far"):
            read_feed(document)

    def test_the_cap_is_on_the_sum(self) -> None:
        document = doctype('<!ENTITY x "0123456789">', f"<a>{'&x;' * 10}</a>")
        assert value(document, Limits(max_entity_expansion_bytes=1000)) == "0123456789" * 10
        with pytest.raises(LimitExceeded, match="99 bytes"):
            read_feed(document, limits=Limits(max_entity_expansion_bytes=99))

    def test_a_doctype_without_end_is_refused(self) -> None:
        document = b"<!DOCTYPE rss [" + b'<!ENTITY a "b">' * 100_000
        with pytest.raises(LimitExceeded, match="before the feed's first element"):
            read_feed(document, limits=Limits(max_prolog_bytes=100_000))
