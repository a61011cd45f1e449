"""Which heading a column is suggested: small feeds of several trades, and what always holds."""

from __future__ import annotations

import random
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impler_pipelines.mapping.name_words import name_of
from impler_pipelines.mapping.suggestions import CUT_OFF, Suggestion, suggest
from impler_pipelines.model import Column, ColumnType, Heading

D, E, IMG, N, F = (
    ColumnType.DATE,
    ColumnType.EMAIL,
    ColumnType.IMAGE,
    ColumnType.NUMBER,
    ColumnType.DOUBLE,
)
T = ColumnType.STRING
MAIL_DATE = "Tue, 10 Jun 2003 04:00:00 GMT"

# A feed is its record path and lines "heading = sample | sample"; "… >" is the record, "*" repeats.
FEEDS = {
    "news": """rss > channel > item
        … > title = Rain at last
        … > link = https://paper.example/rain
        … > guid = https://paper.example/?p=7
        … > guid > @isPermaLink = false
        … > pubDate = Tue, 10 Jun 2003 04:00:00 GMT
        … > dc:creator = Ann Reed
        … > description = It rained for an hour.
        … > content:encoded = <p>It rained for an hour, then stopped.</p>
        *… > category = Weather | Town
        … > media:content > @url = https://paper.example/rain.jpg
        … > media:content > @width = 640
        … > media:content > media:description = A wet street
        … > slash:comments = 3
        … > wfw:commentRss = https://paper.example/rain/feed
        rss > channel > title = The Paper
        rss > channel > link = https://paper.example
        rss > channel > language = en-GB
        rss > channel > lastBuildDate = Tue, 10 Jun 2003 05:00:00 GMT
        rss > channel > image > url = https://paper.example/logo.png
        rss > channel > generator = Press 2.0""",
    "atom": """feed > entry
        … > id = tag:diary.example,2020:7
        … > title = On rain
        … > title > @type = html
        … > updated = 2020-02-03T10:00:00Z
        … > published = 2020-02-01T10:00:00Z
        … > author > name = Ann Reed
        … > author > email = ann@diary.example
        … > author > uri = https://diary.example/ann
        *… > link > @href = https://diary.example/rain
        *… > link > @rel = alternate
        … > link > @type = text/html
        … > summary = About rain.
        … > content = <p>It rains.</p>
        *… > category > @term = weather
        feed > title = A diary
        feed > author > name = Ann Reed
        feed > updated = 2020-02-03T10:00:00Z""",
    "podcast": """rss > channel > item
        … > title = One
        … > itunes:title = One
        … > pubDate = Tue, 10 Jun 2003 04:00:00 GMT
        … > enclosure > @url = https://cast.example/1.mp3
        … > enclosure > @length = 81939
        … > enclosure > @type = audio/mpeg
        … > itunes:duration = 31:02
        … > itunes:episode = 1
        … > itunes:image > @href = https://cast.example/1.png
        … > itunes:author = Bo
        … > guid = 0f0e""",
    "google shop": """rss > channel > item
        … > g:id = A-1
        … > title = Blue mug
        … > link = https://shop.example/mug
        … > description = A mug that is blue.
        … > g:image_link = https://shop.example/mug.jpg
        *… > g:additional_image_link = https://shop.example/mug2.jpg
        … > g:price = 12.50 EUR
        … > g:sale_price = 9.50 EUR
        … > g:availability = in stock
        … > g:brand = Mugs
        … > g:gtin = 4006381333931
        … > g:mpn = M1
        … > g:condition = new
        … > g:shipping > g:price = 4.90 EUR
        … > g:shipping > g:country = DE
        … > g:google_product_category = Kitchen > Mugs""",
    "czech shop": """SHOP > SHOPITEM
        … > ITEM_ID = 17
        … > PRODUCTNAME = Modry hrnek
        … > PRODUCT = Modry hrnek akce
        … > DESCRIPTION = Hrnek, ktery je modry.
        … > URL = https://obchod.example/hrnek
        … > IMGURL = https://obchod.example/hrnek.jpg
        … > PRICE_VAT = 249
        … > MANUFACTURER = Hrnky
        … > CATEGORYTEXT = Kuchyn
        … > EAN = 4006381333931
        … > DELIVERY_DATE = 0
        … > DELIVERY > DELIVERY_PRICE = 59""",
    "polish shop": """oferty > oferta
        … > nazwa = Niebieski kubek
        … > cena = 39.99
        … > zdjecie = https://sklep.example/kubek.jpg
        … > producent = Kubki
        … > kategoria = Kuchnia
        … > opis = Kubek, niebieski.
        … > kod_ean = 4006381333931
        … > dostępność = 3""",
    "german shop": """Artikelliste > Artikel
        … > Artikelnummer = 17-3
        … > Bezeichnung = Blaue Tasse
        … > Preise > Bruttopreis = 12,50
        … > Währung = EUR
        … > Bilder > Bild > @url = https://laden.example/tasse.jpg
        … > Lagerbestand = 4
        … > Größe = L
        … > Hersteller > Name = Tassen GmbH""",
    "jobs": """source > job
        … > @id = 9
        … > jobtitle = Baker
        … > company > name = Bread & Co
        … > company > url = https://bread.example
        … > location > city = Graz
        … > location > country = AT
        … > salary_range = 2000 to 2400
        … > date_posted = 2024-03-01
        … > expires = 2024-04-01
        … > apply_url = https://bread.example/apply
        … > url = https://bread.example/jobs/9
        … > contact > email = jobs@bread.example
        … > employment_type = full time""",
    "events": """events > event
        … > name = Night of songs
        … > startDate = 2024-05-01T20:00:00Z
        … > endDate = 2024-05-01T23:00:00Z
        … > location > name = Old Hall
        … > location > address > street = Main Street 1
        … > location > address > city = Graz
        … > location > lat = 47.07
        … > location > lon = 15.43
        … > organizer > name = Songs Club
        … > offers > price = 15.00
        … > offers > priceCurrency = EUR""",
    "homes": """homes > home
        … > kontaktperson > name = Bo Reed
        … > kontaktperson > ort = Wien
        … > geo > ort = Graz
        … > wohnflaeche = 80
        … > anzahl_zimmer = 3
        … > imgs > main > @url = https://homes.example/7.jpg
        … > plan > @href = https://homes.example/7.pdf
        … > @from = 20240101200000 +0000
        … > surname = Reed""",
    "texts": """list > row
        … > when = some day
        … > contact = write to us
        … > posted = yesterday
        … > price = on request
        … > reachable = bo@list.example
        … > stamp = 2024-05-01
        … > state = open
        … > colour > value = red""",
}

