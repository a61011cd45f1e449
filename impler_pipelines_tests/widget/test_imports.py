"""My imports: what a user does with import jobs that are there."""

from __future__ import annotations

import csv
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from impler_pipelines_tests.end_to_end.shop import NOT_DUE
from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.widget.feeds import SHOP, SHOP_ROWS
from impler_pipelines_tests.widget.host_app import HostApp
from impler_pipelines_tests.widget.widget_page import (
    CONFIGURE,
    CONFIRM,
    MAP,
    RUN_LIMIT_MS,
    SCHEDULE,
    Widget,
)

pytestmark = pytest.mark.timeout(500)
_ITEM = "rss > channel > item"
MAPPINGS = [
    {"key": "title", "path": f"{_ITEM} > title"},
    {"key": "link", "path": f"{_ITEM} > link"},
    {"key": "price", "path": f"{_ITEM} > g:price"},
]


@pytest.fixture
def template(app: HostApp) -> str:
    return app.template()


@pytest.fixture
def job(app: HostApp, template: str, user: str, feed_server: FeedServer) -> dict[str, Any]:
    """An import job of the user that has not run yet."""
    body = {"externalUserId": user, "mappings": MAPPINGS, "interval": NOT_DUE, "runNow": False}
    url = feed_server.serve("/shop.xml", SHOP)
    path = f"/v1/import-jobs/{template}"
    return dict(app.call("POST", path, {"url": url, **body}, status=201))


@pytest.fixture
def widget(app: HostApp, template: str, user: str, job: dict[str, Any], page: Page) -> Widget:
    page.goto(app.page(template, app.session(template, user), imports=True))
    widget = Widget(page)
    widget.is_at("My imports")
    return widget


def action(widget: Widget, verb: str) -> Locator:
    """The button that does it to the one import job."""
    return widget.within.get_by_role("button", name=verb)


def test_pause_and_resume(widget: Widget, app: HostApp, user: str) -> None:
    expect(widget.text("Active")).to_be_visible()
    action(widget, "Pause").click()
    expect(widget.text("Paused")).to_be_visible()
    assert app.import_jobs(user)[0]["status"] == "PAUSED"
    action(widget, "Resume").click()
    expect(widget.text("Active")).to_be_visible()
    assert app.import_jobs(user)[0]["status"] == "RUNNING"


@pytest.mark.slow
def test_run_now_its_history_and_its_rejects(
    widget: Widget, app: HostApp, template: str, page: Page
) -> None:
    widget.within.get_by_role("button", name="now").click()
    expect(widget.text("Importing")).to_be_visible()
    refused = widget.within.get_by_role("listitem").filter(has_text="Valid")
    expect(refused).to_be_visible(timeout=RUN_LIMIT_MS)
    assert app.rows(template, ["title", "link", "price"]) == SHOP_ROWS

    action(widget, "History of").click()
    widget.is_at("History")
    expect(widget.within.get_by_text("Started by hand")).to_be_visible()
    expect(widget.text("3 valid records were imported.")).to_be_visible()
    widget.press("Show refused records")
    table = widget.within.get_by_role("region", name="1 refused record").get_by_role("table")
    expect(table).to_contain_text("not a number")
    with page.expect_download() as download:
        widget.press("Download CSV")
    assert download.value.suggested_filename.endswith(".csv")
    with download.value.path().open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert "Broken" in row.values()
    assert any("not a number" in str(value) for value in row.values())
    widget.press("Back to my imports")
    widget.is_at("My imports")


@pytest.mark.slow
def test_a_run_that_failed_says_why_in_the_user_s_language(
    app: HostApp, template: str, user: str, job: dict[str, Any], page: Page, feed_server: FeedServer
) -> None:
    feed_server.serve("/shop.xml", "gone", status=404)
    page.goto(app.page(template, app.session(template, user), imports=True, locale="de"))
    widget = Widget(page)
    widget.is_at("Meine Importe")
    why = widget.within.get_by_text("Der Server des Feeds antwortet mit dem Status 404.")
    action(widget, "jetzt importieren").click()
    expect(why).to_be_visible(timeout=RUN_LIMIT_MS)
    action(widget, "Verlauf von").click()
    widget.is_at("Verlauf")
    expect(why).to_be_visible()
    expect(widget.within.locator("[lang=en]")).to_have_count(0)
    (failing,) = app.import_jobs(user)
    assert failing["lastErrorCause"] == {"code": "feed_refused", "status": 404}


def test_edit(widget: Widget, app: HostApp, user: str, job: dict[str, Any]) -> None:
    action(widget, "Edit").click()
    widget.is_at("Where the data comes from")
    expect(widget.address).to_have_value(job["url"])
    widget.forward(MAP)
    expect(widget.column("Price")).to_have_value("g:price")
    widget.press("Don’t map Price")
    widget.forward(SCHEDULE)
    widget.every(45, "minutes")
    widget.forward("Save these changes?")
    widget.press("Save changes")
    widget.is_at("Your changes are saved")
    (changed,) = app.import_jobs(user)
    assert changed["_id"] == job["_id"]
    assert (changed["interval"]["every"], changed["interval"]["unit"]) == (45, "minutes")
    mappings = app.call("GET", f"/v1/import-jobs/{job['_id']}/mappings")
    assert {one["key"]: one["path"] for one in mappings}["price"] is None
    widget.press("Done")
    widget.is_at("My imports")


