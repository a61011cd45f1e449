"""Import jobs as requests ask for them: checked whole, with their feed read. It stores nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from impler_pipelines.control_api.feed_reading import FeedReader
from impler_pipelines.control_api.gathering import Gathered
from impler_pipelines.control_api.schemas.import_jobs import (
    FilterBody,
    ImportJobCreate,
    ImportJobUpdate,
    MappingBody,
    MappingEntry,
)
from impler_pipelines.control_api.schemas.sessions import SessionCreate
from impler_pipelines.control_api.source_requests import changed_source, read_source
from impler_pipelines.control_api.timings import (
    TIMING_FIELDS,
    changed_timing,
    check_end_ahead,
    read_timing,
)
from impler_pipelines.errors import FieldProblem, RequestInvalid
from impler_pipelines.extraction import normalise_path
from impler_pipelines.mapping import check_filters
from impler_pipelines.model import (
    Column,
    FieldMapping,
    Filter,
    Heading,
    ImportJob,
    Repeated,
    SourceAuth,
)
from impler_pipelines.scheduling import Timing
from impler_pipelines.store.import_jobs import NewImportJob, check_mappings

_SOURCE_FIELDS = frozenset({"url", "record_path", "auth_header_name", "auth_header_value"})
_USER_LENGTH = 256


def read_import_job(
    body: ImportJobCreate, columns: Sequence[Column], feeds: FeedReader, *, now: dt.datetime
) -> NewImportJob:
    """A new import job on a template with these columns.

    Everything that the request itself tells is checked first, and told at once; then the feed is
    fetched and mapped paths are compared with its headings. Raises ``RequestInvalid``, and what
    ``FeedReader.read`` raises.
    """
    gathered = Gathered()
    user, timing = "", Timing(None, None)
    url, auth = body.url, None
    filters, mappings = filters_of(body.filters), mappings_of(body.mappings)
    with gathered.check():
        user = external_user_id_of(body)
    with gathered.check():
        url, auth = read_source(body)
    with gathered.check():
        timing = read_timing(body, now=now, schedule_required=False)
        check_end_ahead(timing.ends_on, now=now)
    with gathered.check():
        check_filters(filters, columns)
    with gathered.check():
        check_mappings(mappings, columns=columns, headings=None)
    gathered.raise_any()
    reading = feeds.read(url, auth, body.record_path)
    check_mappings(mappings, columns=columns, headings=reading.headings)
    return NewImportJob(
        external_user_id=user,
        url=url,
        auth=auth,
        extra=body.extra or {},
        headings=reading.headings,
        record_path=reading.record_path,
        mappings=mappings,
        interval=timing.interval,
        cron=timing.cron,
        timezone=timing.timezone,
        ends_on=timing.ends_on,
        filters=filters,
        run_now=body.run_now,
    )


def read_changes(
    body: ImportJobUpdate,
    job: ImportJob,
    columns: Sequence[Column],
    feeds: FeedReader,
    *,
    stored_auth: Callable[[], SourceAuth | None],
    now: dt.datetime,
) -> dict[str, Any]:
    """What ``store.update_import_job`` is to change; the feed is read again if its source changes.

    Mapped paths that the new feed lacks are refused, unless new mappings come with the request.
    Raises ``RequestInvalid``, and what ``FeedReader.read`` raises.
    """
    values: dict[str, Any] = {}
    url, auth = job.url, None
    gathered = Gathered()
    with gathered.check():
        body.refuse_null("url")
    with gathered.check():
        values |= _plain_changes(body, job, columns)
    with gathered.check():
        values |= _timing_changes(body, job, now)
    with gathered.check():
        if body.given & _SOURCE_FIELDS:
            url, auth = changed_source(body, job.url, stored_auth)
    gathered.raise_any()
    headings: Sequence[Heading] = job.headings
    if body.given & _SOURCE_FIELDS:
        values |= _source_changes(body, job, feeds, url, auth)
        headings = values["headings"]
    mappings = values.get("mappings", still_meant(job.mappings, columns))
    if headings is not job.headings or "mappings" in values:
        check_mappings(mappings, columns=columns, headings=headings)
    return values


def read_mappings(
    entries: Sequence[MappingEntry], job: ImportJob, columns: Sequence[Column]
) -> tuple[FieldMapping, ...]:
    """All mappings of an import job, as a whole.

    Raises ``RequestInvalid`` that names every required column without a path, every path that the
    feed lacks, and every key that is unknown or comes twice.
    """
    gathered = Gathered()
    by_index = {
        index: FieldMapping(entry.key, normalise_path(entry.path), entry.repeated or Repeated.FIRST)
        for index, entry in enumerate(entries)
        if entry.path is not None
    }
    for problem in _problems_at(by_index, job, columns):
        gathered.add(problem.field, problem.message)
    mapped = {mapping.key for mapping in by_index.values()}
    places = {entry.key: f"mappings.{index}.path" for index, entry in enumerate(entries)}
    for column in columns:
        if column.is_required and not column.default_value and column.key not in mapped:
            field = places.get(column.key, "mappings")
            gathered.add(field, f"the required column {column.key!r} has no path")
    gathered.raise_any()
    return tuple(by_index.values())


def _problems_at(
    by_index: dict[int, FieldMapping], job: ImportJob, columns: Sequence[Column]
) -> list[FieldProblem]:
    """What ``check_mappings`` finds, under the places that the mappings have in the request."""
    try:
        check_mappings(tuple(by_index.values()), columns=columns, headings=job.headings)
    except RequestInvalid as error:
        places = list(by_index)
        found = []
        for problem in error.problems:
            name, index, field = problem.field.split(".")
            found.append(FieldProblem(f"{name}.{places[int(index)]}.{field}", problem.message))
        return found
    return []


def external_user_id_of(body: ImportJobCreate | SessionCreate) -> str:
    """The user that a body names, beside ``extra`` or in it. Raises ``RequestInvalid``."""
    inside = (body.extra or {}).get("externalUserId")
    if body.external_user_id is not None:
        if inside is not None and inside != body.external_user_id:
            raise RequestInvalid.of("extra.externalUserId", "differs from externalUserId")
        return body.external_user_id
    if inside is None:
        raise RequestInvalid.of("externalUserId", "is required, here or inside extra")
    if not isinstance(inside, str) or not 1 <= len(inside) <= _USER_LENGTH:
        raise RequestInvalid.of(
            "extra.externalUserId", f"must be a text of 1 to {_USER_LENGTH} characters"
        )
    return inside


def _plain_changes(
    body: ImportJobUpdate, job: ImportJob, columns: Sequence[Column]
) -> dict[str, Any]:
    """Extra, filters and mappings, the last not yet compared with the feed."""
    values: dict[str, Any] = {}
    gathered = Gathered()
    if "extra" in body.given:
        values["extra"] = body.extra or {}
        if values["extra"].get("externalUserId", job.external_user_id) != job.external_user_id:
            gathered.add("extra.externalUserId", "can't be changed")
    if "filters" in body.given:
        values["filters"] = filters_of(body.filters)
        with gathered.check():
            check_filters(values["filters"], columns)
    if "mappings" in body.given:
        values["mappings"] = mappings_of(body.mappings)
        with gathered.check():
            check_mappings(values["mappings"], columns=columns, headings=None)
    gathered.raise_any()
    return values


def _timing_changes(body: ImportJobUpdate, job: ImportJob, now: dt.datetime) -> dict[str, Any]:
    if not body.given & TIMING_FIELDS:
        return {}
    timing = changed_timing(body, job, now=now)
    return {
        "interval": timing.interval,
        "cron": timing.cron,
        "timezone": timing.timezone,
        "ends_on": timing.ends_on,
    }


def _source_changes(
    body: ImportJobUpdate,
    job: ImportJob,
    feeds: FeedReader,
    url: str,
    auth: SourceAuth | None,
) -> dict[str, Any]:
    if "record_path" in body.given:
        reading = feeds.read(url, auth, body.record_path)
    else:
        reading = feeds.read(url, auth, job.record_path, or_detect=body.url is not None)
    return {
        "url": url,
        "auth": auth,
        "record_path": reading.record_path,
        "headings": reading.headings,
    }


def still_meant(
    mappings: Sequence[FieldMapping], columns: Sequence[Column]
) -> tuple[FieldMapping, ...]:
    """Without those of columns that the template has lost meanwhile."""
    keys = {column.key for column in columns}
    return tuple(mapping for mapping in mappings if mapping.key in keys)


def filters_of(bodies: Sequence[FilterBody] | None) -> tuple[Filter, ...]:
    """The filters that a body holds, not checked."""
    return tuple(body.filter() for body in bodies or ())


def mappings_of(bodies: Sequence[MappingBody] | None) -> tuple[FieldMapping, ...]:
    """The mappings that a body holds, not checked; their paths in one spelling."""
    return tuple(
        FieldMapping(body.key, normalise_path(body.path), body.repeated) for body in bodies or ()
    )