CASES = [
    # feed, column's name, type, heading (without the record) or None
    ("news", "Title", T, "title"),
    ("news", "Headline", T, "title"),
    ("news", "Überschrift", T, "title"),
    ("news", "Titre", T, "title"),
    ("news", "URL", T, "link"),
    ("news", "Permalink", T, "link"),
    ("news", "Published", D, "pubDate"),
    ("news", "pub_date", D, "pubDate"),
    ("news", "Fecha de publicación", D, "pubDate"),
    ("news", "Datum", D, "pubDate"),
    ("news", "Article ID", T, "guid"),
    ("news", "Author", T, "dc:creator"),
    ("news", "Byline", T, "dc:creator"),
    ("news", "Summary", T, "description"),
    ("news", "Body", T, "content:encoded"),
    ("news", "Full text", T, "content:encoded"),
    ("news", "Categories", T, "category"),
    ("news", "Keywords", T, "category"),
    ("news", "Picture", IMG, "media:content > @url"),
    ("news", "Width", N, "media:content > @width"),
    ("news", "Language", T, "rss > channel > language"),
    ("news", "Generator", T, "rss > channel > generator"),
    ("news", "News title", T, "title"),
    ("news", "Type", T, None),
    ("news", "Subtitle", T, None),
    ("news", "Site name", T, None),
    ("news", "Feed URL", T, None),
    ("news", "Logo", IMG, None),
    ("news", "Updated", D, "pubDate"),
    ("news", "Price", F, None),
    ("news", "Start date", D, None),
    ("news", "Expiry date", D, None),
    ("news", "Email", E, None),
    ("news", "Company", T, None),
    ("news", "Comments", N, "slash:comments"),
    ("atom", "Published", D, "published"),
    ("atom", "Last modified", D, "updated"),
    ("atom", "Link", T, "link > @href"),
    ("atom", "Author", T, "author > name"),
    ("atom", "Author name", T, "author > name"),
    ("atom", "Email", E, "author > email"),
    ("atom", "Tags", T, "category > @term"),
    ("atom", "Company", T, None),
    ("atom", "Type", T, None),
    ("atom", "Author URL", T, "author > uri"),
    ("atom", "Image", IMG, None),
    ("atom", "GUID", T, "id"),
    ("podcast", "Audio URL", T, "enclosure > @url"),
    ("podcast", "enclosure url", T, "enclosure > @url"),
    ("podcast", "Duration", T, "itunes:duration"),
    ("podcast", "Cover image", IMG, "itunes:image > @href"),
    ("podcast", "Image", IMG, "itunes:image > @href"),
    ("podcast", "Published", D, "pubDate"),
    ("podcast", "Video", T, None),
    ("podcast", "Website", T, None),
    ("google shop", "SKU", T, "g:id"),
    ("google shop", "Name", T, "title"),
    ("google shop", "Price", F, "g:price"),
    ("google shop", "Sale price", F, "g:sale_price"),
    ("google shop", "Shipping cost", F, "g:shipping > g:price"),
    ("google shop", "Image", IMG, "g:image_link"),
    ("google shop", "Stock", T, "g:availability"),
    ("google shop", "Stock", N, None),
    ("google shop", "EAN", T, "g:gtin"),
    ("google shop", "Barcode", T, "g:gtin"),
    ("google shop", "Product category", T, "g:google_product_category"),
    ("google shop", "City", T, None),
    ("google shop", "Published", D, None),
    ("czech shop", "Name", T, "PRODUCTNAME"),
    ("czech shop", "Price", F, "PRICE_VAT"),
    ("czech shop", "Image", IMG, "IMGURL"),
    ("czech shop", "Product ID", T, "ITEM_ID"),
    ("czech shop", "Brand", T, "MANUFACTURER"),
    ("czech shop", "Category", T, "CATEGORYTEXT"),
    ("czech shop", "Delivery cost", F, "DELIVERY > DELIVERY_PRICE"),
    ("czech shop", "Date", D, None),
    ("polish shop", "Product name", T, "nazwa"),
    ("polish shop", "Preis", F, "cena"),
    ("polish shop", "Picture", IMG, "zdjecie"),
    ("polish shop", "Brand", T, "producent"),
    ("polish shop", "GTIN", T, "kod_ean"),
    ("polish shop", "Stock", N, "dostępność"),
    ("german shop", "SKU", T, "Artikelnummer"),
    ("german shop", "Title", T, "Bezeichnung"),
    ("german shop", "Price", F, "Preise > Bruttopreis"),
    ("german shop", "Currency", T, "Währung"),
    ("german shop", "Image", IMG, "Bilder > Bild > @url"),
    ("german shop", "Size", T, "Größe"),
    ("german shop", "Manufacturer", T, "Hersteller > Name"),
    ("german shop", "GTIN", T, None),
    ("jobs", "Title", T, "jobtitle"),
    ("jobs", "Employer", T, "company > name"),
    ("jobs", "City", T, "location > city"),
    ("jobs", "Salary", T, "salary_range"),
    ("jobs", "Posted", D, "date_posted"),
    ("jobs", "Deadline", D, "expires"),
    ("jobs", "Apply link", T, "apply_url"),
    ("jobs", "Job ID", T, "@id"),
    ("jobs", "Contact email", E, "contact > email"),
    ("jobs", "Contract type", T, "employment_type"),
    ("jobs", "Image", IMG, None),
    ("events", "Name", T, "name"),
    ("events", "Start", D, "startDate"),
    ("events", "Ends at", D, "endDate"),
    ("events", "Venue", T, "location > name"),
    ("events", "City", T, "location > address > city"),
    ("events", "Address", T, "location > address > street"),
    ("events", "Latitude", F, "location > lat"),
    ("events", "Organiser", T, "organizer > name"),
    ("events", "Ticket price", F, "offers > price"),
    ("events", "Currency", T, "offers > priceCurrency"),
    ("events", "Published", D, None),
    ("homes", "Titel", T, None),
    ("homes", "Ort", T, "geo > ort"),
    ("homes", "Wohnfläche", F, "wohnflaeche"),
    ("homes", "Zimmer", N, "anzahl_zimmer"),
    ("homes", "Image", IMG, "imgs > main > @url"),
    ("homes", "Plan URL", T, "plan > @href"),
    ("homes", "Link", T, None),
    ("homes", "From", D, "@from"),
    ("homes", "Last name", T, "surname"),
    ("texts", "Posted", D, "stamp"),  # by its values alone
    ("texts", "Email", E, "reachable"),
    ("texts", "End", D, None),
    ("texts", "Price", F, None),
    ("texts", "Colour", T, "colour > value"),
    ("texts", "Weight", T, None),
]