@pytest.mark.slow
def test_edit_counts_headings_and_records_of_the_same_reading(
    widget: Widget, feed_server: FeedServer
) -> None:
    """Its last run found one record, where there were four when it was made."""
    first, _, rest = SHOP.partition("</item>")
    feed_server.serve("/shop.xml", f"{first}</item>{rest[rest.rindex('</channel>') :]}")
    widget.within.get_by_role("button", name="now").click()
    widget.within.get_by_role("listitem").filter(has_text="Valid").wait_for(timeout=RUN_LIMIT_MS)
    action(widget, "Edit").click()
    widget.forward(MAP)
    expect(widget.within.get_by_text("in 4 of 4 records").first).to_be_visible()


def test_edit_gives_a_schedule_to_one_that_has_none(
    widget: Widget, app: HostApp, user: str, job: dict[str, Any]
) -> None:
    app.call("PUT", f"/v1/import-jobs/{job['_id']}", {"interval": None})
    action(widget, "Edit").click()
    widget.forward(MAP, SCHEDULE, "Save these changes?")
    expect(widget.within.get_by_text("every day at 09:00")).to_be_visible()
    widget.press("Save changes")
    widget.is_at("Your changes are saved")
    (changed,) = app.import_jobs(user)
    assert changed["status"] == "RUNNING"
    assert changed["interval"]["unit"] == "days"


def test_edit_of_an_end_leaves_the_days_as_they_are(
    widget: Widget, app: HostApp, user: str, job: dict[str, Any]
) -> None:
    interval = {"every": 5, "unit": "days", "at": "09:00", "startsOn": "2026-01-01"}
    before = app.call("PUT", f"/v1/import-jobs/{job['_id']}", {"interval": interval})
    action(widget, "Edit").click()
    widget.forward(MAP, SCHEDULE)
    widget.within.get_by_label("Ends on").fill("2099-12-31")
    widget.forward("Save these changes?")
    widget.press("Save changes")
    widget.is_at("Your changes are saved")
    (changed,) = app.import_jobs(user)
    assert changed["endsOn"].startswith("2099-12-31")
    assert changed["interval"] == before["interval"]
    assert changed["nextRun"] == before["nextRun"]


def test_edit_of_a_feed_that_has_more_than_it_had(
    widget: Widget, app: HostApp, feed_server: FeedServer, job: dict[str, Any]
) -> None:
    feed_server.serve("/shop.xml", SHOP.replace("<link>", "<cost>7.25</cost><link>"))
    action(widget, "Edit").click()
    widget.press("Read again")
    widget.is_at(MAP)
    widget.map("Price", "cost")
    expect(widget.preview).to_contain_text("7.25")
    widget.forward(SCHEDULE, "Save these changes?")
    widget.press("Save changes")
    widget.is_at("Your changes are saved")
    mappings = app.call("GET", f"/v1/import-jobs/{job['_id']}/mappings")
    assert {one["key"]: one["path"] for one in mappings}["price"] == f"{_ITEM} > cost"


def test_delete_asks_first(widget: Widget, app: HostApp, user: str) -> None:
    action(widget, "Delete").click()
    expect(widget.button("Keep it")).to_be_focused()
    widget.press("Keep it")
    assert len(app.import_jobs(user)) == 1
    action(widget, "Delete").click()
    widget.press("Delete import")
    widget.is_at("No imports yet")
    assert app.import_jobs(user) == []


def test_a_new_one_from_here(
    widget: Widget, app: HostApp, user: str, feed_server: FeedServer
) -> None:
    url = feed_server.serve("/second.xml", SHOP)
    widget.press("New import")
    widget.is_at(CONFIGURE)
    widget.read(url)
    widget.is_at(MAP)
    widget.forward(SCHEDULE, CONFIRM)
    widget.within.get_by_role("checkbox", name="Import for the first time right away").uncheck()
    widget.press("Start importing")
    widget.is_at("Your import is set up")
    widget.press("Done")
    widget.is_at("My imports")
    expect(widget.within.get_by_role("listitem")).to_have_count(2)
    assert {one["url"] for one in app.import_jobs(user)} >= {url}


@pytest.mark.slow
def test_what_changes_elsewhere_shows_up(
    widget: Widget, app: HostApp, user: str, job: dict[str, Any]
) -> None:
    app.call("PUT", f"/v1/import-jobs/user/{job['_id']}/pause")
    expect(widget.text("Paused")).to_be_visible(timeout=90_000)  # it asks now and then
