"""Suggestions: what a person would choose, for columns and feeds of several trades."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impler_pipelines.control_api.suggestions import Suggestion, suggest
from impler_pipelines.model import Column, ColumnType, Heading

ITEM = "rss > channel > item"


def feed(*fields: str, record: str = ITEM, **samples: str) -> list[Heading]:
    """Headings below the record; ``samples`` by name, ``_`` for what stands between letters."""
    named = {name.replace("_", ""): value for name, value in samples.items()}
    return [
        Heading(
            f"{record} > {name}",
            tuple(named.get("".join(filter(str.isalnum, name)), "x").split("|")),
            10,
            False,
        )
        for name in fields
    ]


NEWS = feed(
    "title",
    "link",
    "description",
    "pubDate",
    "dc:creator",
    "guid",
    "guid > @isPermaLink",
    "category",
    "enclosure > @url",
    "enclosure > @length",
    "enclosure > @type",
    "media:content > @url",
    "content:encoded",
    pub_Date="Tue, 10 Jun 2003 04:00:00 GMT",
    media_content_url="https://x.test/a.jpg",
    enclosure_url="https://x.test/a.mp3",
    link="https://x.test/1",
)
ATOM = feed(
    "title",
    "id",
    "link > @href",
    "link > @rel",
    "published",
    "updated",
    "author > name",
    "author > uri",
    "category > @term",
    "summary",
    record="feed > entry",
    published="2003-06-10",
    updated="2003-06-11",
    link_href="https://x.test/1",
)
SHOP = feed(
    "g:id",
    "g:title",
    "g:price",
    "g:availability",
    "g:image_link",
    "g:brand",
    "g:gtin",
    "g:mpn",
    "g:link",
    "g:google_product_category",
    "g:shipping > g:price",
    g_price="10.50 EUR",
    g_shipping_g_price="4.90 EUR",
    g_image_link="https://x.test/a.png",
    g_link="https://x.test/1",
)
CZECH = feed(
    "ITEM_ID", "PRODUCTNAME", "URL", "IMGURL", "PRICE_VAT", "EAN", "MANUFACTURER",
    "CATEGORYTEXT", record="SHOP > SHOPITEM", PRICE_VAT="199", URL="https://x.test/1",
    IMGURL="https://x.test/a.jpg",
)  # fmt: skip
JOBS = feed(
    "title", "company", "city", "country", "url", "date", "salary", "jobtype", "referencenumber",
    record="source > job", date="2026-01-02", url="https://x.test/1",
)  # fmt: skip
GERMAN = feed(
    "Artikelnummer", "Bezeichnung", "Preis", "Bild", "Lagerbestand", "Hersteller", "Beschreibung",
    record="Artikel > Zeile", Preis="1,50", Lagerbestand="3", Bild="https://x.test/a.jpg",
)  # fmt: skip
T = ColumnType


def suggested(column: Column, headings: list[Heading], record: str) -> Suggestion | None:
    found = suggest([column], headings, record)
    return found[0] if found else None


class TestOneColumn:
    @pytest.mark.parametrize(
        ("column", "headings", "path"),
        [
            (Column("title", "Title"), NEWS, "title"),
            (Column("headline", "Headline"), NEWS, "title"),
            (Column("url", "URL"), NEWS, "link"),
            (Column("permalink", "Permalink"), NEWS, "link"),
            (Column("summary", "Summary"), NEWS, "description"),
            (Column("body", "Full text"), NEWS, "content:encoded"),
            (Column("published", "Published", T.DATE), NEWS, "pubDate"),
            (Column("published_at", "When", T.DATE), NEWS, "pubDate"),
            (Column("date", "Date"), NEWS, "pubDate"),
            (Column("author", "Author"), NEWS, "dc:creator"),
            (Column("writtenBy", "Byline"), NEWS, "dc:creator"),
            (Column("image", "Image", T.IMAGE), NEWS, "media:content > @url"),
            (Column("audio", "Audio"), NEWS, "enclosure > @url"),
            (Column("id", "Id"), NEWS, "guid"),
            (Column("tags", "Tags"), NEWS, "category"),
            (Column("x", "Y", alternate_keys=("pub date",)), NEWS, "pubDate"),
            (Column("price", "Price", T.DOUBLE), NEWS, None),
            (Column("phone", "Phone"), NEWS, None),
            (Column("email", "Email", T.EMAIL), NEWS, None),
            (Column("xyzzy", "Xyzzy"), NEWS, None),
            (Column("link", "Link"), ATOM, "link > @href"),
            (Column("published", "Published", T.DATE), ATOM, "published"),
            (Column("modified", "Modified", T.DATE), ATOM, "updated"),
            (Column("author", "Author"), ATOM, "author > name"),
            (Column("name", "Name"), ATOM, "title"),
            (Column("guid", "GUID"), ATOM, "id"),
            (Column("category", "Category"), ATOM, "category > @term"),
            (Column("sku", "SKU"), SHOP, "g:mpn"),
            (Column("name", "Product name"), SHOP, "g:title"),
            (Column("price", "Price", T.DOUBLE), SHOP, "g:price"),
            (Column("cost", "Cost", T.DOUBLE), SHOP, "g:price"),
            (Column("shipping_price", "Shipping"), SHOP, "g:shipping > g:price"),
            (Column("imageUrl", "Image", T.IMAGE), SHOP, "g:image_link"),
            (Column("in_stock", "In stock"), SHOP, "g:availability"),
            (Column("ean", "EAN"), SHOP, "g:gtin"),
            (Column("manufacturer", "Manufacturer"), SHOP, "g:brand"),
            (Column("category", "Category"), SHOP, "g:google_product_category"),
            (Column("title", "Title"), CZECH, "PRODUCTNAME"),
            (Column("price", "Price", T.NUMBER), CZECH, "PRICE_VAT"),
            (Column("image", "Picture", T.IMAGE), CZECH, "IMGURL"),
            (Column("brand", "Brand"), CZECH, "MANUFACTURER"),
            (Column("gtin", "GTIN"), CZECH, "EAN"),
            (Column("employer", "Employer"), JOBS, "company"),
            (Column("town", "Town"), JOBS, "city"),
            (Column("posted", "Posted", T.DATE), JOBS, "date"),
            (Column("apply_url", "Apply"), JOBS, "url"),
            (Column("pay", "Pay"), JOBS, "salary"),
            (Column("sku", "SKU"), GERMAN, "Artikelnummer"),
            (Column("title", "Title"), GERMAN, "Bezeichnung"),
            (Column("price", "Price", T.DOUBLE), GERMAN, "Preis"),
            (Column("image", "Image"), GERMAN, "Bild"),
            (Column("stock", "Stock", T.NUMBER), GERMAN, "Lagerbestand"),
            (Column("brand", "Brand"), GERMAN, "Hersteller"),
        ],
        ids=lambda value: value.key if isinstance(value, Column) else str(value)[:24],
    )
    def test_is_what_a_person_would_choose(
        self, column: Column, headings: list[Heading], path: str | None
    ) -> None:
        record = headings[0].path.rpartition(" > ")[0]
        found = suggested(column, headings, record)
        assert (found and found.path) == (path and f"{record} > {path}")


class TestSamples:
    def test_none_that_fits_counts_against_a_heading(self) -> None:
        headings = feed("date", "created", date="soon|later", created="2026-01-02")
        found = suggested(Column("date", "Date", T.DATE), headings, ITEM)
        assert found is not None
        assert found.path == f"{ITEM} > created"

    def test_the_only_email_is_the_email(self) -> None:
        headings = feed("title", "who", who="ann@x.test")
        found = suggested(Column("reply", "Reply to", T.EMAIL), headings, ITEM)
        assert found is not None
        assert (found.path, found.score) == (f"{ITEM} > who", 0.35)

    def test_of_two_dates_neither_is(self) -> None:
        headings = feed("a", "b", a="2026-01-02", b="2026-01-03")
        assert suggested(Column("x", "X", T.DATE), headings, ITEM) is None


class TestAllColumns:
    def test_a_heading_is_for_one_column(self) -> None:
        columns = [Column("url", "URL"), Column("website", "Website")]
        found = suggest(columns, feed("link"), ITEM)
        assert [one.key for one in found] == ["url"]

    def test_unless_they_bear_its_name(self) -> None:
        columns = [Column("link", "Link"), Column("url", "Link")]
        assert [one.score for one in suggest(columns, feed("link"), ITEM)] == [1.0, 0.9]

    def test_a_required_column_without_one_says_so(self) -> None:
        columns = [
            Column("colour", "Colour", is_required=True),
            Column("size", "Size"),
            Column("kind", "Kind", is_required=True, default_value="new"),
        ]
        (one,) = suggest(columns, NEWS, ITEM)
        assert (one.key, one.path, one.score) == ("colour", None, 0)
        assert "Colour is required" in (one.message or "")

    def test_what_stands_around_the_records_only_by_name(self) -> None:
        around = [Heading("rss > channel > title", ("Shop",), 10, False)]
        assert suggest([Column("name", "Name")], around, ITEM) == []
        (one,) = suggest([Column("title", "Title")], around, ITEM)
        assert one.score == 0.6

    names = st.text(max_size=12) | st.sampled_from(["title", "name", "url", "pubDate", "price"])

    @settings(deadline=None)  # the first examples load Arrow
    @given(
        st.lists(
            st.tuples(names, st.sampled_from(ColumnType)), max_size=6, unique_by=lambda c: c[0]
        ),
        st.lists(st.tuples(names, st.text(max_size=8), st.integers(0, 9)), max_size=8),
    )
    def test_whatever_the_names(
        self, named: list[tuple[str, ColumnType]], found: list[tuple[str, str, int]]
    ) -> None:
        columns = [Column(key, key, kind, select_values=("a",), regex="a") for key, kind in named]
        headings = [
            Heading(f"{ITEM} > {name}", (sample,), count, False) for name, sample, count in found
        ]
        suggestions = suggest(columns, headings, ITEM)
        order = [column.key for column in columns]
        assert [s.key for s in suggestions] == sorted((s.key for s in suggestions), key=order.index)
        assert all(0.3 <= s.score <= 1 for s in suggestions)
        assert {s.path for s in suggestions} <= {heading.path for heading in headings}