def read(feed: str) -> tuple[list[Heading], str]:
    record, *lines = (line.strip() for line in FEEDS[feed].splitlines())
    headings = []
    for line in lines:
        path, _, samples = line.partition(" = ")
        repeated = path.startswith("*")
        path = path.removeprefix("*").replace("…", record)
        headings.append(Heading(path, tuple(samples.split(" | ")), 5, repeated))
    return headings, record


def column(name: str, kind: ColumnType = T, **rest: object) -> Column:
    return Column(name_of(name).plain, name, kind, **rest)  # type: ignore[arg-type]


def paths(*columns: Column, feed: str) -> dict[str, str | None]:
    headings, record = read(feed)
    found = suggest(columns, headings, record)
    return {one.key: one.path and one.path.removeprefix(f"{record} > ") for one in found}


class TestOneColumn:
    @pytest.mark.parametrize(
        ("feed", "name", "kind", "path"),
        [pytest.param(*case, id=f"{case[0]}: {case[1]} {case[2].value}") for case in CASES],
    )
    def test_from(self, feed: str, name: str, kind: ColumnType, path: str | None) -> None:
        wanted = column(name, kind)
        assert paths(wanted, feed=feed).get(wanted.key) == path

    def test_by_an_alternate_key(self) -> None:
        wanted = Column("x1", "Field 1", alternate_keys=("y", "Artikelnummer"))
        assert paths(wanted, feed="german shop") == {"x1": "Artikelnummer"}

    def test_select_values_tell_headings_apart(self) -> None:
        wanted = Column("state", "State", ColumnType.SELECT, select_values=("open", "shut"))
        headings = [
            Heading("r > a > state", ("open",), 3, False),
            Heading("r > state", ("TX",), 3, False),
        ]
        assert suggest([wanted], headings, "r")[0].path == "r > a > state"

    def test_a_pattern_tells_headings_apart(self) -> None:
        wanted = Column("code", "Code", ColumnType.REGEX, regex="^[A-Z]{3}$")
        headings = [
            Heading("r > code", ("12",), 3, False),
            Heading("r > codes", ("ABC",), 3, False),
        ]
        assert suggest([wanted], headings, "r")[0].path == "r > codes"

    def test_numbers_as_people_write_them_are_suggested_with_less(self) -> None:
        headings = [Heading("r > price", ("1 299 Kč",), 3, False)]
        (found,) = suggest([column("Price", F)], headings, "r")
        assert found == Suggestion("price", "r > price", 0.6)

    def test_a_fuller_heading_is_preferred(self) -> None:
        headings = [Heading("r > a > tint", (), 1, False), Heading("r > b > tint", (), 9, False)]
        assert suggest([column("Tint")], headings, "r")[0].path == "r > b > tint"

    def test_one_that_comes_once_is_preferred(self) -> None:
        headings = [Heading("r > a > tint", (), 9, True), Heading("r > b > tint", (), 9, False)]
        assert suggest([column("Tint")], headings, "r")[0].path == "r > b > tint"

    def test_a_shorter_heading_is_preferred(self) -> None:
        headings = [Heading("r > a > tint", (), 9, False), Heading("r > tint", (), 9, False)]
        assert suggest([column("Tint")], headings, "r")[0].path == "r > tint"


