"""Names and tags that Dagster and the store share. It builds strings and reads them, no more."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

LOCATION = "impler_pipelines"
REPOSITORY = "imports"
SYNC_SENSOR = "sync_import_jobs"
SWEEP_SENSOR = "sweep_history"
SEND_SENSOR = "send_webhooks"
FAILURE_SENSOR = "tell_operators"
MANUAL_JOB = "manual_import"

RUN_ID_TAG = "impler/run_id"
IMPORT_JOB_TAG = "impler/import_job_id"
EXTERNAL_USER_TAG = "impler/external_user_id"
TEMPLATE_TAG = "impler/template_id"
FEED_HOST_TAG = "impler/feed_host"
# Of a Dagster run that has not fetched yet: dagster.yaml lets one for each host be under way.
FETCHING_HOST_TAG = "impler/fetching_host"
REQUEST_ID_TAG = "impler/request_id"
ASKED_BY_TAG = "impler/asked_by"
ACCESS_KEY_TAG = "impler/access_key_id"
TRIGGER_TAG = "impler/trigger"
MAX_RUNTIME_TAG = "dagster/max_runtime"  # seconds; Dagster's monitoring stops what runs longer

_JOB = re.compile(r"import_([0-9a-f]{24})")
_SCHEDULE = re.compile(r"import_([0-9a-f]{24})_schedule")


def job_name(import_job_id: str) -> str:
    """The Dagster job of an import job."""
    return f"import_{import_job_id}"


def schedule_name(import_job_id: str) -> str:
    """The schedule of an import job."""
    return f"import_{import_job_id}_schedule"


def import_job_id_of_job(name: str) -> str | None:
    """The import job id in a Dagster job's name, or None where the name is not of that form."""
    match = _JOB.fullmatch(name)
    return match[1] if match else None


def is_of_an_import(name: str) -> bool:
    """Whether a Dagster job imports something: a feed, or uploaded files."""
    return name == MANUAL_JOB or import_job_id_of_job(name) is not None


def import_job_id_of_schedule(name: str) -> str | None:
    """The import job id in a schedule's name, or None where the name is not of that form."""
    match = _SCHEDULE.fullmatch(name)
    return match[1] if match else None


def fetching_host(url: str) -> dict[str, str]:
    """The tag of a Dagster run that is to fetch from ``url``: in the queue it waits for the host.

    It is on the job, for runs that are started in Dagster, and set anew at launch.
    """
    return {FETCHING_HOST_TAG: _host(url).rstrip(".")}


def fetched_by(dagster_run_id: str) -> dict[str, str]:
    """The same tag when the feed is there: of a value that no run waits for.

    Tags can't be removed. Executed again from a later op, the run takes this one along and is not
    in the way of those that fetch.
    """
    return {FETCHING_HOST_TAG: f"fetched by {dagster_run_id}"}


def run_tags(
    *,
    run_id: str,
    import_job_id: str,
    external_user_id: str,
    template_id: str,
    url: str,
    trigger: str,
    request_id: str | None = None,
    asked_by: str | None = None,
    access_key_id: str | None = None,
) -> dict[str, str]:
    """The tags of a Dagster run at launch: ids, the feed's host, who asked; never a secret.

    ``request_id`` is that of the API request which asked for the run, if one did, and
    ``access_key_id`` its key's; ``asked_by`` is ``session`` where a user's own browser did.
    """
    asked = {
        REQUEST_ID_TAG: request_id,
        ASKED_BY_TAG: asked_by,
        ACCESS_KEY_TAG: access_key_id,
    }
    more = {tag: value for tag, value in asked.items() if value is not None}
    if host := _host(url):  # an uploaded file is from none
        more[FEED_HOST_TAG] = host
    return more | {
        RUN_ID_TAG: run_id,
        IMPORT_JOB_TAG: import_job_id,
        EXTERNAL_USER_TAG: external_user_id,
        TEMPLATE_TAG: template_id,
        TRIGGER_TAG: str(trigger),  # a plain one: Dagster stores no enums
    }


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
