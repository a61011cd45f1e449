from __future__ import annotations

import codecs

import pytest

from impler_pipelines.errors import FeedMalformed, FeedUnreadable
from impler_pipelines.extraction import read_feed
from impler_pipelines.extraction.encodings import codec_named, http_charset
from impler_pipelines_tests.extraction.feeds import RSS_ITEM, declared, rss

TITLE = f"{RSS_ITEM} > title"
RUSSIAN = "Привет, мир: настольная лампа"
JAPANESE = "日本語の製品名、電気スタンド"


def title_of(document: bytes, content_type: str | None = None) -> tuple[object, tuple[str, ...]]:
    reading = read_feed(document, content_type=content_type)
    [record] = reading.records()
    return record[TITLE], reading.warnings


class TestRightLabels:
    @pytest.mark.parametrize(
        ("encoding", "text"),
        [
            ("utf-8", RUSSIAN + JAPANESE),
            ("windows-1251", RUSSIAN),
            ("koi8-r", RUSSIAN),
            ("iso-8859-5", RUSSIAN),
            ("iso-8859-1", "café à la crème"),
            ("iso-8859-15", "10 €"),
            ("windows-1252", "“quoted” – 10 €"),
            ("windows-1250", "Příliš žluťoučký kůň"),
            ("iso-8859-2", "Příliš žluťoučký kůň"),
            ("macintosh", "café"),
            ("shift_jis", JAPANESE),
            ("euc-jp", JAPANESE),
            ("iso-2022-jp", JAPANESE),
            ("gb2312", "中国"),
            ("gbk", "中国"),
            ("gb18030", "中国"),
            ("big5", "中國"),
            ("euc-kr", "한국어 제품"),
            ("windows-1256", "مرحبا"),
            ("tis-620", "สวัสดี"),
        ],
    )
    def test_are_believed(self, encoding: str, text: str) -> None:
        codec = {"macintosh": "mac-roman"}.get(encoding, encoding)
        assert title_of(declared(encoding, text, codec)) == (text, ())

    @pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
    def test_wide_characters_with_or_without_mark(self, codec: str) -> None:
        label = codec[:6]
        assert title_of(declared(label, RUSSIAN, codec)) == (RUSSIAN, ())

    def test_ebcdic(self) -> None:
        assert title_of(declared("cp037", "Lamp", "cp037")) == ("Lamp", ())

    def test_a_mark_at_the_start_is_no_recovery(self) -> None:
        assert title_of(codecs.BOM_UTF8 + declared("utf-8", RUSSIAN)) == (RUSSIAN, ())

    def test_the_http_charset_counts_where_nothing_is_declared(self) -> None:
        document = rss(f"<title>{RUSSIAN}</title>").decode().encode("windows-1251")
        assert title_of(document, 'text/xml; charset="windows-1251"') == (RUSSIAN, ())

    def test_ascii_text_needs_no_belief(self) -> None:
        assert title_of(declared("windows-1251", "Lamp")) == ("Lamp", ())


