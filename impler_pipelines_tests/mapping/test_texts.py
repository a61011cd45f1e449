from __future__ import annotations

import time

import pytest

from impler_pipelines.model import Column, ColumnType
from impler_pipelines_tests.mapping.samples import cast_one, map_records

LABEL = "a" * 63


class TestString:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("plain", "plain"),
            ("  around \n", "around"),
            ("\u00a0\u200b\ufeffaround\u3000", "around"),
            ("in  the\n middle", "in  the\n middle"),
            ("<p>&nbsp;</p>", "<p>&nbsp;</p>"),
            ("null", "null"),
            ("1,299", "1,299"),
            ("😀 é", "😀 é"),
            ("x" * 100_000, "x" * 100_000),
            ("a\0b", None),
        ],
        ids=lambda text: repr(text)[:20],
    )
    @pytest.mark.parametrize("kind", [ColumnType.STRING, ColumnType.ANY])
    def test_kept_as_it_is(self, kind: ColumnType, text: str, value: str | None) -> None:
        assert cast_one(Column("title", "Title", kind), text)[0] == value


class TestEmail:
    @pytest.mark.parametrize(
        "text",
        [
            "ann@example.com",
            "Ann.Lee+tag@mail.example.co.uk",
            "o'neil_%!#$&*/=?^`{|}~-@example.com",
            "1@2.example",
            "ann@xn--bcher-kva.example",
            "ann@bücher.example",
            "änn@example.com",
            "用户@例子.广告",
            "ann@example.museum",
            "a" * 64 + "@example.com",
            f"ann@{LABEL}.com",
            f"a@{LABEL}.{LABEL}.{LABEL}.{'b' * 60}",
        ],
        ids=lambda text: text[:30],
    )
    def test_accepted(self, text: str) -> None:
        assert cast_one(Column("mail", "Mail", ColumnType.EMAIL), text) == (text, None)

    @pytest.mark.parametrize(
        "text",
        [
            "ann",
            "ann@",
            "@example.com",
            "ann@example",
            "ann@@example.com",
            "ann@exa mple.com",
            "ann lee@example.com",
            ".ann@example.com",
            "ann.@example.com",
            "ann..lee@example.com",
            "ann@.example.com",
            "ann@example.com.",
            "ann@example..com",
            "ann@-example.com",
            "ann@example-.com",
            "ann@example.123",
            "ann@127.0.0.1",
            "ann@[127.0.0.1]",
            '"ann lee"@example.com',
            "Ann <ann@example.com>",
            "ann@example.com (Ann)",
            "mailto:ann@example.com",
            "ann@example.com, bob@example.com",
            "ann@example.com\nbob@example.com",
            "a" * 65 + "@example.com",
            f"ann@{LABEL}a.com",
            f"a@{LABEL}.{LABEL}.{LABEL}.{'b' * 63}",
        ],
        ids=lambda text: text[:30],
    )
    def test_refused(self, text: str) -> None:
        value, message = cast_one(Column("mail", "Mail", ColumnType.EMAIL), text)
        assert value is None
        assert "is not an email address: expected one such as ann@example.com" in str(message)


class TestImage:
    @pytest.mark.parametrize(
        "text",
        [
            "https://example.com/a.jpg",
            "http://example.com",
            "HTTPS://EXAMPLE.COM/A.JPG",
            "https://example.com:8080/a?w=100&h=50#top",
            "https://example.com?id=5",
            "https://cdn.example.com/image,(1)/a%20b.png",
            "https://bücher.example/ä.png",
            "https://[2001:db8::1]/a.png",
            "http://192.0.2.1/a.png",
            "http://localhost/a.png",
        ],
    )
    def test_accepted(self, text: str) -> None:
        assert cast_one(Column("photo", "Photo", ColumnType.IMAGE), text) == (text, None)

    @pytest.mark.parametrize(
        "text",
        [
            "example.com/a.jpg",
            "//example.com/a.jpg",
            "/a.jpg",
            "ftp://example.com/a.jpg",
            "data:image/png;base64,AAAA",
            "javascript:alert(1)",
            "https:example.com",
            "https://",
            "https:///a.jpg",
            "https://?a",
            "https://ann:secret@example.com/a.jpg",
            "https://example.com:port/a.jpg",
            "https://example.com/a b.jpg",
            "https://example.com/a.jpg https://example.com/b.jpg",
            "https://example.com/<a>",
            "https://example.com/a\u0000",
        ],
    )
    def test_refused(self, text: str) -> None:
        value, message = cast_one(Column("photo", "Photo", ColumnType.IMAGE), text)
        assert value is None
        assert "expected a URL such as https://example.com/a.jpg" in str(message)


