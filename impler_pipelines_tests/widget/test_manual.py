"""Templates of mode ``manual``: a file in place of a feed."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from impler_pipelines_tests.widget.host_app import HostApp
from impler_pipelines_tests.widget.widget_page import (
    CONFIRM,
    IMPORTED,
    MAP,
    RUN_LIMIT_MS,
    UPLOAD,
    Widget,
)

pytestmark = pytest.mark.timeout(500)
CSV = b"""Title;Link;Price
Lamp;https://shop.test/1;10.50
"Chair; table";https://shop.test/2;
Broken;https://shop.test/3;not a number
"""
ROWS = [("Chair; table", "https://shop.test/2", None), ("Lamp", "https://shop.test/1", 10.5)]


@pytest.mark.slow
def test_from_a_file_to_loaded_rows(app: HostApp, user: str, page: Page) -> None:
    template = app.template(mode="manual")
    page.goto(app.page(template, app.session(template, user)))
    widget = Widget(page).open(UPLOAD)
    steps = widget.within.get_by_role("navigation", name="Steps")
    expect(steps.get_by_role("button", name="Schedule")).to_have_count(0)
    widget.upload("products.csv", CSV)
    widget.is_at(MAP)
    expect(widget.column("Price")).to_have_value("Price")
    expect(widget.preview).to_contain_text("Chair; table")
    expect(widget.text("1 refused")).to_be_visible()
    widget.forward(CONFIRM)
    expect(widget.text("products.csv")).to_be_visible()
    widget.press("Import file")
    widget.heard_of("onConfirm")
    widget.is_at(IMPORTED, timeout=RUN_LIMIT_MS)
    assert app.rows(template, ["title", "link", "price"]) == ROWS

    # The next file begins with the mapping of the last one.
    widget.press("Done")
    widget.open(UPLOAD)
    widget.upload("again.csv", CSV.replace(b"Lamp", b"Light"))
    widget.is_at(MAP)
    expect(widget.column("Title")).to_have_value("Title")
    expect(widget.preview).to_contain_text("Light")


def test_a_file_that_can_t_be_read(app: HostApp, user: str, page: Page) -> None:
    template = app.template(mode="manual")
    page.goto(app.page(template, app.session(template, user)))
    widget = Widget(page).open(UPLOAD)
    widget.upload("shifted.csv", b"Title,Link\nLamp,https://shop.test/1,too,many\n")
    expect(widget.alerts).to_contain_text("The file can’t be read")
    expect(widget.button("Continue")).to_be_disabled()
    widget.upload("products.csv", CSV)
    widget.is_at(MAP)


def test_back_keeps_the_file(app: HostApp, user: str, page: Page) -> None:
    template = app.template(mode="manual")
    page.goto(app.page(template, app.session(template, user)))
    widget = Widget(page).open(UPLOAD)
    widget.upload("products.csv", CSV)
    widget.is_at(MAP)
    widget.press("Don’t map Price")
    widget.press("Back")
    widget.is_at(UPLOAD)
    expect(widget.text("products.csv was read")).to_be_visible()
    widget.forward(MAP)
    expect(widget.column("Price")).to_have_value("")
