"""Pages on their way to webhooks: claimed by a sender, sent, tried again, dead. It sends none.

Pages of one webhook and import job form a line: the next is not tried before the one ahead of it
was sent or is dead. Webhooks and import jobs do not wait for each other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    cast,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, distinct_on

from impler_pipelines.errors import NotFound, StateConflict
from impler_pipelines.model import ImportJobStatus, PageStatus, WebhookPage
from impler_pipelines.store import audit
from impler_pipelines.store.codec import storable
from impler_pipelines.store.tables import (
    destinations,
    import_jobs,
    runs,
    sent_rows,
    templates,
    webhook_pages,
)
from impler_pipelines.store.tallies import Tally, add_tallies

_MOST_LINES = 1000

_columns = webhook_pages.c
_SHOWN: list[Any] = [_columns[name] for name in WebhookPage.__dataclass_fields__]


@dataclass(frozen=True)
class Line:
    """The pages that one import job has for one webhook."""

    destination_id: str
    import_job_id: str


@dataclass(frozen=True)
class ClaimedPage:
    """A page with what is to be sent: ``data`` is a JSON array of records."""

    page: WebhookPage
    data: bytes
    extra: dict[str, Any]
    chunk_size: int
    external_user_id: str


def lines_due(
    connection: Connection, *, now: dt.datetime, import_job_id: str | None = None
) -> list[Line]:
    """The lines whose first page may be tried now, the one that has waited longest first.

    All lines, or those of one import job.
    """
    own = [] if import_job_id is None else [_columns.import_job_id == import_job_id]
    heads = (
        select(
            _columns.destination_id,
            _columns.import_job_id,
            _columns.next_attempt_at,
            _columns.claimed_until,
        )
        .ext(distinct_on(_columns.destination_id, _columns.import_job_id))
        .where(_columns.status == PageStatus.WAITING, *own)
        .order_by(_columns.destination_id, _columns.import_job_id, _columns.sequence)
        .subquery()
    )
    rows = connection.execute(
        select(heads.c.destination_id, heads.c.import_job_id)
        .where(heads.c.next_attempt_at <= now, _free(heads.c.claimed_until, now))
        .order_by(heads.c.next_attempt_at)
        .limit(_MOST_LINES)
    )
    return [Line(*row) for row in rows]


def claim_page(
    connection: Connection, line: Line, *, now: dt.datetime, until: dt.datetime
) -> ClaimedPage | None:
    """Take the line's first page, if it is due and no one is at work on it, until ``until``.

    A sender that dies in between leaves it to be taken again, with the same id.
    """
    head = (
        select(_columns.id, _columns.next_attempt_at, _columns.claimed_until)
        .where(
            _columns.destination_id == line.destination_id,
            _columns.import_job_id == line.import_job_id,
            _columns.status == PageStatus.WAITING,
        )
        .order_by(_columns.sequence)
        .limit(1)
        .with_for_update()
    )
    found = connection.execute(head).one_or_none()
    if found is None or found.next_attempt_at > now:
        return None
    if found.claimed_until is not None and found.claimed_until > now:
        return None
    where = _columns.id == found.id
    connection.execute(update(webhook_pages).where(where).values(claimed_until=until))
    row = connection.execute(
        select(
            *_SHOWN,
            _columns.data,
            _columns.extra,
            _columns.chunk_size,
            import_jobs.c.external_user_id,
        )
        .join(import_jobs, import_jobs.c.id == _columns.import_job_id)
        .where(where)
    ).one()
    return ClaimedPage(
        page=_page(row),
        data=bytes(row.data),
        extra=row.extra,
        chunk_size=row.chunk_size,
        external_user_id=row.external_user_id,
    )


def note_sent(
    connection: Connection, page: WebhookPage, *, http_status: int, now: dt.datetime
) -> None:
    """The page was taken; its records are not kept here any longer."""
    _note(
        connection,
        page,
        status=PageStatus.SENT,
        data=None,
        next_attempt_at=None,
        http_status=http_status,
        error=None,
        ended_at=now,
    )
    add_tallies(connection, Tally("webhook_tries", "sent", 1))


def note_failed(
    connection: Connection,
    page: WebhookPage,
    *,
    http_status: int | None,
    error: str,
    again_at: dt.datetime | None,
    now: dt.datetime,
) -> None:
    """The page was not taken: it is tried again at ``again_at``, or is dead where that is None.

    A dead page is told on its run, too.
    """
    dead = again_at is None
    noted = _note(
        connection,
        page,
        status=PageStatus.DEAD if dead else PageStatus.WAITING,
        next_attempt_at=again_at,
        http_status=http_status,
        error=storable(error),
        ended_at=now if dead else None,
    )
    add_tallies(connection, Tally("webhook_tries", "dead" if dead else "failed", 1))
    if noted and dead:
        what = page.event or f"Page {page.page} of {page.total_pages}"
        words = (
            f"{what} was not taken by its webhook after {page.attempts + 1} tries: {error}"
            f" Send it again by the API: {page.id}."
        )
        more = runs.c.warnings.op("||")(cast(storable([words]), JSONB))
        connection.execute(update(runs).where(runs.c.id == page.run_id).values(warnings=more))


def list_pages(
    connection: Connection,
    *,
    project_id: str,
    limit: int,
    before: tuple[dt.datetime, str] | None = None,
    **equal: str | None,
) -> list[WebhookPage]:
    """The project's pages, newest first; ``equal`` are columns and the values they must have."""
    query = (
        select(*_SHOWN)
        .where(*_of_project(project_id, **equal))
        .order_by(_columns.created_at.desc(), _columns.id.desc())
        .limit(limit)
    )
    if before:
        created_at, identifier = before
        query = query.where(
            (_columns.created_at < created_at)
            | ((_columns.created_at == created_at) & (_columns.id < identifier))
        )
    return [_page(row) for row in connection.execute(query)]


