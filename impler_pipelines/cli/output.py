"""What the command line prints: tables, JSON, progress, errors."""

from __future__ import annotations

import dataclasses
import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from rich.progress import Progress

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
console = Console()
errors = Console(stderr=True)


def print_table(title: str, header: list[str], rows: list[list[Any]]) -> None:
    """A table with a title; lists in cells are shown line by line, times to the minute."""
    table = Table(title=title, title_justify="left")
    for name in header:
        table.add_column(name, overflow="fold", no_wrap=name == "id")
    for row in rows:
        table.add_row(*[_cell(value) for value in row])
    console.print(table)


def _cell(value: Any) -> str:
    from rich.markup import escape

    if value is None:
        return ""
    if isinstance(value, list):
        return "\n".join(escape(sample[:60]) for sample in value)
    return escape(f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "strftime") else str(value))


def plain_json(record: Any) -> dict[str, Any]:
    """A record of the store as the API would show it: camelCase names, times in UTC."""
    from pydantic.alias_generators import to_camel

    return {
        to_camel(name): _json_value(value) for name, value in dataclasses.asdict(record).items()
    }


def _json_value(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, dict):
        return {name: _json_value(inner) for name, inner in value.items()}
    return value


@contextmanager
def progress_display() -> Iterator[Progress]:
    """A progress display on a terminal; silent where the output is not one."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description:16}"),
        TextColumn("{task.completed:,} {task.fields[unit]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, disable=not sys.stderr.isatty()) as progress:
        yield progress


def fail(message: str, *, status: int = 1) -> NoReturn:
    """Leave with one line on standard error."""
    errors.print(f"[red]error:[/] {message}", highlight=False, soft_wrap=True)
    raise SystemExit(status)
