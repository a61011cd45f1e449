"""Every step of the widget, one after the other, for those that look at each: axe, screenshots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.widget.feeds import SHOP, WEB_PAGE
from impler_pipelines_tests.widget.host_app import HostApp
from impler_pipelines_tests.widget.widget_page import (
    CONFIRM,
    MAP,
    RUN_LIMIT_MS,
    SCHEDULE,
    UPLOAD,
    Widget,
)

Look = Callable[[str, Widget], None]


class Walk:
    """One user's walk. ``look`` is called with a name for each thing that can be seen."""

    def __init__(
        self, app: HostApp, user: str, feeds: FeedServer, page: Page, look: Look, **options: Any
    ) -> None:
        self._app, self._user, self._feeds = app, user, feeds
        self._page, self._look, self._options = page, look, options
        self._template = app.template()

    def steps(self) -> None:
        """A new import of a feed, with what can go wrong on the way; nothing is started."""
        widget = self._dialog(self._template)
        self._look("configure", widget)
        widget.read("shop")
        expect(widget.alerts).to_be_visible()
        self._look("configure-no-address", widget)
        self._feeds.routes["/gone.xml"] = (404, {}, "gone")
        widget.read(self._feeds.url("/gone.xml"))
        expect(widget.alerts).to_contain_text("404")
        self._look("configure-404", widget)
        widget.read(self._feeds.serve("/", WEB_PAGE, content_type="text/html"))
        expect(widget.within.get_by_role("button", name="News")).to_be_visible()
        self._look("configure-web-page", widget)
        widget.within.get_by_text("The feed needs a password or a key").click()
        widget.within.get_by_role("radio", name="User and password").check()
        self._look("configure-password", widget)
        widget.within.get_by_role("radio", name="Nothing needed").check()
        widget.read(self._feeds.serve("/products.xml", SHOP))
        widget.is_at(MAP)
        expect(widget.preview).to_be_visible()
        self._look("map", widget)
        widget.preview.scroll_into_view_if_needed()
        self._look("map-preview", widget)
        widget.column("Price").click()
        expect(widget.within.get_by_role("option").first).to_be_visible()
        self._look("map-headings", widget)
        self._page.keyboard.press("Escape")
        widget.press("Don’t map Title")
        expect(widget.button("Continue")).to_be_disabled()
        expect(widget.preview).to_contain_text("missing")
        expect(widget.text("Updating …")).to_have_count(0)
        self._look("map-missing", widget)
        widget.map("Title", "title")
        widget.forward(SCHEDULE)
        expect(widget.button("Continue")).to_be_enabled()
        self._look("schedule", widget)
        widget.every(2, "weeks")
        expect(widget.button("Continue")).to_be_enabled()
        self._look("schedule-weeks", widget)
        widget.forward(CONFIRM)
        expect(widget.within.get_by_text("Next run:")).to_be_visible()
        self._look("confirm", widget)

    def outcome(self) -> None:
        """From Confirm, where ``steps`` ends, to the rows."""
        widget = Widget(self._page)
        widget.press("Start importing")
        widget.is_at("Done: your data is in", timeout=RUN_LIMIT_MS)
        expect(widget.within.get_by_role("table")).to_be_visible()
        self._look("outcome", widget)

    def manual(self) -> None:
        """A file in place of a feed, up to its mapping."""
        widget = self._dialog(self._app.template(mode="manual"), title=UPLOAD)
        self._look("upload", widget)
        widget.upload("products.csv", b"Title,Link,Price\nLamp,https://shop.test/1,10.50\n")
        widget.is_at(MAP)
        expect(widget.preview).to_be_visible()
        self._look("upload-map", widget)

    def imports(self) -> None:
        """My imports: none, several, a deletion, a history."""
        widget = self._in_place(self._app.template())
        widget.is_at("No imports yet")
        self._look("imports-none", widget)
        self._make()
        widget = self._in_place(self._template)
        expect(widget.text("Paused")).to_be_visible()
        expect(widget.text("Active").first).to_be_visible()
        self._look("imports", widget)
        widget.within.get_by_role("button", name="Delete").first.click()
        expect(widget.button("Keep it")).to_be_focused()
        self._look("imports-delete", widget)
        widget.press("Keep it")
        widget.within.get_by_role("button", name="History of").last.click()
        widget.is_at("History")
        self._look("history", widget)

    def session_ended(self) -> None:
        """A token that is none."""
        template = self._app.template()
        self._page.goto(self._app.page(template, "ses_none", **self._options))
        self._page.get_by_role("button", name="Import products").click()
        widget = Widget(self._page)
        expect(widget.alerts).to_be_visible()
        self._look("session-ended", widget)

    def _dialog(self, template: str, **title: str) -> Widget:
        token = self._app.session(template, self._user)
        self._page.goto(self._app.page(template, token, **self._options))
        return Widget(self._page).open(**title)

    def _in_place(self, template: str) -> Widget:
        token = self._app.session(template, self._user)
        self._page.goto(self._app.page(template, token, imports=True, **self._options))
        return Widget(self._page)

    def _make(self) -> None:
        path = f"/v1/import-jobs/{self._template}"
        for name in ("lamps", "chairs"):
            body = {
                "url": self._feeds.serve(f"/{name}.xml", SHOP),
                "externalUserId": self._user,
                "runNow": False,
                "interval": {"every": 12, "unit": "hours"},
                "mappings": [
                    {"key": "title", "path": "rss > channel > item > title"},
                    {"key": "link", "path": "rss > channel > item > link"},
                ],
            }
            made = self._app.call("POST", path, body, status=201)
        self._app.call("PUT", f"/v1/import-jobs/user/{made['_id']}/pause")
