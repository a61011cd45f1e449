"""What a project is told of its import jobs: its webhook, and the events left for it.

The webhook is a destination of the project instead of a template's, and an event is a page of its
own kind: the same outbox, retries and dead letters.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from impler_pipelines.errors import NotFound
from impler_pipelines.model import PageStatus, WebhookDestination
from impler_pipelines.store import audit
from impler_pipelines.store.codec import storable
from impler_pipelines.store.destinations import (
    WebhookSpec,
    shown_webhook,
    webhook_values,
)
from impler_pipelines.store.engine import new_id
from impler_pipelines.store.secrets import SecretBox
from impler_pipelines.store.tables import destinations, projects, webhook_pages


def project_webhook(
    connection: Connection, box: SecretBox, project_id: str
) -> WebhookDestination | None:
    """The project's webhook as it may be shown, or None."""
    row = _row(connection, project_id)
    return None if row is None else shown_webhook(row, box)


def set_project_webhook(
    connection: Connection, box: SecretBox, project_id: str, spec: WebhookSpec
) -> WebhookDestination:
    """Give the project this webhook; one that it has keeps its id and signing secret."""
    connection.execute(
        select(projects.c.id).where(projects.c.id == project_id).with_for_update(key_share=True)
    )
    kept = _row(connection, project_id)
    values = webhook_values(box, spec, kept)
    if kept is None:
        connection.execute(
            insert(destinations).values(
                id=new_id(), project_id=project_id, position=0, type="webhook", **values
            )
        )
    else:
        connection.execute(
            update(destinations).where(destinations.c.id == kept.id).values(**values)
        )
    row = _row(connection, project_id)
    assert row is not None  # noqa: S101  # it was just written
    audit.tell(connection, "project_webhook.set", project_id=project_id, destination_id=row.id)
    return shown_webhook(row, box)


def remove_project_webhook(
    connection: Connection, box: SecretBox, project_id: str
) -> WebhookDestination:
    """Take the webhook away; what waits for it is given up. Raises ``NotFound``."""
    removed = delete(destinations).where(destinations.c.project_id == project_id)
    row = connection.execute(removed.returning(destinations)).one_or_none()
    if row is None:
        raise NotFound("webhook of the project", project_id)
    audit.tell(connection, "project_webhook.removed", project_id=project_id, destination_id=row.id)
    return shown_webhook(row, box)


def leave_event(
    connection: Connection, event: str, job: Row[Any], run_id: str, *, now: dt.datetime
) -> None:
    """Leave an event of an import job, caused by a run, for the project's webhook, if it has one.

    ``job`` is the import job's whole row after the change.
    """
    webhook = _row(connection, job.project_id)
    if webhook is None:
        return
    connection.execute(
        insert(webhook_pages).values(
            id=f"msg_{new_id()}",
            event=event,
            template_id=job.template_id,
            destination_id=webhook.id,
            import_job_id=job.id,
            run_id=run_id,
            page=1,
            total_pages=1,
            total_records=0,
            records=0,
            is_invalid=False,
            chunk_size=1,
            extra=storable(job.extra),
            data=json.dumps(_told(job, run_id), ensure_ascii=False).encode(errors="replace"),
            status=PageStatus.WAITING,
            next_attempt_at=now,
            created_at=now,
        )
    )


def _told(job: Row[Any], run_id: str) -> dict[str, Any]:
    return {
        "importJobId": job.id,
        "templateId": job.template_id,
        "externalUserId": job.external_user_id,
        "extra": job.extra,
        "runId": run_id,
        "status": job.status,
        "consecutiveFailures": job.consecutive_failures,
        "failingSince": _moment(job.failing_since),
        "lastError": job.last_error,
        "nextRun": _moment(job.next_run),
    }


def _moment(at: dt.datetime | None) -> str | None:
    return None if at is None else at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def _row(connection: Connection, project_id: str) -> Row[Any] | None:
    query = select(destinations).where(destinations.c.project_id == project_id)
    return connection.execute(query).one_or_none()
