"""A search for bytes for which what should hold for any does not (``make fuzz``).

It is guided by coverage: atheris keeps each input that takes the code a new way, and changes it
further. It ends at the first that breaks a property, takes more than ``-timeout`` seconds or more
than ``-rss_limit_mb``, and leaves it in ``.fuzz/``. ``test_any_bytes`` keeps what was found.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

_PLACE = Path(".fuzz")


def main() -> None:
    """Search, with libFuzzer's own options; the corpus is kept in ``.fuzz/corpus``."""
    with atheris.instrument_imports(include=["impler_pipelines.extraction"]):
        from impler_pipelines_tests.extraction.any_bytes import check
    corpus = _PLACE / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS):
        (corpus / f"seed-{number}").write_bytes(b"\x00" + seed)
    words = _PLACE / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in WORDS))
    options = [f"-dict={words}", f"-artifact_prefix={_PLACE}/", "-max_len=4096"]
    atheris.Setup([*sys.argv, *options, str(corpus)], check)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


WORDS = (
    b"<item>", b"</item>", b"<a>", b"</a>", b"<a/>", b"<a x='", b"'/>", b"<![CDATA[", b"]]>",
    b"<!--", b"-->", b"<?xml version='1.0' encoding='", b"?>", b"<!DOCTYPE rss [", b"]>",
    b"<!ENTITY x 'y'>", b"<!ENTITY % x 'y'>", b"<!ATTLIST a x CDATA 'y'>", b"SYSTEM 'file:///'",
    b"&x;", b"&amp;", b"&nbsp;", b"&#0;", b"&#x41;", b"&", b"%x;", b" xmlns='u'", b" xmlns:p='u'",
    b"<p:a p:x=''/>", b"utf-16", b"utf-8", b"iso-8859-1", b"shift_jis", b"gb18030", b"utf-7",
    b"ibm037", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\x1f\x8b\x08\x00", b"BZh9",
    b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"<rss>", b"<channel>", b"<feed", b"<urlset>", b"<loc>",
    b"<html>", b"<link rel='alternate'", b" type='application/rss+xml'",
)  # fmt: skip
SEEDS = (
    b"<rss><channel><item><a>1</a><a>2</a></item><item><b x='1'/></item></channel></rss>",
    b"<feed xmlns='http://www.w3.org/2005/Atom'><entry><a><b>x<b>y</b></b></a></entry></feed>",
    b"<!DOCTYPE r [<!ENTITY e 'v'><!ATTLIST i x CDATA 'd'>]><r><l><i>&e;</i><i/></l></r>",
    b"<r xmlns:p='u'><i p:x='1'><![CDATA[<]]></i><i><!-- c --><p:a>\xc3\xa9</p:a></i></r>",
    b"<urlset><url><loc>a</loc></url><url><loc>b</loc></url></urlset>",
    b"\xff\xfe" + "<r><i>é</i><i>b</i></r>".encode("utf-16-le"),
    b"<opml><body><outline text='a'><outline text='b' xmlUrl='c'/></outline></body></opml>",
    b"<r><i>a & b</i><i>&nbsp;</i><i><q:x/></i></r>",
    b"<?xml version='1.0' encoding='iso-8859-1'?><r><i>\xe9</i><i>\xe8</i></r>",
)


if __name__ == "__main__":
    main()