class TestScores:
    def test_fall_with_the_evidence(self) -> None:
        headings = [Heading("r > colour", ("red",), 3, False)]
        columns = [
            Column("colour", "x"),
            Column("x", "Colour"),
            Column("x", "y", alternate_keys=("colour",)),
            Column("x", "Farbe"),
            Column("x", "Cover colour"),
        ]
        scores = [suggest([one], headings, "r")[0].score for one in columns]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] == 1
        assert len(set(scores)) == len(scores)

    def test_samples_of_the_type_raise_them(self) -> None:
        def score(*samples: str) -> float:
            return suggest([column("Preis", F)], [Heading("r > price", samples, 1, False)], "r")[
                0
            ].score

        assert score("1.5", "2") > score() > score("1.5", "none") > score("1 299 Kč")

    def test_within_the_record_is_more_than_around(self) -> None:
        headings = [
            Heading("r > x > lang", ("en",), 3, False),
            Heading("r > lang", ("en",), 3, False),
        ]
        inner, outer = (
            suggest([column("Lang")], headings, record)[0] for record in ("r > x", "r > y")
        )
        assert inner.path == "r > x > lang"
        assert outer.score < inner.score


class TestRequiredColumns:
    def test_say_what_to_do(self) -> None:
        (found,) = suggest([column("Price", F, is_required=True)], read("news")[0], None)
        assert (found.path, found.score) == (None, 0)
        assert found.message
        assert "choose the path" in found.message

    def test_with_a_default_need_none(self) -> None:
        wanted = column("Price", F, is_required=True, default_value="1")
        assert suggest([wanted], read("news")[0], None) == []

    def test_with_a_suggestion_have_no_message(self) -> None:
        headings, record = read("news")
        assert suggest([column("Title", is_required=True)], headings, record)[0].message is None

    def test_in_a_feed_without_headings(self) -> None:
        assert [one.path for one in suggest([column("A", is_required=True)], [], None)] == [None]


