"""What a mapping must be: of the template's columns, each once, with paths that the feed has."""

from __future__ import annotations

from collections.abc import Sequence

from impler_pipelines.errors import FieldProblem, RequestInvalid
from impler_pipelines.model import Column, FieldMapping, Heading


def check_mappings(
    mappings: Sequence[FieldMapping],
    *,
    columns: Sequence[Column],
    headings: Sequence[Heading] | None,
    field: str = "mappings",
) -> None:
    """Raise ``RequestInvalid`` for unknown or repeated keys, and for paths the feed lacks.

    ``headings`` None leaves the paths unchecked.
    """
    keys = {column.key for column in columns}
    paths = None if headings is None else {heading.path for heading in headings}
    problems, seen = [], set()
    for index, mapping in enumerate(mappings):
        if mapping.key not in keys:
            problems.append(
                FieldProblem(f"{field}.{index}.key", f"the template has no column {mapping.key!r}")
            )
        elif mapping.key in seen:
            problems.append(
                FieldProblem(f"{field}.{index}.key", f"{mapping.key!r} is mapped twice")
            )
        if paths is not None and mapping.path not in paths:
            problems.append(
                FieldProblem(f"{field}.{index}.path", f"the feed has no {mapping.path!r}")
            )
        seen.add(mapping.key)
    if problems:
        raise RequestInvalid(problems)
