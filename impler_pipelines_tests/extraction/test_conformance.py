"""Classes of documents that XML 1.0 and Namespaces tell readers to take, to change or to refuse."""

from __future__ import annotations

import pytest

from impler_pipelines.errors import FeedMalformed, LimitExceeded
from impler_pipelines.extraction import Limits, read_feed
from impler_pipelines_tests.extraction import readings
from impler_pipelines_tests.extraction.feeds import RSS_ITEM, doctype
from impler_pipelines_tests.extraction.test_prolog import value


def values(subset: str, item: str) -> dict[str, object]:
    """What the only record holds, by paths below it, both ways of reading agreed."""
    document = doctype(subset, item)
    reading = read_feed(document)
    assert reading.warnings == ()
    by_tree = readings.headings(reading._document, RSS_ITEM, by_bytes=False)
    assert readings.headings(reading._document, RSS_ITEM, by_bytes=True) == by_tree
    [record] = reading.records()
    return {path.removeprefix(f"{RSS_ITEM} > "): found for path, found in record.items()}


D = "a x CDATA 'd'"
APPLIED: dict[str, tuple[str, str, dict[str, str]]] = {
    "a default": (D, "<a/>", {"a > @x": "d"}),
    "a fixed one": ('a x CDATA #FIXED "d"', "<a></a>", {"a > @x": "d"}),
    "one of a choice": ("a x (c|d) 'd'", "<a y='1'/>", {"a > @y": "1", "a > @x": "d"}),
    "none where one is written": (D, "<a x='1'/>", {"a > @x": "1"}),
    "none of another element": (D, "<ab>1</ab>", {"ab": "1"}),
    "none where it is implied": ("a x CDATA #IMPLIED", "<a>1</a>", {"a": "1"}),
    "two": ("a x CDATA 'd' y CDATA 'e'", "<a/>", {"a > @x": "d", "a > @y": "e"}),
    "the first of a name": (
        f"{D}><!ATTLIST a x CDATA 'e' y CDATA 'f'",
        "<a/>",
        {"a > @x": "d", "a > @y": "f"},
    ),
    "special characters": ("a x CDATA 'a\n&#38;>\"'", "<a/>", {"a > @x": 'a &>"'}),
    "a namespace": ("a xmlns:p CDATA #FIXED 'urn:p'", "<a p:x='1'/>", {"a > @p:x": "1"}),
    "none in text": (D, "<![CDATA[<a>]]><!--<a>--><?p <a>?>", {"": "<a>"}),
    "white space in the tag": (D, "<a\n/><b c='--'/>", {"a > @x": "d", "b > @c": "--"}),
    "a mark in a value": (D, "<a y='>'/>", {"a > @y": ">", "a > @x": "d"}),
    "tokens": ("a x NMTOKENS #IMPLIED", "<a x=' 1 \n 2 '/>", {"a > @x": "1 2"}),
    "tokens of a default": ("a x NMTOKENS ' 1  2 '", "<a/>", {"a > @x": "1 2"}),
    "spaces as references": ("a x ID #IMPLIED", "<a x=' &#32;&#x20;1'/>", {"a > @x": "1"}),
    "a choice's white space": ("a x (1|2) #IMPLIED", "<a x=' 1 '/>", {"a > @x": "1"}),
}


