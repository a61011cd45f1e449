"""What a run reads by import job id at run time, secrets included; so an edit needs no reload."""

from __future__ import annotations

import hashlib
import json

from sqlalchemy import Connection, select

from impler_pipelines.errors import NotFound
from impler_pipelines.model import ImportPlan, SourceAuth, SqlDestination, WebhookDestination
from impler_pipelines.store.codec import COLUMNS, FEED_STATE, FILTERS, MAPPINGS
from impler_pipelines.store.destinations import destinations_of
from impler_pipelines.store.secrets import SecretBox
from impler_pipelines.store.tables import import_jobs, templates


def load_plan(
    connection: Connection, box: SecretBox, job_id: str, *, default_destination: str = ""
) -> ImportPlan:
    """All that a run of the import job needs. Raises ``NotFound``, ``SecretUnreadable``.

    ``default_destination`` names the database that destinations without a URL are in, without
    secrets: rows that another one holds are not there.
    """
    row = connection.execute(
        select(
            *(c for c in import_jobs.c if c is not import_jobs.c.headings),
            templates.c.columns.label("template_columns"),
        )
        .join(templates, templates.c.id == import_jobs.c.template_id)
        .where(import_jobs.c.id == job_id)
    ).one_or_none()
    if row is None:
        raise NotFound("import job", job_id)
    destinations = destinations_of(connection, box, row.template_id)
    return ImportPlan(
        import_job_id=row.id,
        project_id=row.project_id,
        template_id=row.template_id,
        external_user_id=row.external_user_id,
        url=row.url,
        auth=box.open_auth(row.auth_secret) if row.auth_secret else None,
        extra=row.extra,
        record_path=row.record_path,
        mappings=MAPPINGS.validate_python(row.mappings),
        columns=COLUMNS.validate_python(row.template_columns),
        filters=FILTERS.validate_python(row.filters),
        destinations=destinations,
        feed_state=FEED_STATE.validate_python(row.feed_state),
        loaded_rows=bool(row.valid_records),
        failing=row.consecutive_failures > 0,
        fingerprint=_fingerprint(
            row.url,
            # As it is sealed, which is no secret: another login may be shown other records.
            row.auth_secret.hex() if row.auth_secret else None,
            row.record_path,
            row.mappings,
            row.filters,
            row.template_columns,
            destinations,
            default_destination,
        ),
    )


def stored_auth(connection: Connection, box: SecretBox, job_id: str) -> SourceAuth | None:
    """The header that is sent to the import job's source. Raises ``SecretUnreadable``."""
    sealed = connection.scalar(select(import_jobs.c.auth_secret).where(import_jobs.c.id == job_id))
    return box.open_auth(sealed) if sealed else None


def _fingerprint(*parts: object) -> str:
    """A digest of everything that the rows depend on besides the feed's bytes.

    The URL is part of it: validators of one resource mean nothing for another (RFC 9110, 8.8.3).
    """

    def plain(value: object) -> object:
        if isinstance(value, SqlDestination):
            return [value.table, value.mode, value.url]
        if isinstance(value, WebhookDestination):
            return [value.id, value.include_invalid, value.changes_only]
        raise TypeError(f"not part of a fingerprint: {value!r}")

    text = json.dumps(parts, sort_keys=True, default=plain)
    return hashlib.sha256(text.encode()).hexdigest()