class TestSeveralColumns:
    def test_share_no_heading(self) -> None:
        found = paths(column("Title"), column("Headline"), column("Name"), feed="news")
        assert found == {"title": "title"}

    def test_share_one_that_has_both_names(self) -> None:
        columns = [Column("link", "Link"), Column("web", "Web", alternate_keys=("link",))]
        assert paths(*columns, feed="news") == {"link": "link", "web": "link"}

    def test_each_gets_its_own_date(self) -> None:
        found = paths(column("Updated", D), column("Date", D), feed="atom")
        assert found == {"updated": "updated", "date": "published"}

    def test_a_whole_shop(self) -> None:
        columns = [column(name) for name in ("Description", "URL", "Brand", "SKU", "MPN", "Name")]
        found = paths(*columns, feed="google shop")
        assert list(found) == [one.key for one in columns]
        assert list(found.values()) == ["description", "link", "g:brand", "g:id", "g:mpn", "title"]


_TOKENS = """title link url image published date price id name author pubDate dc:creator enclosure
    @url @ : ยา ﬁ ß İ IMGURL _ date_posted category $ [] item"""
_WORDS = st.sampled_from(re.findall(r"\S+", _TOKENS))
_NAMES = st.one_of(_WORDS, st.text(max_size=6), st.lists(_WORDS, max_size=3).map(" ".join))
_PATHS = st.one_of(st.lists(_WORDS, min_size=1, max_size=4).map(" > ".join), st.text(max_size=9))
_SAMPLES = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from([MAIL_DATE, "1,299", "a@b.example", "https://x.example/a.jpg"]),
    ),
    max_size=3,
).map(tuple)
_HEADINGS = st.lists(
    st.builds(Heading, _PATHS, _SAMPLES, st.integers(0, 9), st.booleans()),
    max_size=12,
    unique_by=lambda heading: heading.path,
)
_COLUMNS = st.lists(
    st.builds(
        Column,
        _NAMES,
        _NAMES,
        st.sampled_from(ColumnType),
        is_required=st.booleans(),
        alternate_keys=st.lists(_NAMES, max_size=2).map(tuple),
        select_values=st.just(("1", "a")),
        regex=st.just("^[a-z]"),
    ),
    max_size=8,
    unique_by=lambda one: one.key,
)
_RECORDS = st.one_of(st.none(), _PATHS)


