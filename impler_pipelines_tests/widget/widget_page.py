"""The widget as a person sees it: found by roles and names, in English unless said otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from playwright.sync_api import FilePayload, Frame, Locator, Page, expect

CONFIGURE = "Where does your data come from?"
UPLOAD = "Which file do you want to import?"
MAP = "What belongs where?"
SCHEDULE = "How often shall it be imported?"
CONFIRM = "Is everything right?"
IMPORTED = "Done: your data is in"
RUN_LIMIT_MS = 240_000  # of a run on a busy machine


class Widget:
    """The widget in a page of the host app; there is one frame, in a dialog or in place."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.within = page.frame_locator("iframe")

    def open(self, title: str = CONFIGURE) -> Widget:
        """Press the host app's button, and wait for the step of that title."""
        self.page.get_by_role("button", name="Import products").click()
        self.is_at(title)
        return self

    def is_at(self, title: str, **patience: float) -> None:
        """Wait for the heading of that name."""
        expect(self.within.get_by_role("heading", name=title, exact=True)).to_be_visible(**patience)

    def frame(self) -> Frame:
        """The document inside, for what no person does: measuring, looking into storage."""
        handle = self.page.locator("iframe").element_handle()
        assert handle is not None
        frame = handle.content_frame()
        assert frame is not None
        return frame

    def button(self, name: str) -> Locator:
        return self.within.get_by_role("button", name=name, exact=True)

    def press(self, name: str) -> None:
        self.button(name).click()

    def text(self, text: str) -> Locator:
        return self.within.get_by_text(text, exact=True)

    @property
    def address(self) -> Locator:
        return self.within.get_by_role("textbox", name="Feed URL")

    @property
    def alerts(self) -> Locator:
        return self.within.get_by_role("alert")

    def read(self, url: str) -> None:
        """Step 1: give the feed's address."""
        self.address.fill(url)
        self.press("Read feed")

    def upload(self, name: str, content: bytes) -> None:
        """Step 1 of manual mode: choose a file."""
        with self.page.expect_file_chooser() as chooser:
            self.button("Choose a file").first.click()
        file: FilePayload = {"name": name, "mimeType": "text/csv", "buffer": content}
        chooser.value.set_files([file])

    def column(self, name: str) -> Locator:
        """The field that says where a column comes from; its value is the heading's path."""
        return self.within.get_by_role("combobox", name=name, exact=True)

    def map(self, column: str, words: str) -> None:
        """Step 2: search for a heading and take the first that is found."""
        self.column(column).click()
        self.column(column).fill(words)
        self.within.get_by_role("option").first.click()

    @property
    def preview(self) -> Locator:
        return self.within.get_by_role("region", name="Preview", exact=True).get_by_role("table")

    def every(self, number: int, unit: str) -> None:
        """Step 3: ``unit`` as it is called with that number."""
        self.within.get_by_role("spinbutton", name="Every").fill(str(number))
        self.within.get_by_role("combobox", name="Unit of time").select_option(label=unit)

    def forward(self, *titles: str) -> None:
        """Press Continue, once for each step of these titles."""
        for title in titles:
            self.press("Continue")
            self.is_at(title)

    def heard(self) -> list[tuple[str, Any]]:
        """Which callbacks of the host app were called, with what."""
        return [(name, told) for name, told in self.page.evaluate("heard")]

    def heard_of(self, *names: str) -> None:
        """Wait until these callbacks were called, in this order, and no others."""
        expected: Sequence[str] = list(names)
        self.page.wait_for_function(
            "names => JSON.stringify(heard.map(([name]) => name)) === JSON.stringify(names)",
            arg=expected,
        )
