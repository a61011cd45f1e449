"""What can be wrong with a feed, as the person reads it who has given its address."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from impler_pipelines_tests.end_to_end.running_stack import RunningStack
from impler_pipelines_tests.feed_server import Answer, FeedServer
from impler_pipelines_tests.widget.feeds import SHOP, WEB_PAGE, SlowFeed
from impler_pipelines_tests.widget.host_app import HostApp
from impler_pipelines_tests.widget.other_apis import other_api
from impler_pipelines_tests.widget.widget_page import CONFIRM, MAP, SCHEDULE, Widget

_XML = {"Content-Type": "application/xml"}
_LEAVES_WITHIN_SECONDS = 10.0  # a second, and a busy machine


@pytest.fixture
def widget(app: HostApp, user: str, page: Page) -> Widget:
    template = app.template()
    page.goto(app.page(template, app.session(template, user)))
    return Widget(page).open()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        pytest.param("", "Enter the address of your feed.", id="none"),
        pytest.param("shop feed", "Enter a whole address", id="no-address"),
        pytest.param("ftp://shop.test/feed.xml", "Enter a whole address", id="another-scheme"),
        pytest.param("javascript:alert(1)", "Enter a whole address", id="script"),
    ],
)
def test_what_is_no_address_is_told_beside_the_field(
    widget: Widget, address: str, words: str
) -> None:
    widget.read(address)
    expect(widget.alerts).to_contain_text(words)
    expect(widget.address).to_be_focused()
    expect(widget.address).to_have_attribute("aria-invalid", "true")
    expect(widget.address).to_have_value(address)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param((404, {}, "gone"), "404", id="404"),
        pytest.param((500, {}, "oh"), "500", id="500"),
        pytest.param((401, {}, "who?"), "401", id="401"),
        pytest.param((200, _XML, "Hello there."), "not well-formed XML", id="not-xml"),
        pytest.param((200, _XML, "<rss><channel><item>"), "line 1", id="cut-off"),
        pytest.param((200, _XML, ""), "empty", id="empty"),
    ],
)
def test_a_feed_that_can_t_be_read_says_why(
    widget: Widget, feed_server: FeedServer, answer: Answer, words: str
) -> None:
    feed_server.routes["/feed.xml"] = answer
    url = feed_server.url("/feed.xml")
    widget.read(url)
    expect(widget.alerts).to_contain_text("The feed could not be read")
    expect(widget.alerts).to_contain_text(words)
    expect(widget.address).to_have_value(url)

    feed_server.serve("/feed.xml", SHOP)
    widget.press("Try again")
    widget.is_at(MAP)


def test_nobody_there(widget: Widget) -> None:
    widget.read("http://127.0.0.1:9/feed.xml")
    expect(widget.alerts).to_contain_text("The feed could not be read")
    expect(widget.button("Read feed")).to_be_enabled()


@pytest.mark.parametrize("address", ["shop", "http://127.0.0.1:9/feed.xml"])
def test_what_is_wrong_is_in_sight(widget: Widget, address: str) -> None:
    """In a small window of twice the size, where hints and notices are further down."""
    widget.page.set_viewport_size({"width": 640, "height": 400})
    widget.read(address)
    expect(widget.alerts).to_be_in_viewport(ratio=0.9)


def test_a_feed_that_has_changed_before_the_end_can_be_read_again(
    widget: Widget, feed_server: FeedServer
) -> None:
    widget.read(feed_server.serve("/shop.xml", SHOP))
    widget.is_at(MAP)
    widget.forward(SCHEDULE, CONFIRM)
    feed_server.serve("/shop.xml", SHOP.replace("g:price", "g:cost"))
    widget.within.get_by_role("checkbox", name="Import for the first time right away").uncheck()
    widget.press("Start importing")
    expect(widget.alerts).to_contain_text("the feed has no 'rss > channel > item > g:price'")
    widget.press("Go to: Map columns")
    widget.press("Read again")
    expect(widget.column("Price")).to_have_value("g:cost")
    expect(widget.alerts).to_have_count(0)
    widget.forward(SCHEDULE, CONFIRM)
    widget.press("Start importing")
    widget.is_at("Your import is set up")


def test_a_web_page_offers_the_feeds_that_it_announces(
    widget: Widget, feed_server: FeedServer
) -> None:
    page = feed_server.serve("/", WEB_PAGE, content_type="text/html")
    url = feed_server.serve("/products.xml", SHOP)
    widget.read(page)
    expect(widget.text("This is a web page. It offers these feeds:")).to_be_visible()
    expect(widget.within.get_by_role("button", name="News")).to_be_visible()
    widget.within.get_by_role("button", name="All products").click()
    widget.is_at(MAP)
    widget.press("Back")
    expect(widget.address).to_have_value(url)


def test_a_slow_feed_tells_how_far_it_is(widget: Widget, feed_server: FeedServer) -> None:
    slow = SlowFeed()
    feed_server.routes["/slow.xml"] = slow
    widget.read(feed_server.url("/slow.xml"))
    bar = widget.within.get_by_role("progressbar", name="Reading the feed")
    expect(bar).to_have_attribute("aria-valuenow", "50")
    slow.go_on.set()
    widget.is_at(MAP)


def test_a_slow_feed_can_be_cancelled(widget: Widget, feed_server: FeedServer) -> None:
    slow = SlowFeed()
    feed_server.routes["/slow.xml"] = slow
    url = feed_server.url("/slow.xml")
    widget.read(url)
    expect(widget.within.get_by_role("progressbar")).to_be_visible()
    assert slow.asked.wait(_LEAVES_WITHIN_SECONDS)
    widget.press("Cancel")
    expect(widget.within.get_by_role("progressbar")).to_have_count(0)
    assert slow.left.wait(_LEAVES_WITHIN_SECONDS)
    expect(widget.alerts).to_have_count(0)
    expect(widget.address).to_have_value(url)
    expect(widget.address).to_be_focused()

    feed_server.serve("/slow.xml", SHOP)
    widget.press("Read feed")
    widget.is_at(MAP)


@pytest.fixture(scope="module")
def strict_api(running_stack: RunningStack) -> Iterator[str]:
    """As it is in production: no private addresses."""
    with other_api(running_stack, IMPLER_ALLOW_PRIVATE_ADDRESSES="0") as url:
        yield url


@pytest.fixture(scope="module")
def hasty_api(running_stack: RunningStack) -> Iterator[str]:
    """It waits for a feed for two seconds."""
    with other_api(running_stack, IMPLER_FETCH_TIMEOUT_SECONDS="2") as url:
        yield url


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://127.0.0.1/feed.xml", id="loopback"),
        pytest.param("http://169.254.169.254/latest/meta-data/", id="metadata"),
        pytest.param("http://[::1]/feed.xml", id="ipv6"),
    ],
)
def test_a_refused_address(strict_api: str, app: HostApp, user: str, page: Page, url: str) -> None:
    template = app.template()
    page.goto(app.page(template, app.session(template, user), api_url=strict_api))
    widget = Widget(page).open()
    widget.read(url)
    expect(widget.alerts).to_contain_text("address")
    expect(widget.address).to_have_attribute("aria-invalid", "true")


def test_a_feed_that_takes_too_long(
    hasty_api: str, app: HostApp, user: str, page: Page, feed_server: FeedServer
) -> None:
    feed_server.routes["/slow.xml"] = SlowFeed()
    template = app.template()
    page.goto(app.page(template, app.session(template, user), api_url=hasty_api))
    widget = Widget(page).open()
    widget.read(feed_server.url("/slow.xml"))
    expect(widget.alerts).to_contain_text("The feed could not be read")
    expect(widget.button("Try again")).to_be_visible()
