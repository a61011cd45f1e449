"""A result, the table of results, and their file. It measures nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Result:
    """``reference`` is in the same unit: what ``name`` says after "against"; None without one."""

    name: str
    value: float
    unit: str
    reference: float | None
    command: str

    @property
    def ratio(self) -> float | None:
        """``value`` by ``reference``: for seconds and megabytes less is better, for rows more."""
        return self.value / self.reference if self.reference else None


def print_table(results: Sequence[Result]) -> None:
    """The results as a table on the terminal."""
    table = Table(title="Benchmarks", title_justify="left")
    table.add_column("what", overflow="fold", ratio=1)
    for name in ("value", "unit", "reference", "ratio"):
        table.add_column(name, justify="left" if name == "unit" else "right", no_wrap=True)
    for result in results:
        table.add_row(
            result.name,
            _shown(result.value),
            result.unit,
            _shown(result.reference),
            _shown(result.ratio),
        )
    console = Console()
    console.print(table)
    for command in dict.fromkeys(result.command for result in results):
        console.print(f"  again: {command}", highlight=False, soft_wrap=True)


def write(results: Sequence[Result], path: Path) -> None:
    """The results as a JSON list of objects; those of other commands stay as they are."""
    order = ("name", "value", "unit", "reference", "ratio", "command")
    documents = [asdict(result) | {"ratio": result.ratio} for result in results]
    content = [
        {name: _rounded(document[name]) for name in order}  # four digits are more than is known
        for document in documents
    ]
    commands = {result.command for result in results}
    before = json.loads(path.read_text()) if path.exists() else []
    content = [one for one in before if one["command"] not in commands] + content
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def update_tables(results: Sequence[Result], document: Path) -> list[str]:
    """Put the results into the rows of the document that have their names and units.

    The names of those without a row are given back.
    """
    text = document.read_text()
    absent = []
    for one in results:
        values = (_shown(one.value), one.unit, _shown(one.reference), _shown(one.ratio))
        row = rf"^\| {re.escape(one.name)} \|[^|]*\| {re.escape(one.unit)} \|.*$"
        written = f"| {one.name} | {' | '.join(values)} |"
        text, found = re.subn(row, written.replace("\\", r"\\"), text, flags=re.MULTILINE)
        if not found:
            absent.append(one.name)
    document.write_text(text)
    return absent


def _rounded(value: object) -> object:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _shown(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
