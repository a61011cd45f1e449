"""What is told of an import job, in the log and in the audit log. It changes none.

Lines carry ids and states: no address beyond the feed's host, no user, nothing of ``extra``.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection

from impler_pipelines.model import ImportJob
from impler_pipelines.store import audit


def tell(connection: Connection, event: str, job: ImportJob, **fields: Any) -> ImportJob:
    """Tell of a change to an import job, within its transaction; returns the import job."""
    audit.tell(
        connection,
        event,
        import_job_id=job.id,
        project_id=job.project_id,
        template_id=job.template_id,
        status=job.status,
        next_run=job.next_run,
        **fields,
    )
    return job


def host_of(url: str) -> str | None:
    """The host that a feed is fetched from."""
    return urlsplit(url).hostname
