"""The examples run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from impler_pipelines.supervisor.ports import free_port
from impler_pipelines_tests.end_to_end.running_stack import RunningStack, until
from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.widget.feeds import SHOP
from impler_pipelines_tests.widget.widget_page import CONFIRM, MAP, SCHEDULE, Widget

EXAMPLES = Path(__file__).parents[2] / "examples"
HOST_APP = EXAMPLES / "host_app.py"
_DOCSTRING = re.compile(r'\A""".*?"""', re.DOTALL)


@pytest.fixture
def host_app(running_stack: RunningStack, user: str) -> Iterator[str]:
    """The address of the running example."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "ACCESS_KEY": running_stack.new_access_key(f"example {user}"),
        "API_URL": running_stack.api_url,
        "PORT": str(port),
    }
    process = subprocess.Popen(
        [sys.executable, str(HOST_APP)], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = until(process.stdout.readline, "the host app", 30)
        yield line.rsplit(" ", 1)[1].strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close() if process.stdout else None


def test_a_host_app_in_less_than_40_lines(
    host_app: str, page: Page, feed_server: FeedServer
) -> None:
    url = feed_server.serve("/shop.xml", SHOP)
    page.goto(host_app)
    in_place = Widget(page)
    in_place.is_at("No imports yet")
    page.get_by_role("button", name="Import products").click()
    widget = Widget(page)
    widget.within = page.get_by_role("dialog").frame_locator("iframe")
    widget.read(url)
    widget.is_at(MAP)
    widget.forward(SCHEDULE, CONFIRM)
    widget.within.get_by_role("checkbox", name="Import for the first time right away").uncheck()
    widget.press("Start importing")
    widget.is_at("Your import is set up")
    widget.press("Done")
    page.reload()
    expect(in_place.within.get_by_role("listitem")).to_have_count(1)


def test_it_is_as_short_as_it_says() -> None:
    text = _DOCSTRING.sub("", HOST_APP.read_text())
    assert len([line for line in text.splitlines() if line.strip()]) < 40
