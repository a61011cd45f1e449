"""The words of the field as frozen dataclasses: what the rooms hand to each other.

It holds values only: no I/O, no rules. Times are aware datetimes in UTC; paths are headings in
the form a user sees (``rss > channel > item > title``, ``… > enclosure > @url``).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from impler_pipelines.errors import Cause


class ImportJobStatus(StrEnum):
    """MAPPING → SCHEDULING → RUNNING ⇄ PAUSED; COMPLETED after ``ends_on``; TERMINATED is final."""

    MAPPING = "MAPPING"
    SCHEDULING = "SCHEDULING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    TERMINATED = "TERMINATED"


class RunStatus(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    UNCHANGED = "UNCHANGED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Trigger(StrEnum):
    FIRST = "FIRST"
    SCHEDULE = "SCHEDULE"
    MANUAL = "MANUAL"


class ColumnType(StrEnum):
    STRING = "String"
    NUMBER = "Number"
    DOUBLE = "Double"
    DATE = "Date"
    EMAIL = "Email"
    REGEX = "Regex"
    SELECT = "Select"
    IMAGE = "Image"
    ANY = "Any"


class Repeated(StrEnum):
    """What a mapped value becomes when its path occurs several times within one record."""

    FIRST = "first"
    JOIN = "join"
    JSON = "json"


class TemplateMode(StrEnum):
    AUTOMATIC = "automatic"
    MANUAL = "manual"


class LoadMode(StrEnum):
    UPSERT = "upsert"
    APPEND = "append"
    MIRROR = "mirror"


class Unit(StrEnum):
    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"


@dataclass(frozen=True)
class Validation:
    """One extra rule of a column: ``validate`` is range, length, digits or unique_with."""

    validate: str
    min: float | None = None
    max: float | None = None
    columns: tuple[str, ...] = ()
    error_message: str | None = None


@dataclass(frozen=True)
class Column:
    """One target field of a template."""

    key: str
    name: str
    type: ColumnType = ColumnType.STRING
    is_required: bool = False
    is_unique: bool = False
    alternate_keys: tuple[str, ...] = ()
    select_values: tuple[str, ...] = ()
    allow_multi_select: bool = False
    delimiter: str = ","
    regex: str | None = None
    regex_description: str | None = None
    date_formats: tuple[str, ...] = ()
    default_value: str | None = None
    validations: tuple[Validation, ...] = ()


@dataclass(frozen=True)
class Filter:
    """One condition on a column's raw value: contains, equals, startsWith, endsWith, matches."""

    field: str
    operation: str
    value: str


@dataclass(frozen=True)
class FieldMapping:
    """Column ``key`` takes its value from the heading ``path``."""

    key: str
    path: str
    repeated: Repeated = Repeated.FIRST


@dataclass(frozen=True)
class Heading:
    """One path that holds a value. ``count`` is the number of records that have it."""

    path: str
    samples: tuple[str, ...]
    count: int
    repeated: bool


@dataclass(frozen=True)
class CellError:
    """Why one value was refused. ``column`` is its key, ``rule`` a short stable word."""

    column: str
    rule: str
    value: str | None
    message: str


@dataclass(frozen=True)
class Reject:
    """One record that failed: its place in the feed (from 0), its raw values, every reason."""

    index: int
    record: dict[str, str | None]
    errors: tuple[CellError, ...]


@dataclass(frozen=True)
class Interval:
    """``at`` is a wall time in the import job's time zone; ``weekdays`` are MON … SUN."""

    every: int
    unit: Unit
    at: dt.time | None = None
    weekdays: tuple[str, ...] = ()
    day_of_month: int | None = None
    starts_on: dt.date | None = None


@dataclass(frozen=True)
class SourceAuth:
    """One header sent with every fetch of a source. Never logged, never returned."""

    header_name: str
    header_value: str = field(repr=False)


@dataclass(frozen=True)
class SqlDestination:
    """A table that rows are loaded into. ``url`` None means ``IMPLER_DESTINATION_URL``."""

    id: str
    table: str
    mode: LoadMode = LoadMode.UPSERT
    url: str | None = None


@dataclass(frozen=True)
class WebhookDestination:
    """An address that rows are sent to, in pages of ``chunk_size``.

    A page that is not taken is tried ``retry_count`` more times, the first time after
    ``retry_interval`` seconds. ``changes_only`` leaves out rows that were sent before as they are.
    """

    id: str
    callback_url: str
    signing_secret: str = field(repr=False)
    auth: SourceAuth | None = None
    chunk_size: int = 500
    retry_count: int = 5
    retry_interval: float = 60.0
    include_invalid: bool = False
    changes_only: bool = True


Destination = SqlDestination | WebhookDestination


@dataclass(frozen=True)
class Template:
    id: str
    project_id: str
    name: str
    mode: TemplateMode
    columns: tuple[Column, ...]
    destinations: tuple[Destination, ...]
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclass(frozen=True)
class Upload:
    """A file that a person uploaded, kept at ``path`` on the artifact place.

    ``record_path`` says where its records are; ``asked``: a run of it was asked for. ``mappings``
    are a run's: as the file was mapped when the run was asked for.
    """

    path: str
    file_name: str
    content_type: str | None
    record_path: str
    asked: bool = False
    mappings: tuple[FieldMapping, ...] | None = None