class TestWhateverTheTexts:
    @settings(deadline=None)
    @given(_COLUMNS, _HEADINGS, _RECORDS)
    def test_what_always_holds(
        self, columns: list[Column], headings: list[Heading], record: str | None
    ) -> None:
        found = suggest(columns, headings, record)
        keys = [one.key for one in columns]
        assert [one.key for one in found] == [key for key in keys if key in {f.key for f in found}]
        known = {heading.path for heading in headings}
        for one in found:
            if one.path is None:
                assert (one.score, bool(one.message)) == (0, True)
            else:
                assert CUT_OFF <= one.score <= 1
                assert one.path in known
                assert one.message is None
        assert {c.key for c in columns if c.is_required} <= {one.key for one in found}

    @settings(deadline=None)
    @given(_COLUMNS, _HEADINGS, _RECORDS)
    def test_a_shared_heading_has_each_column_s_name(
        self, columns: list[Column], headings: list[Heading], record: str | None
    ) -> None:
        by_path: dict[str, list[Column]] = {}
        by_key = {one.key: one for one in columns}
        for one in suggest(columns, headings, record):
            if one.path is not None:
                by_path.setdefault(one.path, []).append(by_key[one.key])
        for path, sharing in by_path.items():
            if len(sharing) > 1:
                whole = name_of(path.replace(":", " ")).stem
                for one in sharing:
                    names = (one.key, one.name, *one.alternate_keys)
                    stems = [name_of(name).stem for name in names] + [
                        name_of(name).plain for name in names
                    ]
                    assert any(stem and stem in whole + name_of(path).plain for stem in stems)

    @settings(deadline=None)
    @given(_COLUMNS, _HEADINGS, _RECORDS, st.randoms(use_true_random=False))
    def test_a_lone_best_does_not_depend_on_the_order(
        self,
        columns: list[Column],
        headings: list[Heading],
        record: str | None,
        chance: random.Random,
    ) -> None:
        mixed = chance.sample(headings, len(headings))
        for one in columns[:2]:
            known, again = suggest([one], headings, record), suggest([one], mixed, record)
            assert [found.score for found in known] == [found.score for found in again]


@pytest.mark.slow
def test_many_columns_and_headings_take_about_a_second() -> None:
    words = ["title", "price", "date", "image", "link", "stock", "colour", "size", "depth", "code"]
    kinds = [T, N, F, D, IMG, E]
    columns = [
        Column(f"{words[at % 10]}_{at}", f"{words[at % 7]} {words[at % 10]}", kinds[at % 6])
        for at in range(200)
    ]
    headings = [
        Heading(
            f"r > {words[at % 10]} > {words[at % 9]}_{at % 50}", (MAIL_DATE, "1.5", "x"), at, False
        )
        for at in range(1000)
    ]
    began = time.process_time()
    suggest(columns, headings, "r")
    assert time.process_time() - began < 3  # half a second on a quiet machine
