"""Markup and scripts in whatever comes from outside stay text."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from impler_pipelines_tests.end_to_end.shop import NOT_DUE
from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.widget.feeds import SHOP, rss
from impler_pipelines_tests.widget.host_app import COLUMNS, HostApp
from impler_pipelines_tests.widget.widget_page import CONFIRM, MAP, SCHEDULE, UPLOAD, Widget

# Each would leave a mark if it ran, or open a dialog, which fails any test.
IMAGE = "<img src=x onerror=\"top.pwned=1;parent.postMessage('pwned','*')\">"
SCRIPT = "</script><script>window.pwned=1;alert(1)</script>"
SVG = "<svg/onload=window.pwned=1>"
TEMPLATE = "{{constructor.constructor('window.pwned=1')()}}${window.pwned=1}"
LINK = "javascript:window.pwned=1"
ALL = [IMAGE, SCRIPT, SVG, TEMPLATE, LINK, "&lt;b&gt;"]


@pytest.fixture
def names() -> list[dict[str, object]]:
    """Columns whose names are markup, beside the usual ones."""
    extra = [{"key": f"x{n}", "name": text[:80], "type": "String"} for n, text in enumerate(ALL)]
    return [*COLUMNS, *extra]


def is_untouched(widget: Widget) -> None:
    """No script of the payloads has run, and none of their elements is in the page."""
    frame = widget.frame()
    for window in (frame, widget.page.main_frame):
        assert window.evaluate("typeof window.pwned") == "undefined"
    assert (
        frame.evaluate("document.querySelectorAll('[onerror], [onload], script:not([src])').length")
        == 0
    )
    assert frame.locator("a[href^='javascript:' i], img[src='x']").count() == 0


def test_values_and_column_names(
    app: HostApp, user: str, page: Page, feed_server: FeedServer, names: list[dict[str, object]]
) -> None:
    records = [
        {"title": text, "link": f"https://shop.test/{n}", "price": text}
        for n, text in enumerate(ALL)
    ]
    url = feed_server.serve("/hostile.xml", rss(*records))
    template = app.template(names)
    page.goto(app.page(template, app.session(template, user)))
    widget = Widget(page).open()
    widget.read(url)
    widget.is_at(MAP)
    for text in ALL:
        expect(widget.within.get_by_text(text[:80], exact=True).first).to_be_attached()
    widget.map("Price", "price")  # each record is refused for its price, which the reasons quote
    expect(widget.preview).to_contain_text(IMAGE)
    expect(widget.preview).to_contain_text(SCRIPT)
    widget.column("Title").click()
    expect(widget.within.get_by_role("option").first).to_be_visible()
    is_untouched(widget)
    page.keyboard.press("Escape")
    widget.forward(SCHEDULE, CONFIRM)
    is_untouched(widget)


def test_headings(app: HostApp, user: str, page: Page) -> None:
    template = app.template(mode="manual")
    page.goto(app.page(template, app.session(template, user)))
    widget = Widget(page).open(UPLOAD)
    quoted = ",".join('"' + text.replace('"', '""') + '"' for text in ALL)
    widget.upload(f"{SVG.replace('/', ' ')}.csv", f"{quoted}\n{quoted}\n".encode())
    widget.is_at(MAP)
    widget.column("Title").click()
    expect(widget.within.get_by_role("option").filter(has_text=IMAGE).first).to_be_visible()
    widget.map("Title", "img src")
    widget.map("Link", "javascript")
    expect(widget.column("Title")).to_have_value(re.compile(r"^<img src=x onerror="))
    expect(widget.preview).to_contain_text(LINK)
    is_untouched(widget)
    widget.forward(CONFIRM)
    is_untouched(widget)


def test_addresses(app: HostApp, user: str, page: Page, feed_server: FeedServer) -> None:
    path = '/feed.xml?a="><img/src=x/onerror=window.pwned=1>'
    feed_server.serve("/feed.xml", SHOP)
    template = app.template()
    page.goto(app.page(template, app.session(template, user)))
    widget = Widget(page).open()
    widget.read(feed_server.url(path))
    widget.is_at(MAP)
    widget.forward(SCHEDULE, CONFIRM)
    expect(widget.within.get_by_role("link")).to_be_visible()
    is_untouched(widget)


def test_errors_and_announced_feeds(
    app: HostApp, user: str, page: Page, feed_server: FeedServer
) -> None:
    announced = (
        '<link rel="alternate" type="application/rss+xml" href="{}" title="{}">'.format(
            href, IMAGE.replace('"', "&quot;")
        )
        for href in (LINK, "/products.xml")
    )
    url = feed_server.serve(
        "/",
        f"<!doctype html><html><head>{''.join(announced)}</head></html>",
        content_type="text/html",
    )
    template = app.template()
    page.goto(app.page(template, app.session(template, user)))
    widget = Widget(page).open()
    widget.read(url)
    expect(widget.within.get_by_role("button", name=IMAGE)).to_have_count(1)
    is_untouched(widget)
    feed_server.serve("/broken.xml", f"<rss>{IMAGE}")
    widget.read(feed_server.url("/broken.xml"))
    expect(widget.alerts).to_contain_text("could not be read")
    is_untouched(widget)


def test_my_imports_and_their_errors(
    app: HostApp, user: str, page: Page, feed_server: FeedServer
) -> None:
    feed_server.serve("/feed.xml", SHOP)
    template = app.template()
    body = {
        "url": feed_server.url(f"/feed.xml?{SVG}"),
        "externalUserId": user,
        "interval": NOT_DUE,
        "runNow": False,
        "mappings": [
            {"key": "title", "path": "rss > channel > item > title"},
            {"key": "link", "path": "rss > channel > item > link"},
        ],
    }
    app.call("POST", f"/v1/import-jobs/{template}", body, status=201)
    page.goto(app.page(template, app.session(template, user), imports=True))
    widget = Widget(page)
    expect(widget.within.get_by_role("link")).to_have_count(1)
    is_untouched(widget)


def test_no_theme_at_all(app: HostApp, user: str, page: Page) -> None:
    template = app.template()
    page.goto(app.page(template, app.session(template, user), theme=None))
    Widget(page).open()


def test_what_the_host_app_gives_is_text_too(app: HostApp, user: str, page: Page) -> None:
    template = app.template()
    texts = {"configure.title": IMAGE, "configure.lead": SCRIPT}
    theme = {"accent": "red;background:url(javascript:1)", "font": "x;}</style><script>"}
    page.goto(app.page(template, app.session(template, user), texts=texts, theme=theme))
    widget = Widget(page).open(IMAGE)
    expect(widget.text(SCRIPT)).to_be_visible()
    is_untouched(widget)