class TestDeclaredAttributes:
    @pytest.mark.parametrize(
        ("declared", "item", "expected"),
        [pytest.param(*case, id=name) for name, case in APPLIED.items()],
    )
    def test_are_applied(self, declared: str, item: str, expected: dict[str, str]) -> None:
        found = values(f"<!ATTLIST {declared}>", item)
        assert {path.removeprefix(RSS_ITEM): text for path, text in found.items()} == expected

    def test_entities_of_a_default_are_replaced(self) -> None:
        subset = '<!ENTITY e \'say "x"\'><!ATTLIST a x CDATA "&e;">'
        assert values(subset, "<a/>") == {"a > @x": 'say "x"'}

    def test_apply_to_what_an_entity_holds(self) -> None:
        assert values("<!ATTLIST a x CDATA 'd'><!ENTITY e '<a/>'>", "&e;") == {"a > @x": "d"}

    def test_apply_far_inside_a_large_feed(self) -> None:
        tags = "<a y='1'><!-- <a> --><![CDATA[<a>]]></a>" * 10_000
        [record] = read_feed(doctype("<!ATTLIST a x CDATA 'd'>", tags)).records()
        assert record[f"{RSS_ITEM} > a > @x"] == ["d"] * 10_000
        assert record[f"{RSS_ITEM} > a"] == ["<a>"] * 10_000

    def test_behind_a_parameter_entity_they_are_not_certain(self) -> None:
        subset = "<!ENTITY % p SYSTEM 'p.dtd'> %p; <!ATTLIST a x CDATA 'd'>"
        reading = read_feed(doctype(subset, "<a>1</a>"))
        assert reading.warnings == (
            "Attributes declared behind a parameter entity are not applied: it is not read.",
        )
        assert list(reading.records()) == [{f"{RSS_ITEM} > a": "1"}]

    def test_may_not_add_without_bound(self) -> None:
        document = doctype(f"<!ATTLIST a x CDATA '{'d' * 1000}'>", "<a/>" * 1000)
        with pytest.raises(LimitExceeded, match=r"100000 bytes.*IMPLER_MAX_ENTITY_EXPANSION_BYTES"):
            read_feed(document, limits=Limits(max_entity_expansion_bytes=100_000))

    def test_two_names_that_normalisation_makes_one_are_refused(self) -> None:
        item = "<a xmlns:p='urn:a' xmlns:q=' urn:a ' p:x='1' q:x='2'/>"
        with pytest.raises(FeedMalformed, match="redefined"):
            read_feed(doctype("<!ATTLIST a xmlns:q NMTOKEN #IMPLIED>", item))


class TestReferences:
    @pytest.mark.parametrize("text", ["&&e;97;", "&&e;amp;"])
    def test_are_not_put_together_from_parts(self, text: str) -> None:
        with pytest.raises(FeedMalformed):
            value(doctype("<!ENTITY e '#'>", f"<a>{text}</a>"))

    def test_do_not_stand_for_the_root(self) -> None:
        document = b"<!DOCTYPE r [<!ENTITY e '<r><i>1</i><i>2</i></r>'>]>&e;"
        with pytest.raises(FeedMalformed, match="reference stands where its first element"):
            read_feed(document)


@pytest.mark.parametrize(
    "item",
    [
        pytest.param("<a xml:id='23'>1</a>", id="an xml:id that is no name"),
        pytest.param("<a xml:id='b'>1</a><c xml:id='b'/>", id="two of one xml:id"),
        pytest.param("<?p:q?><a>1</a>", id="a colon in an instruction's name"),
        pytest.param("<a xmlns='not a URI'>1</a>", id="a namespace that is no URI"),
        pytest.param("<a xmlns='relative'><p:b/>1</a>", id="a relative one, a prefix without any"),
        pytest.param("<a xml:space='tight'><p:b/>1</a>", id="a value of xml:space, such a prefix"),
    ],
)
def test_what_other_specifications_forbid_is_read(item: str) -> None:
    assert value(f"<rss><channel><item>{item}</item></channel></rss>".encode()) == "1"


@pytest.mark.parametrize("name", [" utf-8", "utf:8", "_utf-8", "utf/8", "utf~8"])
def test_an_encoding_that_is_spelled_wrongly_is_told(name: str) -> None:
    document = f"<?xml version='1.0' encoding='{name}'?><r><i>é</i><i>b</i></r>".encode()
    [warning] = read_feed(document).warnings
    assert repr(name) in warning


def test_references_by_the_thousand_are_replaced_and_counted_one_for_one() -> None:
    once = "<a>&nbsp;&lt;&eacute;<![CDATA[&nbsp;]]><!--&nbsp;-->&#38;nbsp;</a>"
    document = f"<rss><channel><item>{once * 20_000}</item></channel></rss>".encode()
    reading = read_feed(document)
    [record] = reading.records()
    assert record[f"{RSS_ITEM} > a"] == ["\xa0<é&nbsp;&nbsp;"] * 20_000
    [warning] = reading.warnings
    assert warning.startswith("40000 HTML entities")
