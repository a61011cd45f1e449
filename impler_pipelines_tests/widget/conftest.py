"""A real Chromium, a real stack, and between them a host application on an origin of its own.

Scripts of the widget run as they are served; nothing is intercepted. A test waits for what a person
would see, never for a time.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect

from impler_pipelines_tests.end_to_end.running_stack import RunningStack
from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.widget.chromium import find_chromium, open_browser
from impler_pipelines_tests.widget.host_app import HostApp

_PATIENCE_MS = 30_000  # of one expectation: the machine may be busy with other tests
_DESKTOP = {"width": 1280, "height": 800}


@pytest.fixture(scope="session", autouse=True)
def chromium() -> str:
    """The path of Chromium; skips where there is none, except in CI, before a stack is started."""
    program = find_chromium()
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium is installed: .ci/programs.sh chromium installs one")
        pytest.skip("install chromium to run these")
    return program


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """One browser for this worker, gone before tests of other kinds."""
    expect.set_options(timeout=_PATIENCE_MS)
    with open_browser(chromium) as browser:
        yield browser


@pytest.fixture(scope="package")
def site(browser: Browser) -> Iterator[FeedServer]:
    """Where the host app's pages come from: another origin than the widget's."""
    with FeedServer() as server:
        yield server


@pytest.fixture(scope="package")
def app(site: FeedServer, running_stack: RunningStack) -> HostApp:
    """A host app with a project of its own, whose origin may embed the widget."""
    key = running_stack.new_access_key(f"widget {secrets.token_hex(6)}")
    app = HostApp(running_stack, key, site)
    app.allow(site)
    return app


@pytest.fixture
def user() -> str:
    """A user of the host app whom nobody else acts for."""
    return f"user {secrets.token_hex(6)}"


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A person's browser with no history."""
    context = browser.new_context(viewport=_DESKTOP, locale="en-GB", timezone_id="Europe/Berlin")
    context.set_default_timeout(_PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab; fails the test if a script failed in it or a dialog of the browser opened."""
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on("dialog", lambda dialog: _refuse(dialog, faults))
    yield page
    assert not faults


def _refuse(dialog: Dialog, faults: list[str]) -> None:
    faults.append(f"dialog: {dialog.message}")
    dialog.dismiss()
