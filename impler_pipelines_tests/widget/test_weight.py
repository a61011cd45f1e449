"""What it weighs, that nothing jumps, and that thousands of headings are no burden."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.widget.feeds import SHOP, SlowFeed, wide
from impler_pipelines_tests.widget.host_app import HostApp
from impler_pipelines_tests.widget.widget_page import MAP, Widget

MOST_BYTES = 100_000
HEADINGS = 2_000
# Far above what a keystroke takes, far below what searching all of them in the page would.
LONGEST_MS = 500
_WATCH_SHIFTS = """
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (!one.hadRecentInput) shifts.push({
      value: one.value,
      of: one.sources.map(({node}) => node?.className || node?.nodeName),
    });
  }).observe({type: "layout-shift", buffered: true});
"""
_WATCH_EVENTS = """
  window.slowest = 0;
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) slowest = Math.max(slowest, one.duration);
  }).observe({type: "event", durationThreshold: 16, buffered: true});
  window.longest = 0;
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) longest = Math.max(longest, one.duration);
  }).observe({type: "longtask", buffered: true});
"""


@pytest.fixture
def transferred(page: Page, app: HostApp) -> Iterator[dict[str, float]]:
    """Bytes on the wire for each address of the widget's server, headers included."""
    sizes: dict[str, float] = {}
    urls: dict[str, str] = {}
    devtools = page.context.new_cdp_session(page)
    devtools.on(
        "Network.responseReceived",
        lambda told: urls.update({told["requestId"]: told["response"]["url"]}),
    )

    def finished(told: dict[str, object]) -> None:
        url = urls.get(str(told["requestId"]), "")
        if url.startswith(app.stack.api_url):
            sizes[url] = float(str(told["encodedDataLength"]))

    devtools.on("Network.loadingFinished", finished)
    devtools.send("Network.enable")
    yield sizes
    devtools.detach()


def test_the_first_step_weighs_less_than_100_kilobytes(
    app: HostApp, user: str, page: Page, transferred: dict[str, float]
) -> None:
    template = app.template()
    page.goto(app.page(template, app.session(template, user)))
    Widget(page).open()
    names = {url.rsplit("/", 1)[1] for url in transferred}
    assert names >= {"embed.js", template, "app.js", "style.css", "session"}
    assert sum(transferred.values()) < MOST_BYTES, transferred


@pytest.mark.parametrize("size", [(1280, 800), (360, 640)], ids=["desktop", "phone"])
def test_nothing_jumps_when_headings_arrive(
    app: HostApp, user: str, page: Page, feed_server: FeedServer, size: tuple[int, int]
) -> None:
    slow = SlowFeed(SHOP)
    feed_server.routes["/slow.xml"] = slow
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.add_init_script(_WATCH_SHIFTS)
    template = app.template()
    page.goto(app.page(template, app.session(template, user)))
    widget = Widget(page).open()
    widget.read(feed_server.url("/slow.xml"))
    bar = widget.within.get_by_role("progressbar", name="Reading the feed")
    expect(bar).to_have_attribute("aria-valuenow", "50")
    # Half a second after an input a shift is no surprise, and is not counted.
    began = page.evaluate("performance.now()")
    page.wait_for_function("began => performance.now() > began + 600", arg=began)
    slow.go_on.set()
    widget.is_at(MAP)
    expect(widget.column("Title")).to_have_value("title")
    expect(widget.preview.get_by_role("row")).to_have_count(1 + 4)
    expect(widget.text("1 refused")).to_be_visible()
    for frame in (widget.frame(), page.main_frame):
        assert frame.evaluate("shifts") == []


def test_thousands_of_headings_are_searched_and_scrolled_at_once(
    app: HostApp, user: str, page: Page, feed_server: FeedServer
) -> None:
    url = feed_server.serve("/wide.xml", wide(HEADINGS))
    template = app.template()
    page.add_init_script(_WATCH_EVENTS)
    page.goto(app.page(template, app.session(template, user)))
    widget = Widget(page).open()
    widget.read(url)
    widget.is_at(MAP)
    expect(widget.preview).to_be_visible()
    frame = widget.frame()
    frame.evaluate("slowest = longest = 0")

    field, options = widget.column("Price"), widget.within.get_by_role("option")
    field.click()
    expect(options.first).to_be_visible()
    assert options.count() < 50  # those in sight, not all of them
    for typed in ("f", "f1", "f19", "f199", "f1999"):
        field.press(typed[-1])
        expect(field).to_have_value(typed)
    expect(options).to_have_count(1)
    expect(options.first).to_contain_text("f1999")
    field.fill("")
    expect(options.first).to_be_attached()

    widget.within.get_by_role("listbox").hover()
    for _ in range(10):
        page.mouse.wheel(0, 12_000)
        page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(options.filter(has_text="f1999")).to_be_visible()
    options.filter(has_text="f1999").click()
    expect(field).to_have_value("f1999")
    assert frame.evaluate("slowest") < LONGEST_MS
    assert frame.evaluate("longest") < LONGEST_MS
