"""Runs of an import job: asked for, listed, and what each of them rejected."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy import Connection
from starlette.responses import StreamingResponse

from impler_pipelines.control_api.auth import CurrentSession
from impler_pipelines.control_api.pagination import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    decode_index,
    decode_moment,
    encode_index,
    encode_moment,
    page,
)
from impler_pipelines.control_api.rejects_csv import MEDIA_TYPE, csv_pieces
from impler_pipelines.control_api.routes.parameters import FoundImportJob, RunId
from impler_pipelines.control_api.schemas.problems import paged, problems
from impler_pipelines.control_api.schemas.runs import RejectRead, RunRead
from impler_pipelines.control_api.sessions import Session
from impler_pipelines.control_api.store_access import Store, StoreAccess
from impler_pipelines.control_api.views import run_view
from impler_pipelines.model import ImportJob, Reject, Run, RunStatus
from impler_pipelines.sources.turns import host_of
from impler_pipelines.store import runs
from impler_pipelines.store.host_turns import is_busy

router = APIRouter(prefix="/v1/import-jobs/{jobId:segment}/runs", tags=["Runs"])

_REJECTS_A_READ = 1000
_CSV_EXAMPLE = "_index,price,_errors\r\n3,n/a,price: is no number\r\n"


def _rejects_responses() -> dict[int | str, dict[str, Any]]:
    documented = paged(404)
    documented[200] |= {
        "description": "An array, or CSV: `_index`, the record's fields, `_errors`.",
        "content": {"text/csv": {"example": _CSV_EXAMPLE}},
    }
    return documented


def _run(job: FoundImportJob, run_id: RunId, store: Store) -> Run:
    with store.transaction() as connection:
        return runs.get_run(connection, job_id=job.id, run_id=run_id)


FoundRun = Annotated[Run, Depends(_run)]


@router.post("", status_code=202, responses=problems(404, 409))
def run_import_job(job: FoundImportJob, session: CurrentSession, store: Store) -> RunRead:
    """Run now. A run that is queued already is the answer; one that is running is waited for."""
    with store.transaction() as connection:
        run = runs.run_now(connection, job.id, now=dt.datetime.now(dt.UTC))
        return _views(connection, job, [run], session)[0]


@router.get("", responses=paged(404))
def list_runs(
    response: Response,
    job: FoundImportJob,
    session: CurrentSession,
    store: Store,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> list[RunRead]:
    """The import job's history, newest first; also of a deleted one."""
    before = decode_moment(cursor)
    with store.transaction() as connection:
        found = runs.list_runs(connection, job_id=job.id, limit=limit + 1, before=before)
        shown = page(response, found, limit, lambda run: encode_moment(run.created_at, run.id))
        return _views(connection, job, shown, session)


@router.get("/{runId:segment}", responses=problems(404))
def get_run(job: FoundImportJob, run: FoundRun, session: CurrentSession, store: Store) -> RunRead:
    """One run."""
    with store.transaction() as connection:
        return _views(connection, job, [run], session)[0]


@router.post("/{runId:segment}/cancel", responses=problems(404, 409))
def cancel_run(
    job: FoundImportJob, run: FoundRun, session: CurrentSession, store: Store
) -> RunRead:
    """Cancel a run that is queued or under way; one that is cancelled already stays so.

    One under way stops within seconds between two batches, and its load is rolled back. 409 when it
    has ended.
    """
    with store.transaction() as connection:
        cancelled = runs.cancel_by_request(connection, run, now=dt.datetime.now(dt.UTC))
        return _views(connection, job, [cancelled], session)[0]


@router.post("/{runId:segment}/retry", status_code=202, responses=problems(404, 409))
def retry_run(job: FoundImportJob, run: FoundRun, session: CurrentSession, store: Store) -> RunRead:
    """Try a failed run again from the op that failed: a feed that was fetched is not fetched again.

    It stays the same run, with one more attempt. Where what it had done is no longer kept
    (`IMPLER_KEEP_FAILED_ARTIFACTS_HOURS`) it starts from the first op. 409 unless it is the import
    job's last run and failed, and while the import job is paused, deleted or not mapped.
    """
    with store.transaction() as connection:
        again = runs.retry_failed(connection, run)
        return _views(connection, job, [again], session)[0]


@router.post("/{runId:segment}/confirm-deletions", status_code=202, responses=problems(404, 409))
def confirm_deletions(
    job: FoundImportJob, run: FoundRun, session: CurrentSession, store: Store
) -> RunRead:
    """Confirm what a run of a `mirror` was stopped for (`deletionsHeld` rows to delete).

    Answers with the new run, which may delete as many rows as that one would have; 409 unless the
    run was stopped for that and no other one has loaded since.
    """
    with store.transaction() as connection:
        new = runs.confirm_deletions(connection, run, now=dt.datetime.now(dt.UTC))
        return _views(connection, job, [new], session)[0]


@router.post("/{runId:segment}/rejects/retry", status_code=202, responses=problems(404, 409))
def retry_rejects(
    job: FoundImportJob, run: FoundRun, session: CurrentSession, store: Store
) -> RunRead:
    """Run the rejected records of the last load again, as the import job is mapped now.

    They come from the feed as that run fetched it, so also what has left it since is there. 409
    for a run without rejects, or one that another load has followed.
    """
    with store.transaction() as connection:
        new = runs.retry_rejects(connection, run, now=dt.datetime.now(dt.UTC))
        return _views(connection, job, [new], session)[0]


def _views(
    connection: Connection, job: ImportJob, found: Sequence[Run], session: Session | None
) -> list[RunRead]:
    """The runs, those that are queued with the host they wait for, if it is being asked now."""
    host = host_of(job.url)
    queued = any(run.status is RunStatus.QUEUED for run in found)
    waits_for = host if queued and is_busy(connection, host) else None
    return [
        run_view(run, waits_for if run.status is RunStatus.QUEUED else None, session)
        for run in found
    ]


@router.get(
    "/{runId:segment}/rejects",
    response_model=list[RejectRead],
    responses=_rejects_responses(),
)
def list_rejects(
    response: Response,
    run: FoundRun,
    store: Store,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response | list[RejectRead]:
    """The run's rejects in the feed's order: pages of JSON, or all of them as one CSV file.

    In CSV, a value that a spreadsheet would run as a formula has `'` before it.
    """
    after = decode_index(cursor)
    if form == "csv":
        return _csv(store, run)
    with store.transaction() as connection:
        found = runs.list_rejects(connection, run.id, limit=limit + 1, after=after)
    shown = page(response, found, limit, lambda reject: encode_index(reject.index))
    return [RejectRead.model_validate(reject) for reject in shown]


def _csv(store: StoreAccess, run: Run) -> Response:
    with store.transaction() as connection:
        fields = runs.reject_fields(connection, run.id)
    batches = _batches(store, run)
    # The first read happens before the answer begins, so that its failure has a status.
    first = next(batches, [])
    return StreamingResponse(
        csv_pieces(fields, chain([first], batches)),
        media_type=MEDIA_TYPE,
        headers={"Content-Disposition": f'attachment; filename="rejects-{run.id}.csv"'},
    )


def _batches(store: StoreAccess, run: Run) -> Iterator[Sequence[Reject]]:
    after = None
    while True:
        with store.transaction() as connection:
            batch = runs.list_rejects(connection, run.id, limit=_REJECTS_A_READ, after=after)
        if not batch:
            return
        yield batch
        after = batch[-1].index
