"""Runs and rejects as JSON."""

from __future__ import annotations

from pydantic import Field

from impler_pipelines.control_api.schemas.base import Cause, Identifier, Read, UtcTime
from impler_pipelines.model import RunStatus, Trigger


class RunRead(Read):
    """One execution of an import job; counts are null until they are known."""

    id: Identifier = Field(alias="_id")
    import_job_id: Identifier = Field(alias="_jobId")
    dagster_run_id: str | None
    status: RunStatus
    trigger: Trigger
    due_at: UtcTime | None
    started_at: UtcTime | None
    ended_at: UtcTime | None
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
    warnings: list[str]
    error: str | None
    error_cause: Cause | None
    deletions_held: int | None = Field(
        description="Rows that a `mirror` was stopped from deleting, until someone confirms it."
    )
    rejects_of: Identifier | None = Field(
        alias="_rejectsOf",
        description="The run whose rejected records alone this one runs again.",
    )
    waits_for: str | None = Field(
        default=None, description="The host that a queued run waits for, while it is being asked."
    )


class CellErrorRead(Read):
    """Why one value was refused; ``rule`` is a short, stable word."""

    column: str
    rule: str
    value: str | None
    message: str


class RejectRead(Read):
    """One record that failed: its place in the feed, from 0, its raw values, every reason."""

    index: int
    record: dict[str, str | None]
    errors: list[CellErrorRead]