@dataclass(frozen=True)
class FeedState:
    """What the last successful load had read: the validators of RFC 9110 and the body's hash.

    ``fresh_since`` and ``fresh_until`` say how long that is fresh by its publisher's word, None
    where nothing is said; ``moved_to`` is the URL that permanent redirects led to.
    ``fingerprint`` covers what the rows depend on besides the feed (mapping, filters, record
    path, columns, destinations): validators are only used while it still matches.
    """

    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    fresh_since: dt.datetime | None = None
    fresh_until: dt.datetime | None = None
    moved_to: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True)
class ImportJob:
    """What one end user configured on a template. Secrets are not part of it."""

    id: str
    project_id: str
    template_id: str
    external_user_id: str
    url: str
    extra: dict[str, Any]
    headings: tuple[Heading, ...]
    record_path: str | None
    mappings: tuple[FieldMapping, ...]
    status: ImportJobStatus
    interval: Interval | None
    cron: str | None
    timezone: str
    next_run: dt.datetime | None
    ends_on: dt.datetime | None
    filters: tuple[Filter, ...]
    run_on_activation: bool
    activated_at: dt.datetime | None
    total_records: int | None
    valid_records: int | None
    invalid_records: int | None
    consecutive_failures: int
    failing_since: dt.datetime | None
    last_error: str | None
    last_run: dt.datetime | None
    created_at: dt.datetime
    updated_at: dt.datetime
    upload: Upload | None = None
    last_error_internal: bool = False
    last_error_cause: Cause | None = None


@dataclass(frozen=True)
class LoadCounts:
    """What one load did to the destination's rows, counted by the destination."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0


@dataclass(frozen=True)
class Run:
    """One execution of an import job; re-executions in Dagster are attempts of the same Run.

    ``deletions_held``: how many rows a mirror was stopped from deleting; ``deletions_confirmed``:
    how many this run may delete, whatever their share. ``rejects_of`` names the run whose rejects
    alone this one runs again. ``retried_after``: so many attempts it had when it was last asked
    for again. ``asked_by``: ``api``, ``session``, ``cli`` and so on; None for a schedule's tick.
    ``error_internal``: the error tells of the destination, or of a fault here. ``error_cause`` says
    the same as the error where that is of the feed: see ``errors.PipelineError``.
    """

    id: str
    import_job_id: str
    dagster_run_id: str | None
    status: RunStatus
    trigger: Trigger
    due_at: dt.datetime | None
    created_at: dt.datetime
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    attempts: int
    http_status: int | None
    bytes: int | None
    records: int | None
    filtered: int | None
    valid: int | None
    invalid: int | None
    inserted: int | None
    updated: int | None
    unchanged: int | None
    deleted: int | None
    warnings: tuple[str, ...]
    error: str | None
    request_id: str | None = None
    deletions_held: int | None = None
    deletions_confirmed: int | None = None
    rejects_of: str | None = None
    upload: Upload | None = None
    retried_after: int | None = None
    asked_by: str | None = None
    access_key_id: str | None = None
    error_internal: bool = False
    error_cause: Cause | None = None

    @property
    def own_mappings(self) -> tuple[FieldMapping, ...] | None:
        """How its file is mapped, whatever file has come since; None: as the import job is."""
        return self.upload.mappings if self.upload and self.rejects_of is None else None


@dataclass(frozen=True)
class ScheduleState:
    """Whether a Dagster schedule runs; ``started_at`` (UTC) is when it was last switched on."""

    running: bool
    started_at: dt.datetime | None = None


@dataclass(frozen=True)
class ImportPlan:
    """All that a run needs to know, read from the store at run time by import job id."""

    import_job_id: str
    project_id: str
    template_id: str
    external_user_id: str
    url: str
    auth: SourceAuth | None
    extra: dict[str, Any]
    record_path: str | None
    mappings: tuple[FieldMapping, ...]
    columns: tuple[Column, ...]
    filters: tuple[Filter, ...]
    destinations: tuple[Destination, ...]
    feed_state: FeedState
    loaded_rows: bool  # whether the last load had any
    failing: bool  # whether the last run failed
    fingerprint: str

    @property
    def tables(self) -> tuple[SqlDestination, ...]:
        """The destinations that are tables."""
        return tuple(one for one in self.destinations if isinstance(one, SqlDestination))

    @property
    def webhooks(self) -> tuple[WebhookDestination, ...]:
        """The destinations that are webhooks."""
        return tuple(one for one in self.destinations if isinstance(one, WebhookDestination))


class PageStatus(StrEnum):
    """WAITING → SENT, or DEAD after the last try; a dead one that is sent again is WAITING."""

    WAITING = "WAITING"
    SENT = "SENT"
    DEAD = "DEAD"


@dataclass(frozen=True)
class WebhookPage:
    """One page of a run's rows, or of its rejects, on its way to a webhook.

    ``id`` is its ``webhook-id``, which stays over all tries. ``error`` and ``http_status`` are the
    last try's. ``event`` names what a project is told of; such a page has no records.
    """

    id: str
    event: str | None
    template_id: str
    destination_id: str
    import_job_id: str
    run_id: str
    page: int
    total_pages: int
    total_records: int
    records: int
    is_invalid: bool
    status: PageStatus
    attempts: int
    next_attempt_at: dt.datetime | None
    http_status: int | None
    error: str | None
    created_at: dt.datetime
    ended_at: dt.datetime | None
