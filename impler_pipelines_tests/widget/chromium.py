"""Debian's Chromium without a window, driven by Playwright without the browsers of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright


def find_chromium() -> str | None:
    """The path of Chromium; None where it is not installed."""
    return shutil.which("chromium")


@contextmanager
def open_browser(program: str) -> Iterator[Browser]:
    """A browser. While it is open the thread has an event loop: no ``asyncio.run`` in it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        try:
            yield browser
        finally:
            browser.close()
