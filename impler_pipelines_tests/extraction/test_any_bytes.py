"""What the search of ``fuzz`` has found, each mended since."""

from __future__ import annotations

import pytest

from impler_pipelines_tests.extraction.any_bytes import check

FOUND = {
    "a root's name in no encoding": b"\x00<feed`x" + 47 * b"\xe6" + b"mlns='http:\x00<r><i>a",
    "no UTF-8 behind the root": b"\x00<i/>\n<jjjjjjjjjjj\xff\xff\xff/>",
    "a second root behind one with an odd namespace": (
        b"\x00<feed xmlns='a b'/>&amp;\xe9</i>/>&amp;\xe9</i><b></feed>"
    ),
    "an entity in Latin-1, unlabelled": (
        b"\x00<!DOCTYPE r [<!ENTITY e '\xe9\xe8'>]><r><l>\xb5<i>&e;</i><i/></l></r>"
    ),
    "an unknown entity in no encoding": b"\x00<!DOCTYPE r [<!ENTITY e ''>]><r><i>&\xe9;</i></r>",
    "ends behind a root of which only one parser knows the name": (
        b"f\xef\xbb\xbf<\x8d :=''/></</<>"
    ),
    "a known format without what its records stand in": b"\x04<opml>/body></opml>",
    "a second root behind one with names that only one parser knows": (
        b"\x00<r \x88:p='u'><i ></i><i><p:a>\xc3\xa9</p:a></i></r>mN<r sn:p='u'><i ></i></r>"
    ),
    "a brace in a namespace": b"\x00<r xmlns:p='}'><i p:x='1'>a</i><i><p:a>b</p:a></i></r>",
}


@pytest.mark.parametrize("given", [pytest.param(given, id=name) for name, given in FOUND.items()])
def test_what_holds_for_any_bytes(given: bytes) -> None:
    check(given)
