"""What a developer asks for in a template's columns, checked."""

from __future__ import annotations

from collections.abc import Sequence

from impler_pipelines.control_api.schemas.templates import ColumnBody
from impler_pipelines.mapping import check_columns
from impler_pipelines.model import Column


def read_columns(bodies: Sequence[ColumnBody]) -> tuple[Column, ...]:
    """The columns of a request. Raises ``RequestInvalid`` naming ``columns.<n>.<field>``."""
    columns = tuple(body.column() for body in bodies)
    check_columns(columns)
    return columns