def get_page(connection: Connection, *, project_id: str, page_id: str) -> WebhookPage:
    """One page of the project. Raises ``NotFound``."""
    query = select(*_SHOWN).where(*_of_project(project_id, id=page_id))
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("webhook page", page_id)
    return _page(row)


def send_again(
    connection: Connection, *, project_id: str, now: dt.datetime, **equal: str | None
) -> int:
    """Put the project's dead pages that ``equal`` names back in their lines; returns how many.

    They go ahead of all that was added after them, and have all their tries again. Pages whose
    webhook the template no longer has stay dead.
    """
    number = _send_again(connection, project_id=project_id, now=now, **equal)
    if number:
        audit.tell(connection, "webhook.sent_again", project_id=project_id, pages=number, **equal)
    return number


def _send_again(
    connection: Connection, *, project_id: str, now: dt.datetime, **equal: str | None
) -> int:
    return connection.execute(
        update(webhook_pages)
        .where(
            *_of_project(project_id, **equal),
            _columns.status == PageStatus.DEAD,
            exists().where(destinations.c.id == _columns.destination_id),
        )
        .values(
            status=PageStatus.WAITING,
            attempts=0,
            next_attempt_at=now,
            claimed_until=None,
            ended_at=None,
        )
    ).rowcount


def send_page_again(
    connection: Connection, *, project_id: str, page_id: str, now: dt.datetime
) -> WebhookPage:
    """The same for one page. Raises ``NotFound``, and ``StateConflict`` unless it is dead."""
    page = get_page(connection, project_id=project_id, page_id=page_id)
    if not _send_again(connection, project_id=project_id, now=now, id=page_id):
        raise StateConflict(
            f"This page is {page.status}: only a dead one can be sent again."
            if page.status is not PageStatus.DEAD
            else "The webhook that this page is for was removed.",
            status=page.status,
        )
    audit.tell(
        connection,
        "webhook.sent_again",
        project_id=project_id,
        template_id=page.template_id,
        import_job_id=page.import_job_id,
        run_id=page.run_id,
        page_id=page.id,
        pages=1,
    )
    return get_page(connection, project_id=project_id, page_id=page_id)


def sweep_pages(connection: Connection, *, before: dt.datetime) -> int:
    """Delete pages that ended before then; returns how many. Also forget which rows were sent to
    webhooks that are gone, or by import jobs that were deleted."""
    connection.execute(
        delete(sent_rows).where(
            or_(
                ~exists().where(destinations.c.id == sent_rows.c.destination_id),
                exists().where(
                    import_jobs.c.id == sent_rows.c.import_job_id,
                    import_jobs.c.status == ImportJobStatus.TERMINATED,
                ),
            )
        )
    )
    ended = _columns.status != PageStatus.WAITING
    return connection.execute(
        delete(webhook_pages).where(ended, _columns.ended_at < before)
    ).rowcount


def count_pages(connection: Connection) -> dict[str, int]:
    """How many pages there are of each status that asks for attention."""
    query = (
        select(_columns.status, func.count())
        .where(_columns.status != PageStatus.SENT)
        .group_by(_columns.status)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _note(connection: Connection, page: WebhookPage, **values: Any) -> bool:
    """False where another sender, who took the page after this one's time, was faster."""
    return bool(
        connection.execute(
            update(webhook_pages)
            .where(
                _columns.id == page.id,
                _columns.status == PageStatus.WAITING,
                _columns.attempts == page.attempts,
            )
            .values(attempts=page.attempts + 1, claimed_until=None, **values)
        ).rowcount
    )


def _free(claimed_until: ColumnElement[Any], now: dt.datetime) -> ColumnElement[bool]:
    return or_(claimed_until.is_(None), claimed_until <= now)


def _of_project(project_id: str, **equal: str | None) -> Sequence[ColumnElement[bool]]:
    own = select(templates.c.id).where(templates.c.project_id == project_id)
    named = [_columns[name] == value for name, value in equal.items() if value is not None]
    return [_columns.template_id.in_(own), *named]


def _page(row: Any) -> WebhookPage:
    values = {name: getattr(row, name) for name in WebhookPage.__dataclass_fields__}
    return WebhookPage(**{**values, "status": PageStatus(row.status)})
