"""What a developer asks for in a template: its columns and destinations, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.engine import make_url

from impler_pipelines.control_api.addresses import AddressCheck
from impler_pipelines.control_api.gathering import Gathered
from impler_pipelines.control_api.schemas.templates import ColumnBody, DestinationBody
from impler_pipelines.destinations.engines import check_destination_url
from impler_pipelines.destinations.names import check_table_name, default_table_name
from impler_pipelines.errors import RequestInvalid
from impler_pipelines.mapping import check_columns
from impler_pipelines.model import Column, LoadMode, SqlDestination
from impler_pipelines.store.table_claims import public_url_of
from impler_pipelines.store.templates import DestinationSpec

_PORTS = {"postgresql": 5432, "postgres": 5432, "mysql": 3306, "mariadb": 3306}


def read_columns(bodies: Sequence[ColumnBody]) -> tuple[Column, ...]:
    """The columns of a request. Raises ``RequestInvalid`` naming ``columns.<n>.<field>``."""
    columns = tuple(body.column() for body in bodies)
    check_columns(columns)
    return columns


def read_destinations(
    bodies: Sequence[DestinationBody] | None,
    *,
    template_name: str,
    stored: Sequence[SqlDestination] = (),
    check_address: AddressCheck,
) -> list[DestinationSpec]:
    """What the request asks of the store; ``stored`` is what its ``_id`` may refer to.

    Raises ``RequestInvalid`` naming ``destinations.<n>.<field>``.
    """
    default_table = default_table_name(template_name)
    if bodies is None:
        return [DestinationSpec(default_table)]
    by_id = {destination.id: destination for destination in stored}
    gathered = Gathered()
    specs: list[DestinationSpec] = []
    for index, body in enumerate(bodies):
        field = f"destinations.{index}"
        if body.id is not None and body.id not in by_id:
            gathered.add(f"{field}._id", "this template has no destination of that id")
        elif body.id is not None and body.id in {spec.id for spec in specs}:
            gathered.add(f"{field}._id", "comes twice")
        else:
            kept = by_id.get(body.id) if body.id else None
            with gathered.check(f"{field}.url"):
                specs.append(_read(body, field, default_table, kept, check_address))
    gathered.raise_any()
    return specs


def _read(
    body: DestinationBody,
    field: str,
    default_table: str,
    kept: SqlDestination | None,
    check_address: AddressCheck,
) -> DestinationSpec:
    _refuse_other_types(body, field)
    gathered = Gathered()
    for name in body.model_extra or {}:
        gathered.add(f"{field}.{name}", "is not known here")
    with gathered.check():
        if body.table is not None:
            check_table_name(body.table, f"{field}.table")
    spec = DestinationSpec(
        default_table,
        id=body.id,
        table=body.table or (kept.table if kept else None),
        mode=body.mode or (kept.mode if kept else LoadMode.UPSERT),
    )
    if kept and ("url" not in body.model_fields_set or body.url == kept.url):
        spec = replace(spec, keep_url=True)
    elif body.url is not None:
        with gathered.check(f"{field}.url"):
            spec = replace(spec, url=_checked_url(body.url, f"{field}.url", check_address))
    gathered.raise_any()
    return spec


def _refuse_other_types(body: DestinationBody, field: str) -> None:
    if body.type == "webhook":
        raise RequestInvalid.of(
            f"{field}.type",
            "this installation does not support webhook destinations yet: use 'sql'",
        )
    if body.type != "sql":
        raise RequestInvalid.of(f"{field}.type", f"must be 'sql', not {body.type!r}")


def _checked_url(url: str, field: str, check_address: AddressCheck) -> str:
    parsed = make_url(check_destination_url(url, field))
    assert parsed.host is not None  # noqa: S101  # check_destination_url has seen to it
    port = parsed.port or _PORTS[parsed.get_backend_name()]
    check_address(parsed.host, port, url=public_url_of(url) or "")
    return url
