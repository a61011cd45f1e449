"""`headings`: what a feed holds."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from impler_pipelines.cli.output import AsJson, errors, print_table, progress_display
from impler_pipelines.errors import WebPageFound
from impler_pipelines.settings import Settings

if TYPE_CHECKING:
    from impler_pipelines.extraction import FeedReading


def headings(
    url: Annotated[str, typer.Argument(help="The feed's address.")],
    record_path: Annotated[
        str | None, typer.Option(help="The record path, where the detected one is wrong.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a feed's headings with samples, and the record path that was detected."""
    reading = _read(url, record_path)
    found = [
        {"path": h.path, "samples": list(h.samples), "count": h.count, "repeated": h.repeated}
        for h in reading.headings
    ]
    if as_json:
        document = {
            "format": reading.format,
            "recordPath": reading.record_path,
            "recordCount": reading.record_count,
            "headings": found,
            "warnings": list(reading.warnings),
        }
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    rows = [[h["path"], h["count"], "yes" if h["repeated"] else "", h["samples"]] for h in found]
    title = f"{reading.record_count} records at {reading.record_path} ({reading.format})"
    print_table(title, ["heading", "records", "repeated", "samples"], rows)
    for warning in reading.warnings:
        errors.print(f"[yellow]warning:[/] {warning}", highlight=False)


def _read(url: str, record_path: str | None) -> FeedReading:
    from impler_pipelines.extraction import read_feed
    from impler_pipelines.orchestration.limits import feed_limits, fetch_policy
    from impler_pipelines.sources import check_url, fetch, split_userinfo
    from impler_pipelines.sources.discovery import find_announced_feeds

    settings = Settings.load()
    address, auth = split_userinfo(url)
    check_url(address)
    with tempfile.TemporaryDirectory() as directory, progress_display() as progress:
        path = Path(directory) / "feed"
        fetching = progress.add_task("fetching", total=None, unit="bytes")
        with path.open("wb") as into:
            fetched = fetch(
                address,
                into,
                policy=fetch_policy(settings),
                auth=auth,
                on_progress=lambda done, total: progress.update(
                    fetching, completed=done, total=total
                ),
            )
        reading = progress.add_task("reading", total=None, unit="records")
        try:
            return read_feed(
                path,
                content_type=fetched.content_type,
                record_path=record_path,
                limits=feed_limits(settings),
                on_progress=lambda done: progress.update(reading, completed=done),
            )
        except WebPageFound:
            with path.open("rb") as page:
                announced = find_announced_feeds(page, fetched.url, fetched.content_type)
            for feed in announced:
                errors.print(f"announced: {feed.url} {feed.title}", highlight=False, markup=False)
            raise
