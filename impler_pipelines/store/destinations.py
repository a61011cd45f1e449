"""A template's destinations: asked for, stored, read. Which table is whose is ``table_claims``'.

Secrets are sealed. Tables' URLs are read without user and password, so that templates can be read
without the key, unless a webhook's signing secret is to be shown; only ``destinations_of``, for
runs, opens all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select

from impler_pipelines.errors import RequestInvalid, SecretUnreadable
from impler_pipelines.model import (
    Destination,
    LoadMode,
    SourceAuth,
    SqlDestination,
    WebhookDestination,
)
from impler_pipelines.store.engine import new_id
from impler_pipelines.store.secrets import SecretBox, new_signing_secret
from impler_pipelines.store.table_claims import TableClaims, public_url_of
from impler_pipelines.store.tables import destinations

_SQL, _WEBHOOK = "sql", "webhook"
_OPTIONS = ("chunk_size", "retry_count", "retry_interval", "include_invalid", "changes_only")


@dataclass(frozen=True)
class TableSpec:
    """A table as a developer asks for it.

    ``table`` None takes ``default_table``, with a suffix where that is taken. ``keep_url`` keeps
    the stored URL of the destination ``id``, which is never returned and so can't be sent back.
    """

    default_table: str
    id: str | None = None
    table: str | None = None
    mode: LoadMode = LoadMode.UPSERT
    url: str | None = None
    keep_url: bool = False


@dataclass(frozen=True)
class WebhookSpec:
    """A webhook as a developer asks for it; the signing secret is made here.

    ``callback_url`` is without userinfo. With ``id`` the destination keeps its secret, and with
    ``keep_auth`` its header.
    """

    callback_url: str
    chunk_size: int
    retry_count: int
    retry_interval: float
    include_invalid: bool
    changes_only: bool
    id: str | None = None
    auth: SourceAuth | None = None
    keep_auth: bool = False


DestinationSpec = TableSpec | WebhookSpec


def replace_destinations(
    connection: Connection,
    box: SecretBox,
    *,
    template_id: str,
    project_id: str,
    specs: Sequence[DestinationSpec],
) -> None:
    """Give the template these destinations, in order; those with an ``id`` it must have already.

    Raises ``RequestInvalid`` for an unknown id, and for a table that another template owns.
    """
    stored = {row.id: row for row in _rows(connection, [template_id])}
    connection.execute(delete(destinations).where(destinations.c.template_id == template_id))
    claims = TableClaims(connection, template_id=template_id, project_id=project_id)
    for position, spec in enumerate(specs):
        field = f"destinations.{position}"
        kept = stored.get(spec.id) if spec.id else None
        kind = _WEBHOOK if isinstance(spec, WebhookSpec) else _SQL
        if spec.id is not None and (kept is None or kept.type != kind):
            raise RequestInvalid.of(f"{field}._id", "this template has no destination of that id")
        values = (
            webhook_values(box, spec, kept)
            if isinstance(spec, WebhookSpec)
            else _table_values(box, spec, kept, claims, field)
        )
        connection.execute(
            insert(destinations).values(
                id=spec.id or new_id(),
                template_id=template_id,
                position=position,
                type=kind,
                **values,
            )
        )


def destinations_of(
    connection: Connection, box: SecretBox, template_id: str
) -> tuple[Destination, ...]:
    """The template's destinations in order, with all secrets. Raises ``SecretUnreadable``."""
    found: list[Destination] = []
    for row in _rows(connection, [template_id]):
        one = _read(row, box)
        if isinstance(one, SqlDestination) and row.url_secret:
            one = replace(one, url=box.open(row.url_secret, what="URL of the destination"))
        found.append(one)
    return tuple(found)


