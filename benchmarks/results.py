"""A result, the table of results, and their file. It measures nothing."""

from __future__ import annotations

import json
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


def write_table(results: Sequence[Result], document: Path, name: str) -> None:
    """The results as a table between the marks ``<!-- name -->`` and ``<!-- /name -->``."""
    lines = ["| what | value | unit | reference | ratio |", "|---|--:|---|--:|--:|"]
    for one in results:
        shown = (_shown(one.value), one.unit, _shown(one.reference), _shown(one.ratio))
        lines.append(f"| {one.name} | {' | '.join(shown)} |")
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, _, rest = document.read_text().partition(begin)
    after = rest.partition(end)[2]
    table = "\n".join(lines)
    document.write_text(f"{before}{begin}\n{table}\n{end}{after}")


def _rounded(value: object) -> object:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _shown(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
