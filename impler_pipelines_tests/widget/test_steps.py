"""Going back and forth, reloading, leaving: what was entered is still there."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.widget.feeds import SHOP
from impler_pipelines_tests.widget.host_app import HostApp
from impler_pipelines_tests.widget.widget_page import CONFIGURE, CONFIRM, MAP, SCHEDULE, Widget


@pytest.fixture
def url(feed_server: FeedServer) -> str:
    return feed_server.serve("/shop.xml", SHOP)


@pytest.fixture
def widget(app: HostApp, user: str, page: Page) -> Widget:
    template = app.template()
    page.goto(app.page(template, app.session(template, user)))
    return Widget(page).open()


def fill_in(widget: Widget, url: str) -> None:
    """Choose something in each step that is not what it begins with; ends at Confirm."""
    widget.read(url)
    widget.is_at(MAP)
    widget.press("Don’t map Price")
    widget.map("Title", "link")
    widget.forward(SCHEDULE)
    widget.every(2, "weeks")
    widget.within.get_by_role("checkbox", name="Friday").check()
    widget.within.get_by_label("at", exact=True).fill("06:15")
    widget.within.get_by_label("Ends on").fill("2099-12-31")
    widget.forward(CONFIRM)


def is_as_filled_in(widget: Widget, url: str) -> None:
    """Walk from Confirm to the first step, and see that all is there."""
    expect(widget.within.get_by_text("Not mapped: Price")).to_be_visible()
    widget.press("Back")
    widget.is_at(SCHEDULE)
    expect(widget.within.get_by_role("spinbutton", name="Every")).to_have_value("2")
    expect(widget.within.get_by_role("combobox", name="Unit of time")).to_have_value("weeks")
    expect(widget.within.get_by_role("checkbox", name="Friday")).to_be_checked()
    expect(widget.within.get_by_label("at", exact=True)).to_have_value("06:15")
    expect(widget.within.get_by_label("Ends on")).to_have_value("2099-12-31")
    widget.press("Back")
    widget.is_at(MAP)
    expect(widget.column("Title")).to_have_value("link")
    expect(widget.column("Link")).to_have_value("link")
    expect(widget.column("Price")).to_have_value("")
    widget.press("Back")
    widget.is_at(CONFIGURE)
    expect(widget.address).to_have_value(url)


def test_back_and_forth_loses_nothing(widget: Widget, url: str, feed_server: FeedServer) -> None:
    fill_in(widget, url)
    is_as_filled_in(widget, url)
    widget.forward(MAP, SCHEDULE, CONFIRM)
    is_as_filled_in(widget, url)
    read = [request for request in feed_server.requests if request.path == "/shop.xml"]
    assert len(read) == 1  # looked at once


def test_steps_that_are_done_are_a_click_away_and_others_are_not(widget: Widget, url: str) -> None:
    steps = widget.within.get_by_role("navigation", name="Steps")
    for name in ("Map columns", "Schedule", "Confirm"):
        expect(steps.get_by_role("button", name=name)).to_be_disabled()
    fill_in(widget, url)
    steps.get_by_role("button", name="Configure").click()
    widget.is_at(CONFIGURE)
    steps.get_by_role("button", name="Confirm").click()
    widget.is_at(CONFIRM)
    is_as_filled_in(widget, url)


def test_another_address_makes_the_later_steps_wait(widget: Widget, url: str) -> None:
    fill_in(widget, url)
    widget.within.get_by_role("button", name="Change the source").click()
    widget.address.fill(f"{url}?page=2")
    expect(widget.button("Read feed")).to_be_visible()
    steps = widget.within.get_by_role("navigation", name="Steps")
    expect(steps.get_by_role("button", name="Confirm")).to_be_disabled()


def test_a_reload_loses_nothing(widget: Widget, url: str) -> None:
    fill_in(widget, url)
    widget.page.reload()
    widget.open(CONFIRM)
    is_as_filled_in(widget, url)


def test_closing_and_opening_again_loses_nothing(widget: Widget, url: str) -> None:
    fill_in(widget, url)
    widget.press("Close")
    widget.heard_of("onClose")
    widget.open(CONFIRM)
    is_as_filled_in(widget, url)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        pytest.param("https://ann:horse@shop.test/a", "https://shop.test/a", id="whole"),
        pytest.param("ann:horse@shop.test/a", "shop.test/a", id="no-scheme"),
        pytest.param("https://ann:horse@", "https://", id="no-host-yet"),
        pytest.param("https://shop.test/@ann:horse", "https://shop.test/@ann:horse", id="none"),
    ],
)
def test_a_password_in_an_address_that_is_being_typed_is_not_kept(
    widget: Widget, typed: str, kept: str
) -> None:
    widget.address.fill(typed)
    widget.page.keyboard.press("Escape")  # the field is not left before
    widget.open()
    expect(widget.address).to_have_value(kept)


def test_what_is_kept_holds_no_secret(widget: Widget, feed_server: FeedServer) -> None:
    url = feed_server.serve("/shop.xml", SHOP)
    widget.within.get_by_text("The feed needs a password or a key").click()
    widget.within.get_by_role("radio", name="User and password").check()
    widget.within.get_by_label("User name").fill("ann")
    widget.within.get_by_label("Password", exact=True).fill("correct horse")
    widget.read(url)
    widget.is_at(MAP)
    assert feed_server.requests[-1].header("Authorization")
    kept = widget.frame().evaluate(
        "JSON.stringify({...sessionStorage, ...localStorage}) + document.cookie"
    )
    assert url in kept
    for secret in ("correct horse", "Y29ycmVjdCBob3JzZQ", "ses_"):
        assert secret not in kept

    widget.page.reload()
    widget.open()
    expect(widget.address).to_have_value(url)
    expect(widget.within.get_by_label("Password", exact=True)).to_have_value("")
    expect(
        widget.text("Enter user name and password. They are not kept in this browser.")
    ).to_be_visible()