def shown_destinations(
    connection: Connection, box: SecretBox, template_ids: Sequence[str]
) -> dict[str, tuple[Destination, ...]]:
    """Destinations as they may be shown to their project, by template.

    URLs of databases hold neither user nor password; webhooks have their signing secret, or an
    empty one where the present key does not open it: the template can still be read and changed.
    """
    found: dict[str, tuple[Destination, ...]] = dict.fromkeys(template_ids, ())
    for row in _rows(connection, template_ids):
        one = shown_webhook(row, box) if row.type == _WEBHOOK else _table(row)
        found[row.template_id] += (one,)
    return found


def shown_webhook(row: Row[Any], box: SecretBox) -> WebhookDestination:
    """A webhook as it may be shown: with its signing secret, or an empty one where the present key
    does not open it."""
    try:
        return _webhook(row, box)
    except SecretUnreadable:
        return _webhook_of(row, signing_secret="", auth=None)


def public_tables(
    connection: Connection, template_ids: Select[tuple[str]]
) -> dict[str, tuple[SqlDestination, ...]]:
    """The tables of many templates in order; their URLs hold neither user nor password."""
    query = select(destinations).where(
        destinations.c.template_id.in_(template_ids), destinations.c.type == _SQL
    )
    found: dict[str, tuple[SqlDestination, ...]] = {}
    for row in connection.execute(query.order_by(destinations.c.position)):
        found[row.template_id] = (*found.get(row.template_id, ()), _table(row))
    return found


def find_webhook(
    connection: Connection, box: SecretBox, destination_id: str
) -> WebhookDestination | None:
    """A webhook with its secrets, or None where it is gone. Raises ``SecretUnreadable``."""
    row = connection.execute(
        select(destinations).where(
            destinations.c.id == destination_id, destinations.c.type == _WEBHOOK
        )
    ).one_or_none()
    return None if row is None else _webhook(row, box)


def webhook_values(box: SecretBox, spec: WebhookSpec, kept: Row[Any] | None) -> dict[str, Any]:
    """A webhook's columns; one that is ``kept`` keeps its signing secret."""
    auth_secret = box.seal_auth(spec.auth) if spec.auth else None
    return {
        "public_url": spec.callback_url,
        "options": {name: getattr(spec, name) for name in _OPTIONS},
        "auth_secret": kept.auth_secret if kept and spec.keep_auth else auth_secret,
        "signing_secret": kept.signing_secret if kept else box.seal(new_signing_secret()),
    }


def _rows(connection: Connection, template_ids: Sequence[str]) -> Sequence[Row[Any]]:
    query = select(destinations).where(destinations.c.template_id.in_(template_ids))
    return connection.execute(query.order_by(destinations.c.position)).all()


def _read(row: Row[Any], box: SecretBox) -> Destination:
    return _webhook(row, box) if row.type == _WEBHOOK else _table(row)


def _table(row: Row[Any]) -> SqlDestination:
    return SqlDestination(row.id, row.table_name, LoadMode(row.mode), row.public_url)


def _webhook(row: Row[Any], box: SecretBox) -> WebhookDestination:
    return _webhook_of(
        row,
        signing_secret=box.open(row.signing_secret, what="signing secret of the webhook"),
        auth=box.open_auth(row.auth_secret) if row.auth_secret else None,
    )


def _webhook_of(
    row: Row[Any], *, signing_secret: str, auth: SourceAuth | None
) -> WebhookDestination:
    return WebhookDestination(
        id=row.id,
        callback_url=row.public_url,
        signing_secret=signing_secret,
        auth=auth,
        **{name: row.options[name] for name in _OPTIONS},
    )


def _table_values(
    box: SecretBox, spec: TableSpec, kept: Row[Any] | None, claims: TableClaims, field: str
) -> dict[str, Any]:
    keeping = kept if spec.keep_url else None
    public_url = keeping.public_url if keeping else public_url_of(spec.url)
    return {
        "table_name": claims.claim(
            public_url, spec.table, default=spec.default_table, field=f"{field}.table"
        ),
        "mode": spec.mode,
        "url_secret": keeping.url_secret if keeping else box.seal(spec.url) if spec.url else None,
        "public_url": public_url,
    }
