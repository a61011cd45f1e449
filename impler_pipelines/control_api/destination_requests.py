"""Where a developer wants a template's rows to go, tables and webhooks, checked. It stores none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from pydantic.alias_generators import to_camel
from sqlalchemy.engine import make_url

from impler_pipelines.control_api.addresses import AddressCheck
from impler_pipelines.control_api.gathering import Gathered
from impler_pipelines.control_api.schemas.project_webhook import ProjectWebhookBody
from impler_pipelines.control_api.schemas.templates import DestinationBody
from impler_pipelines.control_api.source_requests import plain_url, whole_header
from impler_pipelines.destinations.engines import check_destination_url
from impler_pipelines.destinations.names import check_table_name, default_table_name
from impler_pipelines.errors import FieldProblem, RequestInvalid, UrlRefused
from impler_pipelines.model import (
    Destination,
    LoadMode,
    SourceAuth,
    SqlDestination,
    WebhookDestination,
)
from impler_pipelines.sources.urls import SCHEMES, origin, public_url
from impler_pipelines.store.destinations import DestinationSpec, TableSpec, WebhookSpec
from impler_pipelines.store.table_claims import public_url_of

_PORTS = {"postgresql": 5432, "postgres": 5432, "mysql": 3306, "mariadb": 3306}
_HEADER_FIELDS = frozenset({"auth_header_name", "auth_header_value"})
_OPTIONS = ("chunk_size", "retry_count", "retry_interval", "include_invalid", "changes_only")
_FIELDS = {
    "sql": frozenset({"id", "type", "table", "url", "mode"}),
    "webhook": frozenset({"id", "type", "callback_url", *_HEADER_FIELDS, *_OPTIONS}),
}


def read_destinations(
    bodies: Sequence[DestinationBody] | None,
    *,
    template_name: str,
    stored: Sequence[Destination] = (),
    check_address: AddressCheck,
) -> list[DestinationSpec]:
    """What the request asks of the store; ``stored`` is what its ``_id`` may refer to.

    Raises ``RequestInvalid`` naming ``destinations.<n>.<field>``.
    """
    default_table = default_table_name(template_name)
    if bodies is None:
        return [TableSpec(default_table)]
    by_id = {destination.id: destination for destination in stored}
    gathered = Gathered()
    specs: list[DestinationSpec] = []
    for index, body in enumerate(bodies):
        field = f"destinations.{index}"
        kept = by_id.get(body.id) if body.id is not None else None
        if body.id is not None and kept is None:
            gathered.add(f"{field}._id", "this template has no destination of that id")
            continue
        if body.id is not None and body.id in {spec.id for spec in specs}:
            gathered.add(f"{field}._id", "comes twice")
            continue
        with gathered.check(_at(field, "callbackUrl" if body.type == "webhook" else "url")):
            _refuse_other_fields(body, field)
            if body.type == "webhook":
                specs.append(_webhook(body, field, kept, check_address))
            else:
                specs.append(_table(body, field, default_table, kept, check_address))
    gathered.raise_any()
    return specs


def read_project_webhook(
    body: ProjectWebhookBody, *, stored: WebhookDestination | None, check_address: AddressCheck
) -> WebhookSpec:
    """The webhook that a project asks for; what is not given stays as ``stored`` has it.

    Raises ``RequestInvalid`` naming the field.
    """
    given = body.model_dump(exclude_unset=True, by_alias=True)
    asked = DestinationBody.model_validate({"type": "webhook", **given})
    try:
        return _webhook(asked, "", stored, check_address)
    except UrlRefused as error:
        raise RequestInvalid.of("callbackUrl", str(error)) from error


def _at(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


def _refuse_other_fields(body: DestinationBody, field: str) -> None:
    if body.type not in _FIELDS:
        raise RequestInvalid.of(f"{field}.type", f"must be 'sql' or 'webhook', not {body.type!r}")
    problems = [
        FieldProblem(f"{field}.{name}", "is not known here") for name in body.model_extra or {}
    ]
    problems += [
        FieldProblem(f"{field}.{to_camel(name)}", f"is nothing that a {body.type} has")
        for name in sorted(body.model_fields_set - _FIELDS[body.type] - set(body.model_extra or {}))
    ]
    if problems:
        raise RequestInvalid(problems)


def _table(
    body: DestinationBody,
    field: str,
    default_table: str,
    stored: Destination | None,
    check_address: AddressCheck,
) -> TableSpec:
    kept = stored if isinstance(stored, SqlDestination) else None
    _refuse_another_type(stored, kept, field)
    gathered = Gathered()
    with gathered.check():
        if body.table is not None:
            check_table_name(body.table, f"{field}.table")
    spec = TableSpec(
        default_table,
        id=body.id,
        table=body.table or (kept.table if kept else None),
        mode=body.mode or (kept.mode if kept else LoadMode.UPSERT),
    )
    if kept and ("url" not in body.model_fields_set or body.url == kept.url):
        spec = replace(spec, keep_url=True)
    elif body.url is not None:
        with gathered.check(f"{field}.url"):
            spec = replace(spec, url=_checked_database(body.url, f"{field}.url", check_address))
    gathered.raise_any()
    return spec


def _webhook(
    body: DestinationBody, field: str, stored: Destination | None, check_address: AddressCheck
) -> WebhookSpec:
    """A header, once set, stays until another one or null is sent, or the URL has another origin:
    a secret that was given for one server is never sent to another."""
    kept = stored if isinstance(stored, WebhookDestination) else None
    _refuse_another_type(stored, kept, field)
    if body.callback_url is None and kept is None:
        raise RequestInvalid.of(_at(field, "callbackUrl"), "is required")
    url, from_userinfo = plain_url(body.callback_url or (kept.callback_url if kept else ""))
    _check_receiver(url, check_address)
    gathered = Gathered()
    given = None
    with gathered.check():
        given = _in_field(field, body)
    if given and from_userinfo:
        reason = "holds a user and password, and an auth header is given too: one can be sent"
        gathered.add(_at(field, "callbackUrl"), reason)
    gathered.raise_any()
    untouched = not (body.model_fields_set & _HEADER_FIELDS or from_userinfo)
    former = kept or WebhookDestination("", url, "")
    options: dict[str, Any] = {
        name: getattr(former if getattr(body, name) is None else body, name) for name in _OPTIONS
    }
    return WebhookSpec(
        callback_url=url,
        id=body.id,
        auth=given or from_userinfo,
        keep_auth=bool(kept and untouched and origin(url) == origin(kept.callback_url)),
        **options,
    )


def _in_field(field: str, body: DestinationBody) -> SourceAuth | None:
    try:
        return whole_header(body.auth_header_name, body.auth_header_value)
    except RequestInvalid as error:
        raise RequestInvalid(
            [FieldProblem(_at(field, one.field), one.message) for one in error.problems]
        ) from error


def _refuse_another_type(stored: Destination | None, kept: Destination | None, field: str) -> None:
    if stored is not None and kept is None:
        raise RequestInvalid.of(f"{field}.type", "the destination of that _id is of another type")


def _check_receiver(url: str, check_address: AddressCheck) -> None:
    parts = urlsplit(url)
    assert parts.hostname is not None  # noqa: S101  # plain_url has seen to it
    check_address(parts.hostname, parts.port or SCHEMES[parts.scheme], url=public_url(url))


def _checked_database(url: str, field: str, check_address: AddressCheck) -> str:
    parsed = make_url(check_destination_url(url, field))
    assert parsed.host is not None  # noqa: S101  # check_destination_url has seen to it
    port = parsed.port or _PORTS[parsed.get_backend_name()]
    check_address(parsed.host, port, url=public_url_of(url) or "")
    return url
