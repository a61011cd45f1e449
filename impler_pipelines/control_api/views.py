"""The model's dataclasses as the API shows them: without secrets, times in UTC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from impler_pipelines.control_api.problems import NOT_FOR_USERS
from impler_pipelines.control_api.schemas.import_jobs import (
    ImportJobRead,
    ImportJobSummary,
    MappingRead,
)
from impler_pipelines.control_api.schemas.project_webhook import ProjectWebhookRead
from impler_pipelines.control_api.schemas.runs import RunRead
from impler_pipelines.control_api.schemas.templates import (
    TableRead,
    TemplateRead,
    WebhookRead,
)
from impler_pipelines.control_api.sessions import Session
from impler_pipelines.errors import Cause
from impler_pipelines.mapping.suggestions import suggest
from impler_pipelines.model import (
    Column,
    Destination,
    ImportJob,
    Interval,
    Run,
    SqlDestination,
    Template,
    WebhookDestination,
)
from impler_pipelines.scheduling import describe, interval_to_json
from impler_pipelines.store.import_jobs import timing_of


def template_view(template: Template) -> TemplateRead:
    """A template as the store shows it: URLs of destinations without user and password."""
    return TemplateRead(
        id=template.id,
        name=template.name,
        mode=template.mode,
        columns=list(template.columns),
        destinations=[destination_view(one) for one in template.destinations],
        created_at=template.created_at,
        updated_at=template.updated_at,
    )


def destination_view(destination: Destination) -> TableRead | WebhookRead:
    """One destination of a template: without the value of its header, user or password."""
    if isinstance(destination, SqlDestination):
        return TableRead.model_validate(destination)
    return WebhookRead.model_validate(_shown(destination))


def project_webhook_view(webhook: WebhookDestination) -> ProjectWebhookRead:
    """The webhook that gets a project's events, without the value of its header."""
    shown = _shown(webhook)
    return ProjectWebhookRead.model_validate(
        {name: shown[name] for name in ProjectWebhookRead.model_fields}
    )


def _shown(webhook: WebhookDestination) -> dict[str, Any]:
    shown = {
        **vars(webhook),
        "auth_header_name": webhook.auth.header_name if webhook.auth else None,
        "signing_secret": webhook.signing_secret or None,
    }
    del shown["auth"]
    return shown


def import_job_view(job: ImportJob, session: Session | None) -> ImportJobRead:
    """An import job with its headings, for whoever asks: see ``_fields``."""
    return ImportJobRead(**_fields(job, session), headings=list(job.headings))


def import_job_summary(job: ImportJob, session: Session | None) -> ImportJobSummary:
    """An import job as lists show it."""
    return ImportJobSummary(**_fields(job, session))


def run_view(run: Run, waits_for: str | None, session: Session | None) -> RunRead:
    """A run, with the host that it waits for; a session is shown no error that tells of more."""
    return RunRead.model_validate(run).model_copy(
        update={
            "waits_for": waits_for,
            "error": _error(run.error, run.error_internal, session),
            "error_cause": _cause(run.error_cause, run.error_internal, session),
        }
    )


def mapping_views(job: ImportJob, columns: Sequence[Column]) -> list[MappingRead]:
    """One entry for each of the template's columns, in its order."""
    mapped = {mapping.key: mapping for mapping in job.mappings}
    found = suggest(columns, job.headings, job.record_path)
    suggested = {one.key: one.path for one in found}
    return [
        MappingRead(
            key=column.key,
            name=column.name,
            is_required=column.is_required,
            path=mapping.path if (mapping := mapped.get(column.key)) else None,
            repeated=mapping.repeated if mapping else None,
            suggested_path=suggested.get(column.key),
        )
        for column in columns
    ]


def _fields(job: ImportJob, session: Session | None) -> dict[str, Any]:
    """A session is shown no ``extra``, which is between host app and destinations, and no error
    that tells of those."""
    timing = timing_of(job)
    return {
        "id": job.id,
        "template_id": job.template_id,
        "url": job.url or None,
        "file_name": job.upload.file_name if job.upload else None,
        "external_user_id": job.external_user_id,
        "extra": {} if session else job.extra,
        "record_path": job.record_path,
        "status": job.status,
        "interval": _interval(job.interval),
        "cron": job.cron,
        "timezone": job.timezone,
        "schedule_text": describe(timing) if timing else None,
        "next_run": job.next_run,
        "ends_on": job.ends_on,
        "filters": job.filters,
        "is_invalid_records": bool(job.invalid_records),
        "total_records": job.total_records,
        "valid_records": job.valid_records,
        "invalid_records": job.invalid_records,
        "consecutive_failures": job.consecutive_failures,
        "failing_since": job.failing_since,
        "last_error": _error(job.last_error, job.last_error_internal, session),
        "last_error_cause": _cause(job.last_error_cause, job.last_error_internal, session),
        "last_run": job.last_run,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
    }


def _error(error: str | None, internal: bool, session: Session | None) -> str | None:
    return NOT_FOR_USERS if session and internal and error is not None else error


def _cause(cause: Cause | None, internal: bool, session: Session | None) -> Cause | None:
    return None if session and internal else cause


def _interval(interval: Interval | None) -> dict[str, Any] | None:
    return None if interval is None else interval_to_json(interval)
