"""Whose widget it is: users, tokens that are none, and pages that may not embed it."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from dataclasses import replace

import requests
from playwright.sync_api import BrowserContext, Page, expect

from impler_pipelines.control_api.sessions import SessionTokens
from impler_pipelines.settings import Settings
from impler_pipelines.store.secrets import secret_box
from impler_pipelines_tests.end_to_end.running_stack import CLI, RunningStack
from impler_pipelines_tests.end_to_end.shop import NOT_DUE
from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.widget.feeds import SHOP
from impler_pipelines_tests.widget.host_app import HostApp
from impler_pipelines_tests.widget.widget_page import CONFIGURE, MAP, Widget

ENDED = "Your session has ended."


def expired(stack: RunningStack, token: str) -> str:
    """The same session, an hour after its end."""
    tokens = SessionTokens(secret_box(Settings(home=stack.home), "sessions"))
    session = tokens.read(token)
    assert session is not None
    return tokens.write(
        replace(session, expires_at=dt.datetime.now(dt.UTC) - dt.timedelta(hours=1))
    )


def tampered(token: str) -> str:
    """The same token with one character changed."""
    middle = len(token) // 2
    changed = "A" if token[middle] != "A" else "B"
    return token[:middle] + changed + token[middle + 1 :]


def test_two_users_never_see_each_other_s_imports(
    app: HostApp, user: str, context: BrowserContext, feed_server: FeedServer
) -> None:
    template = app.template()
    jobs = {}
    for name in ("ann", "bob"):
        url = feed_server.serve(f"/{name}.xml", SHOP)
        body = {"url": url, "externalUserId": f"{user} {name}", "runNow": False}
        body["mappings"] = [{"key": "title", "path": "rss > channel > item > title"}]
        body["mappings"] += [{"key": "link", "path": "rss > channel > item > link"}]
        path = f"/v1/import-jobs/{template}"
        jobs[name] = app.call("POST", path, body | {"interval": NOT_DUE}, status=201)
    for name, other in (("ann", "bob"), ("bob", "ann")):
        token = app.session(template, f"{user} {name}")
        page = context.new_page()
        page.goto(app.page(template, token, imports=True))
        widget = Widget(page)
        expect(widget.within.get_by_role("link", name=f"{name}.xml")).to_be_visible()
        expect(widget.within.get_by_role("link")).to_have_count(1)
        asked = requests.get(
            f"{app.stack.api_url}/v1/import-jobs/{jobs[other]['_id']}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
        assert asked.status_code == 404


def test_a_tampered_token(app: HostApp, user: str, page: Page) -> None:
    template = app.template()
    page.goto(app.page(template, tampered(app.session(template, user))))
    page.get_by_role("button", name="Import products").click()
    widget = Widget(page)
    expect(widget.alerts).to_contain_text(ENDED)
    widget.heard_of("onSessionExpired")
    expect(widget.within.get_by_role("heading", name=CONFIGURE)).to_have_count(0)


def test_an_expired_token_without_a_new_one(app: HostApp, user: str, page: Page) -> None:
    template = app.template()
    page.goto(app.page(template, expired(app.stack, app.session(template, user))))
    page.get_by_role("button", name="Import products").click()
    widget = Widget(page)
    expect(widget.alerts).to_contain_text(ENDED)
    widget.heard_of("onSessionExpired")


def test_an_expired_token_is_renewed_by_the_host_app(
    app: HostApp, user: str, page: Page, feed_server: FeedServer
) -> None:
    template, url = app.template(), feed_server.serve("/shop.xml", SHOP)
    fresh = app.session(template, user)
    page.goto(app.page(template, expired(app.stack, fresh)))
    page.evaluate(
        """token => {
          options.onSessionExpired = async () => { heard.push(['asked', null]); return token };
        }""",
        fresh,
    )
    widget = Widget(page).open()
    widget.read(url)
    widget.is_at(MAP)
    widget.heard_of("asked")


def test_a_host_app_whose_tokens_are_of_no_use_is_asked_once(
    app: HostApp, user: str, page: Page
) -> None:
    """Each is another one, so that none is taken for the last."""
    template = app.template()
    page.goto(app.page(template, "ses_none"))
    page.evaluate(
        """() => {
          options.onSessionExpired = () => {
            heard.push(['asked', null]);
            return `ses_${heard.length}`;
          };
        }"""
    )
    page.get_by_role("button", name="Import products").click()
    widget = Widget(page)
    expect(widget.alerts).to_contain_text(ENDED)
    widget.heard_of("asked")


def test_a_session_that_ends_meanwhile_leaves_what_was_entered(
    app: HostApp, user: str, page: Page, feed_server: FeedServer, site: FeedServer
) -> None:
    """Its access key is revoked; the host app has another one."""
    stack = app.stack
    project = f"ending {user}"
    former = HostApp(stack, stack.new_access_key(project), site)
    former.allow(site)
    template, url = former.template(), feed_server.serve("/shop.xml", SHOP)
    page.goto(former.page(template, former.session(template, user)))
    widget = Widget(page).open()
    widget.address.fill(url)

    ids = json.loads(_cli(stack, "keys", "list", "--project", project, "--json"))
    later = HostApp(stack, stack.new_access_key(project), site)
    _cli(stack, "keys", "revoke", ids[0]["id"])
    widget.press("Read feed")
    expect(widget.alerts).to_contain_text(ENDED)
    expect(widget.address).to_have_value(url)

    page.evaluate(
        "token => { options.onSessionExpired = () => token }", later.session(template, user)
    )
    widget.press("Close")
    widget.open()
    expect(widget.address).to_have_value(url)
    widget.press("Read feed")
    widget.is_at(MAP)


def test_a_token_of_another_project_is_of_no_use_for_this_template(
    app: HostApp, user: str, page: Page, site: FeedServer
) -> None:
    """What the page shows is what the token is for, never the template that the page names."""
    other = HostApp(app.stack, app.stack.new_access_key(f"other {user}"), site)
    other.allow(site)
    theirs = other.template([{"key": "secret", "name": "Their secret column", "type": "String"}])
    mine = app.template()
    page.goto(app.page(theirs, app.session(mine, user)))
    page.get_by_role("button", name="Import products").click()
    widget = Widget(page)
    widget.is_at(CONFIGURE)
    assert "Their secret column" not in widget.frame().content()


def test_the_token_stands_in_no_address(app: HostApp, user: str, page: Page) -> None:
    template = app.template()
    token = app.session(template, user)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(app.page(template, token))
    Widget(page).open()
    assert any("/v1/session" in url for url in asked)
    assert not any(token in url or "ses_" in url for url in asked)


def _is_blocked(page: Page) -> None:
    """The browser asks for the widget and shows none of it."""
    with page.expect_event("requestfailed", lambda asked: "/widget/" in asked.url) as failed:
        page.get_by_role("button", name="Import products").click()
    assert failed.value.failure == "net::ERR_BLOCKED_BY_RESPONSE"


class TestOrigins:
    def test_a_page_of_another_origin_is_refused_by_the_browser(
        self, app: HostApp, user: str, page: Page
    ) -> None:
        template = app.template()
        with FeedServer() as elsewhere:
            page.goto(app.page(template, app.session(template, user), site=elsewhere))
            with page.expect_console_message(lambda said: "frame-ancestors" in said.text):
                _is_blocked(page)
        assert Widget(page).heard() == []

    def test_an_origin_that_is_taken_away_is_refused(
        self, app: HostApp, user: str, page: Page, site: FeedServer
    ) -> None:
        stack = app.stack
        mine = HostApp(stack, stack.new_access_key(f"origins {user}"), site)
        template = mine.template()
        address = mine.page(template, mine.session(template, user))
        mine.allow(site)
        page.goto(address)
        Widget(page).open()
        mine.allow()
        page.goto(address)
        _is_blocked(page)

    def test_a_widget_that_does_not_start_is_told_as_one_that_does_not_load(
        self, app: HostApp, page: Page, site: FeedServer
    ) -> None:
        """Browsers let a page of https show what may be shown by http; the widget does not start.

        Here it is one that says no more than that it is there.
        """
        script = requests.get(f"{app.stack.api_url}/embed.js", timeout=30).text
        site.serve("/embed.js", script, content_type="text/javascript")
        ready = "<script>parent.postMessage({impler: 1, type: 'ready'}, '*')</script>"
        site.serve("/widget/1", ready, content_type="text/html")
        show = "ImplerPipelines.show({templateId: '1', sessionToken: 'ses_1'})"
        host = f"<script src='/embed.js'></script><body><script>{show}</script>"
        page.clock.install()
        page.goto(site.serve("/silent", host, content_type="text/html"))
        expect(page.get_by_role("dialog")).to_be_visible()
        page.clock.run_for(16_000)
        expect(page.get_by_role("alert")).to_contain_text("could not be loaded")

    def test_messages_of_other_windows_are_ignored(
        self, app: HostApp, user: str, page: Page
    ) -> None:
        """A frame beside it in the same page pretends to be the widget."""
        template = app.template()
        page.goto(app.page(template, app.session(template, user)))
        widget = Widget(page).open()
        page.evaluate(
            """() => new Promise(done => {
              const frame = document.createElement('iframe');
              frame.srcdoc = `<script>
                for (const type of ['confirmed', 'closed', 'session-expired'])
                  parent.postMessage({impler: 1, type, importJob: {_id: 'forged'}}, '*');
                parent.postMessage('sent', '*');
              </script>`;
              addEventListener('message', event => event.data === 'sent' && done());
              document.body.append(frame);
            })"""
        )
        expect(page.locator("iframe").first).to_be_visible()
        assert widget.heard() == []
        page.evaluate("document.querySelector('body > iframe').remove()")
        widget.is_at(CONFIGURE)


def _cli(stack: RunningStack, *arguments: str) -> str:
    return subprocess.run(
        [CLI, *arguments],
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
