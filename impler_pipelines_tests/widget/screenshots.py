"""Pictures of every step: ``python -m impler_pipelines_tests.widget.screenshots FOLDER``.

On a stack of its own, in Chromium: desktop and phone, light and dark.
"""

from __future__ import annotations

import secrets
import sys
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize

from impler_pipelines.supervisor.ports import free_port
from impler_pipelines_tests.end_to_end.running_stack import (
    RunningStack,
    stack_in_a_temporary_home,
)
from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.widget.chromium import find_chromium, open_browser
from impler_pipelines_tests.widget.host_app import HostApp
from impler_pipelines_tests.widget.walk import Walk
from impler_pipelines_tests.widget.widget_page import Widget

SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 860},
    "phone": {"width": 390, "height": 844},
}
SHADES = {"light": "#f6f7f9", "dark": "#111418"}


class Camera:
    """Takes one PNG for each thing to see, in the order of the walk."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self._folder, self._prefix, self._taken = folder, prefix, 0

    def __call__(self, name: str, widget: Widget) -> None:
        self._taken += 1
        path = self._folder / f"{self._prefix}-{self._taken:02}-{name}.png"
        widget.page.screenshot(path=path, animations="disabled", full_page=True)
        print(path, flush=True)


def take_all(stack: RunningStack, browser: Browser, folder: Path) -> None:
    """Walk through the widget once for each size and shade; pictures there are overwritten."""
    with FeedServer() as site, FeedServer() as feeds:
        app = HostApp(stack, stack.new_access_key("screenshots"), site)
        app.allow(site)
        for (size, viewport), (shade, background) in product(SIZES.items(), SHADES.items()):
            context = browser.new_context(viewport=viewport, timezone_id="Europe/Berlin")
            camera = Camera(folder, f"{size}-{shade}")
            look = {"theme": shade, "background": background}
            user = f"user {secrets.token_hex(6)}"
            walk = Walk(app, user, feeds, context.new_page(), camera, **look)
            walk.steps()
            walk.outcome()
            walk.manual()
            walk.imports()
            walk.session_ended()
            context.close()


def main() -> None:
    """Start a stack, take the pictures, stop it."""
    program = find_chromium()
    if program is None:
        sys.exit("no Chromium is installed: .ci/programs.sh chromium installs one")
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    with stack_in_a_temporary_home(free_port(), free_port(), rows_in_store=True) as stack:
        stack.start()
        with open_browser(program) as browser:
            take_all(stack, browser, folder)
        stack.stop()


if __name__ == "__main__":
    main()
