"""Texts without a label, or with a wrong one. Each is the first article of the Universal
Declaration of Human Rights, in the encodings that its language was written in before UTF-8."""

# ruff: noqa: E501  wide letters count twice
from __future__ import annotations

import pytest

from impler_pipelines.extraction import read_feed
from impler_pipelines_tests.extraction.feeds import RSS_ITEM, declared, rss

TITLE = f"{RSS_ITEM} > title"
TEXTS = {
    "Arabic": "يولد جميع الناس أحراراً متساوين في الكرامة والحقوق، وقد وهبوا عقلاً وضميراً وعليهم أن"
    " يعامل بعضهم بعضاً بروح الإخاء.",
    "Bulgarian": "Всички хора се раждат свободни и равни по достойнство и права. Те са надарени с"
    " разум и съвест и следва да се отнасят помежду си в дух на братство.",
    "Chinese": "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。",
    "Chinese, traditional": "人人生而自由，在尊嚴和權利上一律平等。他們賦有理性和良心，並應以兄弟關係的精神"
    "相對待。",
    "Greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα."
    " Είναι προικισμένοι με λογική και συνείδηση.",
    "Hebrew": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם. כולם חוננו בתבונה ובמצפון, לפיכך"
    " חובה עליהם לנהוג איש ברעהו ברוח של אחווה.",
    "Japanese": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。"
    "人間は、理性と良心とを授けられており、互いに同胞の精神をもって行動しなければならない。",
    "Korean": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 인간은 천부적으로"
    " 이성과 양심을 부여받았으며 서로 형제애의 정신으로 행동하여야 한다.",
    "Russian": "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены"
    " разумом и совестью и должны поступать в отношении друг друга в духе братства.",
    "Thai": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ต่างมีเหตุผลและมโนธรรม"
    " และควรปฏิบัติต่อกันด้วยเจตนารมณ์แห่งภราดรภาพ",
    "Ukrainian": "Всі люди народжуються вільними і рівними у своїй гідності та правах. Вони наділені"
    " розумом і совістю і повинні діяти у відношенні один до одного в дусі братерства.",
}
WRITTEN_IN = [
    ("Arabic", "windows-1256"),
    ("Bulgarian", "windows-1251"),
    ("Chinese", "gb18030"),
    ("Chinese, traditional", "big5"),
    ("Greek", "windows-1253"),
    ("Greek", "iso-8859-7"),
    ("Hebrew", "windows-1255"),
    ("Japanese", "cp932"),
    ("Japanese", "euc-jp"),
    ("Korean", "cp949"),
    ("Russian", "windows-1251"),
    ("Russian", "koi8-r"),
    ("Russian", "iso-8859-5"),
    ("Russian", "cp866"),
    ("Thai", "cp874"),
    ("Ukrainian", "windows-1251"),
    ("Ukrainian", "koi8-u"),
]
LATIN = {
    "French": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont"
    " doués de raison et de conscience et doivent agir dans un esprit de fraternité. Été à Noël",
    "Portuguese": "Todos os seres humanos nascem livres e iguais em dignidade e em direitos."
    " Dotados de razão e de consciência, devem agir em espírito de fraternidade. Ações, nações",
    "Icelandic": "Hver maður er borinn frjáls og jafn öðrum að virðingu og réttindum. Menn eru"
    " gæddir vitsmunum og samvizku, og ber þeim að breyta bróðurlega hverjum við annan.",
}


def title_of(document: bytes) -> tuple[object, tuple[str, ...]]:
    reading = read_feed(document)
    [record] = reading.records()
    return record[TITLE], reading.warnings


@pytest.mark.parametrize(("language", "encoding"), WRITTEN_IN)
class TestEach:
    def test_without_a_label(self, language: str, encoding: str) -> None:
        document = rss(f"<title>{TEXTS[language]}</title>").decode().encode(encoding)
        text, warnings = title_of(document)
        assert text == TEXTS[language]
        assert len(warnings) == 1
        assert "'utf-8', which the bytes contradict" in warnings[0]

    @pytest.mark.parametrize("label", ["iso-8859-1", "utf-8"])
    def test_with_a_wrong_label(self, language: str, encoding: str, label: str) -> None:
        text, warnings = title_of(declared(label, TEXTS[language], encoding))
        assert text == TEXTS[language]
        assert len(warnings) == 1
        assert f"{label!r}, which the bytes contradict" in warnings[0]

    def test_with_the_right_label(self, language: str, encoding: str) -> None:
        document = declared(encoding, TEXTS[language], encoding)
        assert title_of(document) == (TEXTS[language], ())


@pytest.mark.parametrize(
    ("label", "encoding"),
    [
        ("windows-1251", "koi8-r"),
        ("koi8-r", "windows-1251"),
        ("iso-8859-5", "windows-1251"),
        ("windows-1251", "iso-8859-5"),
    ],
)
def test_russian_under_the_label_of_another_encoding(label: str, encoding: str) -> None:
    text, warnings = title_of(declared(label, TEXTS["Russian"], encoding))
    assert text == TEXTS["Russian"]
    assert warnings


@pytest.mark.parametrize("language", LATIN)
@pytest.mark.parametrize("label", ["windows-1252", "iso-8859-1", "utf-8"])
def test_latin_text_is_windows_1252(language: str, label: str) -> None:
    assert title_of(declared(label, LATIN[language], "windows-1252"))[0] == LATIN[language]


def test_a_word_alone_is_not_guessed_at() -> None:
    text, _ = title_of(rss("<title>Привет</title>").decode().encode("windows-1251"))
    assert text == "Привет".encode("windows-1251").decode("windows-1252")
