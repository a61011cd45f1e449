"""What is told of an import job in the log. It changes none.

Lines carry ids and states: no address beyond the feed's host, no user, nothing of ``extra``.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from impler_pipelines import logs
from impler_pipelines.model import ImportJob


def tell(event: str, job: ImportJob, **fields: Any) -> ImportJob:
    """Tell of a change to an import job, within its transaction; returns the import job."""
    logs.note(
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