class TestRegex:
    @pytest.mark.parametrize(
        ("pattern", "text", "matches"),
        [
            (r"^[A-Z]{2}-\d+$", "AB-12", True),
            (r"^[A-Z]{2}-\d+$", "xAB-12", False),
            (r"^[A-Z]{2}-\d+$", "AB-12\nx", False),
            (r"[A-Z]{2}", "xABx", True),
            (r"(?i)^abc$", "ABC", True),
            (r"^\pL+$", "Straße", True),
            (r"^.$", "😀", True),
        ],
    )
    def test_pattern_is_searched_for(self, pattern: str, text: str, matches: bool) -> None:
        column = Column("sku", "SKU", ColumnType.REGEX, regex=pattern)
        assert cast_one(column, text)[0] == (text if matches else None)

    def test_message_has_the_description(self) -> None:
        column = Column("sku", "SKU", ColumnType.REGEX, regex="^A", regex_description="an A first")
        assert cast_one(column, "B")[1] == 'SKU: "B" does not match: expected an A first'

    def test_message_has_the_pattern_where_there_is_no_description(self) -> None:
        column = Column("sku", "SKU", ColumnType.REGEX, regex="^A")
        assert cast_one(column, "B")[1] == 'SKU: "B" does not match: expected the pattern ^A'

    @pytest.mark.parametrize("pattern", [r"^(a+)+$", r"(x+x+)+y", r"^(a|a)*$", r"(.*a){20}c"])
    def test_catastrophic_pattern_is_harmless(self, pattern: str) -> None:
        column = Column("sku", "SKU", ColumnType.REGEX, regex=pattern)
        before = time.process_time()
        map_records([{"sku": "a" * 50_000 + "!"}] * 3, [column])
        # a backtracking engine would need longer than the universe is old
        assert time.process_time() - before < 10


class TestSelect:
    SIZES = ("Small", "Medium", "Large", "XL", "xl")

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("Small", "Small"),
            ("small", "Small"),
            ("SMALL", "Small"),
            (" Medium ", "Medium"),
            ("XL", "XL"),
            ("xl", "xl"),
            ("Xl", None),
            ("Smal", None),
            ("Small,Large", None),
        ],
    )
    def test_one(self, text: str, value: str | None) -> None:
        column = Column("size", "Size", ColumnType.SELECT, select_values=self.SIZES)
        assert cast_one(column, text)[0] == value

    @pytest.mark.parametrize(
        ("delimiter", "text", "value"),
        [
            (",", "Small", "Small"),
            (",", "large,Small", "Large,Small"),
            (",", " large , , Small,", "Large,Small"),
            (",", "Small,small,SMALL", "Small"),
            (",", ", ,", None),
            (",", "Small,Huge", None),
            (",", "Small|Large", None),
            ("|", "Small|Large", "Small|Large"),
            (" / ", "Small / Large", "Small / Large"),
        ],
    )
    def test_several(self, delimiter: str, text: str, value: str | None) -> None:
        column = Column(
            "size",
            "Size",
            ColumnType.SELECT,
            select_values=self.SIZES,
            allow_multi_select=True,
            delimiter=delimiter,
        )
        assert cast_one(column, text)[0] == value

    def test_message_lists_the_choices(self) -> None:
        column = Column("size", "Size", ColumnType.SELECT, select_values=("S", "M"))
        assert cast_one(column, "L")[1] == 'Size: "L" is not one of: S, M'

    def test_message_lists_ten_choices_at_most(self) -> None:
        choices = tuple(f"c{n}" for n in range(15))
        column = Column("size", "Size", ColumnType.SELECT, select_values=choices)
        assert "c9 and 5 more" in str(cast_one(column, "L")[1])

    def test_message_of_several_names_the_one(self) -> None:
        column = Column(
            "size", "Size", ColumnType.SELECT, select_values=("S", "M"), allow_multi_select=True
        )
        message = cast_one(column, "S,L")[1]
        assert message == 'Size: "S,L" is refused, since "L" is not one of: S, M'
