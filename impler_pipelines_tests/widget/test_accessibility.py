"""For everyone: the keyboard alone, screen readers' rules, small screens, other languages."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.widget.feeds import PLAIN, SHOP
from impler_pipelines_tests.widget.host_app import HostApp
from impler_pipelines_tests.widget.walk import Walk
from impler_pipelines_tests.widget.widget_page import (
    CONFIGURE,
    CONFIRM,
    MAP,
    SCHEDULE,
    Widget,
)

_MOST_TABS = 60
_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
_PHONE = {"width": 360, "height": 640}
_OVERFLOWS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(
    app: HostApp,
    user: str,
    page: Page,
    feed_server: FeedServer,
    subtests: pytest.Subtests,
    theme: str,
) -> None:
    axe = Axe()

    def look(name: str, widget: Widget) -> None:
        settled(widget)
        with subtests.test(name):
            found = axe.run(widget.frame(), options=_RULES)  # type: ignore[arg-type]
            assert found.violations_count == 0, found.generate_report()

    walk = Walk(app, user, feed_server, page, look, theme=theme)
    walk.steps()
    walk.manual()
    walk.imports()
    walk.session_ended()


@pytest.mark.slow
def test_small_screens_need_no_sideways_scrolling(
    app: HostApp, user: str, page: Page, feed_server: FeedServer, subtests: pytest.Subtests
) -> None:
    def look(name: str, widget: Widget) -> None:
        with subtests.test(name):
            assert not widget.frame().evaluate(_OVERFLOWS)

    page.set_viewport_size(_PHONE)  # type: ignore[arg-type]
    walk = Walk(app, user, feed_server, page, look)
    walk.steps()
    walk.manual()
    walk.imports()


def test_the_keyboard_is_enough(
    app: HostApp, user: str, page: Page, feed_server: FeedServer
) -> None:
    url = feed_server.serve("/stock.xml", PLAIN)
    template = app.template()
    page.goto(app.page(template, app.session(template, user)))
    widget = Widget(page)
    tab_to(page, page.get_by_role("button", name="Import products"))
    page.keyboard.press("Enter")
    widget.is_at(CONFIGURE)

    tab_to(page, widget.address)
    page.keyboard.type(url)
    page.keyboard.press("Enter")
    widget.is_at(MAP)
    expect(widget.within.get_by_role("heading", name=MAP)).to_be_focused()

    for name, heading in (("Title", "aaa"), ("Link", "bbb")):
        tab_to(page, widget.column(name))
        page.keyboard.type(heading)
        expect(widget.within.get_by_role("option")).to_have_count(1)
        page.keyboard.press("Enter")
        expect(widget.column(name)).to_have_value(heading)
        expect(widget.within.get_by_role("listbox")).to_have_count(0)
    tab_to(page, widget.column("Price"))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")  # shuts the list, not the dialog
    expect(widget.within.get_by_role("listbox")).to_have_count(0)
    widget.is_at(MAP)
    tab_to(page, widget.button("Continue"))
    page.keyboard.press("Enter")
    widget.is_at(SCHEDULE)

    tab_to(page, widget.within.get_by_role("spinbutton", name="Every"))
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("6")
    tab_to(page, widget.within.get_by_role("combobox", name="Unit of time"))
    page.keyboard.type("h")
    expect(widget.within.get_by_role("combobox", name="Unit of time")).to_have_value("hours")
    expect(widget.button("Continue")).to_be_enabled()
    tab_to(page, widget.button("Continue"))
    page.keyboard.press("Enter")
    widget.is_at(CONFIRM)

    first = widget.within.get_by_role("checkbox", name="Import for the first time right away")
    tab_to(page, first)
    page.keyboard.press("Space")
    expect(first).not_to_be_checked()
    tab_to(page, widget.button("Start importing"))
    page.keyboard.press("Enter")
    widget.is_at("Your import is set up")
    tab_to(page, widget.button("Done"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Import products")).to_be_focused()
    (job,) = app.import_jobs(user)
    assert (job["interval"]["every"], job["interval"]["unit"]) == (6, "hours")


@pytest.mark.parametrize(
    ("locale", "direction", "title", "forward"),
    [
        pytest.param("de", "ltr", "Woher kommen Ihre Daten?", "Feed lesen", id="german"),
        pytest.param("de-AT", "ltr", "Woher kommen Ihre Daten?", "Feed lesen", id="austrian"),
        pytest.param("ar", "ltr", CONFIGURE, "Read feed", id="right-to-left-without-texts"),
        pytest.param("tlh", "ltr", CONFIGURE, "Read feed", id="no-texts-of-its-own"),
        pytest.param("no such", "ltr", CONFIGURE, "Read feed", id="no-locale"),
    ],
)
def test_languages(
    app: HostApp,
    user: str,
    page: Page,
    feed_server: FeedServer,
    locale: str,
    direction: str,
    title: str,
    forward: str,
) -> None:
    url = feed_server.serve("/shop.xml", SHOP)
    template = app.template()
    page.set_viewport_size({"width": 600, "height": 800})
    page.goto(app.page(template, app.session(template, user), locale=locale))
    widget = Widget(page).open(title)
    frame = widget.frame()
    assert frame.evaluate("getComputedStyle(document.body).direction") == direction
    widget.within.locator("input[type=url]").fill(url)
    widget.press(forward)
    expect(widget.column("Title")).to_have_value("title")
    expect(widget.within.get_by_role("table")).to_be_visible()
    assert not frame.evaluate(_OVERFLOWS)


def test_german_sentences(app: HostApp, user: str, page: Page, feed_server: FeedServer) -> None:
    url = feed_server.serve("/shop.xml", SHOP)
    template = app.template()
    page.goto(app.page(template, app.session(template, user), locale="de"))
    widget = Widget(page).open("Woher kommen Ihre Daten?")
    widget.within.get_by_role("textbox", name="Adresse des Feeds").fill(url)
    widget.press("Feed lesen")
    widget.is_at("Was gehört wohin?")
    expect(widget.text("1 abgelehnt")).to_be_visible()
    reason = "Price: „not a number“ ist keine eindeutige Zahl"
    expect(widget.within.get_by_text(reason)).to_be_visible()
    widget.press("Weiter")
    widget.within.get_by_role("combobox", name="Zeiteinheit").select_option("weeks")
    widget.within.get_by_role("checkbox", name="Freitag").check()
    expect(widget.within.get_by_text("am Montag und Freitag um 09:00")).to_be_visible()


def test_german_reasons_and_the_words_of_a_template(
    app: HostApp, user: str, page: Page, feed_server: FeedServer
) -> None:
    url = feed_server.serve("/shop.xml", SHOP)
    own = {"validate": "length", "max": 5, "errorMessage": "Keep it short, please"}
    columns = [
        {"key": "title", "name": "Title", "type": "String", "validations": [own]},
        {"key": "link", "name": "Link", "type": "Select", "selectValues": ["a", "b"]},
        {
            "key": "price",
            "name": "Price",
            "type": "Double",
            "validations": [{"validate": "range", "min": 1, "max": 50}],
        },
    ]
    template = app.template(columns)
    page.goto(app.page(template, app.session(template, user), locale="de"))
    widget = Widget(page).open("Woher kommen Ihre Daten?")
    widget.within.get_by_role("textbox", name="Adresse des Feeds").fill(url)
    widget.press("Feed lesen")
    widget.is_at("Was gehört wohin?")
    for words in (
        "Keep it short, please",
        "Link: „https://shop.test/1“ ist nicht erlaubt, sondern nur: a, b",
        "Price: „99“ liegt nicht im erlaubten Bereich: 1 – 50",
    ):
        expect(widget.within.get_by_text(words).first).to_be_visible()


def test_german_words_for_what_is_wrong_with_a_feed(
    app: HostApp, user: str, page: Page, feed_server: FeedServer
) -> None:
    """What German has no words for is marked as English."""
    template = app.template()
    page.goto(app.page(template, app.session(template, user), locale="de"))
    widget = Widget(page).open("Woher kommen Ihre Daten?")
    widget.within.get_by_role("textbox", name="Adresse des Feeds").fill(
        feed_server.serve("/feed.xml", "<rss>\n<channel><item></rss>")
    )
    widget.press("Feed lesen")
    expect(widget.alerts).to_contain_text("in Zeile 2, Spalte 22 kein gültiges XML")
    expect(widget.alerts.locator("[lang=en]")).to_have_count(0)

    feed_server.serve("/feed.xml", "")
    widget.press("Feed lesen")
    expect(widget.alerts.locator("[lang=en]")).to_contain_text("The feed is empty")


def test_long_names_leave_the_buttons_in_sight(
    app: HostApp, user: str, page: Page, feed_server: FeedServer
) -> None:
    name = "Produktbezeichnungsfeldname" * 4
    template = app.template([{"key": "x", "name": name, "type": "String", "isRequired": True}])
    page.goto(app.page(template, app.session(template, user)))
    widget = Widget(page).open()
    widget.read(feed_server.serve("/shop.xml", SHOP))
    widget.is_at(MAP)
    expect(widget.within.get_by_text("Still to be mapped")).to_be_visible()
    expect(widget.button("Continue")).to_be_in_viewport(ratio=1)


def test_a_narrow_place_breaks_no_words(app: HostApp, user: str, page: Page) -> None:
    template = app.template()
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(app.page(template, app.session(template, user), imports=True))
    widget = Widget(page)
    widget.is_at("My imports")
    title = widget.within.get_by_role("heading", name="My imports")
    lines = "one => one.clientHeight / parseFloat(getComputedStyle(one).lineHeight)"
    assert title.evaluate(lines) < 2.5
    expect(widget.button("New import")).to_be_in_viewport(ratio=1)


def test_right_to_left(app: HostApp, user: str, page: Page, feed_server: FeedServer) -> None:
    """With texts of such a language; English in it would be read from the wrong end."""
    url = feed_server.serve("/shop.xml", SHOP)
    template = app.template()
    page.set_viewport_size({"width": 600, "height": 800})
    texts = {"configure.title": "من أين تأتي بياناتك؟", "configure.readFeed": "قراءة"}
    token = app.session(template, user)
    page.goto(app.page(template, token, locale="ar", texts=texts))
    widget = Widget(page).open(texts["configure.title"])
    frame = widget.frame()
    assert frame.evaluate("getComputedStyle(document.body).direction") == "rtl"
    widget.address.fill(url)
    widget.press(texts["configure.readFeed"])
    expect(widget.column("Title")).to_have_value("title")
    expect(widget.within.get_by_role("table")).to_be_visible()
    assert not frame.evaluate(_OVERFLOWS)


def test_texts_of_the_host_app_come_first(app: HostApp, user: str, page: Page) -> None:
    template = app.template()
    texts = {"configure.title": "Your supplier’s feed", "configure.readFeed": "Look at it"}
    page.goto(app.page(template, app.session(template, user), texts=texts))
    widget = Widget(page).open("Your supplier’s feed")
    expect(widget.button("Look at it")).to_be_visible()


@pytest.mark.parametrize(("scheme", "lightest"), [("light", 200), ("dark", 60)])
def test_the_theme_follows_the_system(
    browser: Browser, app: HostApp, user: str, scheme: str, lightest: int
) -> None:
    template = app.template()
    context = browser.new_context(color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(app.page(template, app.session(template, user), theme="auto"))
    widget = Widget(page).open()
    color = widget.frame().evaluate("getComputedStyle(document.body).backgroundColor")
    red = int(color.removeprefix("rgba(").removeprefix("rgb(").split(",")[0])
    assert red >= lightest if scheme == "light" else red <= lightest
    context.close()


def settled(widget: Widget) -> None:
    """Wait until nothing moves any more: colours in between would be judged."""
    widget.frame().evaluate(
        """() => Promise.all(document.getAnimations()
          .filter((one) => one.effect.getComputedTiming().iterations !== Infinity)
          .map((one) => one.finished.catch(() => {})))"""
    )


def tab_to(page: Page, place: Locator) -> None:
    """Press Tab until it has the focus."""
    expect(place).to_be_visible()
    for _ in range(_MOST_TABS):
        if place.evaluate("one => one === one.getRootNode().activeElement && document.hasFocus()"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{place} is not reached by Tab")
