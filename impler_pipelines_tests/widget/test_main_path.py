"""From the host app's button to rows in PostgreSQL, on the real stack."""

from __future__ import annotations

import datetime as dt

import pytest
from playwright.sync_api import Page, expect

from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.supervisor.waiting import until
from impler_pipelines_tests.widget.feeds import PLAIN, SHOP, SHOP_ROWS
from impler_pipelines_tests.widget.host_app import HostApp
from impler_pipelines_tests.widget.widget_page import (
    CONFIGURE,
    CONFIRM,
    IMPORTED,
    MAP,
    RUN_LIMIT_MS,
    SCHEDULE,
    Widget,
)

pytestmark = pytest.mark.timeout(500)


@pytest.mark.slow
def test_from_the_embed_call_to_loaded_rows(
    app: HostApp, user: str, page: Page, feed_server: FeedServer
) -> None:
    template, url = app.template(), feed_server.serve("/shop.xml", SHOP)
    token = app.session(template, user, extra={"plan": "scale"})
    page.goto(app.page(template, token, extra={"from": "page", "plan": "mine"}))
    widget = Widget(page).open()

    widget.read(url)
    widget.is_at(MAP)
    expect(widget.column("Title")).to_have_value("title")
    expect(widget.column("Link")).to_have_value("link")
    expect(widget.column("Price")).to_have_value("g:price")
    expect(widget.preview.get_by_role("row")).to_have_count(1 + 4)
    expect(widget.preview).to_contain_text("<Desk>")
    expect(widget.text("1 refused")).to_be_visible()

    widget.forward(SCHEDULE)
    widget.every(3, "hours")
    widget.forward(CONFIRM)
    expect(widget.within.get_by_role("link", name=url)).to_be_visible()
    widget.press("Start importing")
    widget.heard_of("onConfirm")

    widget.is_at(IMPORTED, timeout=RUN_LIMIT_MS)
    expect(widget.text("3 valid records were imported.")).to_be_visible()
    expect(widget.within.get_by_role("heading", name="1 refused record")).to_be_visible()
    assert app.rows(template, ["title", "link", "price"]) == SHOP_ROWS

    (job,) = app.import_jobs(user)
    ((_, told),) = widget.heard()
    assert told["_id"] == job["_id"]
    assert (job["status"], job["url"], job["timezone"]) == ("RUNNING", url, "Europe/Berlin")
    assert (job["interval"]["every"], job["interval"]["unit"]) == (3, "hours")
    assert job["extra"]["plan"] == "scale"  # what the host app's server said wins
    assert job["extra"]["from"] == "page"
    assert dt.datetime.fromisoformat(job["nextRun"]) > dt.datetime.now(dt.UTC)

    widget.press("Done")
    widget.heard_of("onConfirm", "onClose")
    expect(page.locator("iframe")).to_have_count(0)


def test_columns_are_mapped_by_hand_where_nothing_fits(
    app: HostApp, user: str, page: Page, feed_server: FeedServer
) -> None:
    template, url = app.template(), feed_server.serve("/stock.xml", PLAIN)
    page.goto(app.page(template, app.session(template, user)))
    widget = Widget(page).open()
    widget.read(url)
    widget.is_at(MAP)
    for column in ("Title", "Link", "Price"):
        clear = widget.button(f"Don’t map {column}")
        if clear.is_visible():
            clear.click()
    expect(widget.button("Continue")).to_be_disabled()
    expect(widget.within.get_by_text("Still to be mapped: Title and Link")).to_be_visible()
    for column, heading in (("Title", "aaa"), ("Link", "bbb"), ("Price", "ccc")):
        widget.map(column, heading)
        expect(widget.column(column)).to_have_value(heading)
    expect(widget.preview).to_contain_text("Chair")

    widget.forward(SCHEDULE, CONFIRM)
    widget.within.get_by_role("checkbox", name="Import for the first time right away").uncheck()
    widget.press("Start importing")
    widget.is_at("Your import is set up")
    (job,) = app.import_jobs(user)
    assert job["lastRun"] is None
    paths = {one["key"]: one["path"] for one in _mappings(app, job["_id"])}
    assert paths == {
        "title": "stock > thing > aaa",
        "link": "stock > thing > bbb",
        "price": "stock > thing > ccc",
    }


def test_the_element_shows_it_in_the_page_as_high_as_its_content(
    app: HostApp, user: str, page: Page, feed_server: FeedServer
) -> None:
    template, url = app.template(), feed_server.serve("/shop.xml", SHOP)
    page.goto(app.element_page(template, app.session(template, user), "import"))
    widget = Widget(page)
    widget.is_at(CONFIGURE)
    expect(widget.button("Close")).to_have_count(0)
    widget.read(url)
    widget.is_at(MAP)
    expect(widget.preview).to_be_visible()
    frame = widget.frame()
    until(
        lambda: frame.evaluate("document.documentElement.scrollHeight <= innerHeight + 1"),
        "a frame as high as what is in it",
    )


def test_a_dialog_keeps_the_focus_and_gives_it_back(app: HostApp, user: str, page: Page) -> None:
    template = app.template()
    page.goto(app.page(template, app.session(template, user)))
    widget = Widget(page)
    button = page.get_by_role("button", name="Import products")
    button.press("Enter")
    widget.is_at(CONFIGURE)
    for _ in range(20):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") != "open"
    widget.address.focus()
    page.keyboard.press("Escape")
    widget.heard_of("onClose")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()


def _mappings(app: HostApp, job_id: str) -> list[dict[str, str]]:
    return list(app.call("GET", f"/v1/import-jobs/{job_id}/mappings"))