class TestWrongLabels:
    @pytest.mark.parametrize(
        ("document", "content_type", "text"),
        [
            pytest.param(declared("utf-8", "café", "latin-1"), None, "café", id="latin-1 as utf-8"),
            pytest.param(
                declared("utf-8", "“x” €", "cp1252"), None, "“x” €", id="windows-1252 as utf-8"
            ),
            pytest.param(
                declared("iso-8859-1", "“x”", "cp1252"), None, "“x”", id="windows-1252 as latin-1"
            ),
            pytest.param(
                declared("iso-8859-1", RUSSIAN, "utf-8"), None, RUSSIAN, id="utf-8 as latin-1"
            ),
            pytest.param(declared("us-ascii", "café", "utf-8"), None, "café", id="utf-8 as ascii"),
            pytest.param(declared("utf-16", "café", "utf-8"), None, "café", id="utf-8 as utf-16"),
            pytest.param(declared("gbk", RUSSIAN, "utf-8"), None, RUSSIAN, id="utf-8 as gbk"),
            pytest.param(declared("klingon", "café", "utf-8"), None, "café", id="unknown"),
            pytest.param(declared("rot13", "café", "utf-8"), None, "café", id="no encoding at all"),
            pytest.param(
                declared("utf-8", RUSSIAN), "text/xml; charset=iso-8859-1", RUSSIAN, id="http"
            ),
            pytest.param(
                declared("windows-1251", RUSSIAN),
                "text/xml; charset=utf-8",
                RUSSIAN,
                id="http wrong, declaration right",
            ),
            pytest.param(
                codecs.BOM_UTF8 + declared("iso-8859-1", "café", "utf-8"),
                None,
                "café",
                id="mark against declaration",
            ),
        ],
    )
    def test_never_give_mojibake(
        self, document: bytes, content_type: str | None, text: str
    ) -> None:
        assert title_of(document, content_type)[0] == text

    @pytest.mark.parametrize(
        ("document", "content_type", "named"),
        [
            pytest.param(declared("utf-8", "é", "cp1252"), None, "windows-1252", id="windows-1252"),
            pytest.param(declared("iso-8859-1", "é", "utf-8"), None, "'iso-8859-1'", id="utf-8"),
            pytest.param(declared("klingon", "é", "utf-8"), None, "unknown encoding", id="unknown"),
            pytest.param(
                declared("windows-1251", RUSSIAN),
                "text/xml; charset=iso-8859-2",
                "'windows-1251'",
                id="two labels that both fit",
            ),
        ],
    )
    def test_are_told(self, document: bytes, content_type: str | None, named: str) -> None:
        _, warnings = title_of(document, content_type)
        assert any(named in warning for warning in warnings)

    def test_a_few_foreign_bytes_leave_the_rest_utf_8(self) -> None:
        document = rss(f"<title>{RUSSIAN}</title>").replace(b"Shop", b"Caf\xe9")
        reading = read_feed(document)
        assert [h.samples for h in reading.headings if h.path == "rss > channel > title"] == [
            ("Café",)
        ]
        assert title_of(document)[0] == RUSSIAN
        assert reading.warnings == (
            "1 bytes of the feed are not valid UTF-8: read as Windows-1252.",
        )

    def test_bytes_in_no_encoding_are_refused(self) -> None:
        with pytest.raises(FeedMalformed, match="neither UTF-8 nor Windows-1252"):
            read_feed(rss("<title>x</title>").replace(b"Shop", b"\x81\xff"))

    def test_a_label_beyond_the_first_chunk_s_text_is_weighed_too(self) -> None:
        items = ["<title>plain</title>"] * 5000
        document = b'<?xml version="1.0" encoding="utf-8"?>' + rss(*items, "<title>X</title>")
        reading = read_feed(document.replace(b"X", b"caf\xe9"))
        assert [r[TITLE] for r in reading.records()][-1] == "café"

    def test_utf_16_cut_in_the_middle_is_refused(self) -> None:
        with pytest.raises(FeedUnreadable):
            read_feed(declared("utf-16", RUSSIAN, "utf-16")[:-5])


class TestHttpCharset:
    @pytest.mark.parametrize(
        ("content_type", "charset"),
        [
            (None, None),
            ("text/xml", None),
            ("text/xml; charset=UTF-8", "UTF-8"),
            ('application/xml;charset="iso-8859-1"', "iso-8859-1"),
            ("text/xml; charset='utf-8'", "utf-8"),
            ("text/xml; charset=", None),
            ("text/xml; charset=utf-8;", "utf-8"),
        ],
    )
    def test_reads_the_parameter(self, content_type: str | None, charset: str | None) -> None:
        assert http_charset(content_type) == charset


class TestCodecNamed:
    @pytest.mark.parametrize(
        "label", ["base64", "rot13", "idna", "unicode_escape", "zip", "x" * 99]
    )
    def test_only_encodings_of_text_are_codecs(self, label: str) -> None:
        assert codec_named(label) is None
