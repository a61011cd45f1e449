"""Pages on their way to webhooks, as JSON."""

from __future__ import annotations

from pydantic import ConfigDict, Field, StrictStr

from impler_pipelines.control_api.schemas.base import Body, Identifier, Read, UtcTime
from impler_pipelines.model import PageStatus


class WebhookPageRead(Read):
    """One page of a run's rows or rejects, or an event.

    ``_id`` is its ``webhook-id``, the same in all tries. ``httpStatus`` and ``error`` are those of
    the last try.
    """

    id: Identifier = Field(alias="_id", examples=["msg_65f0c7d2a1b2c3d4e5f60718"])
    event: str | None = Field(
        description="What the project is told, such as `import_job.failing`; null: a run's records."
    )
    template_id: Identifier = Field(alias="_templateId")
    destination_id: Identifier = Field(alias="_destinationId")
    import_job_id: Identifier = Field(alias="_jobId")
    run_id: Identifier = Field(alias="uploadId")
    page: int
    total_pages: int
    total_records: int
    records: int
    is_invalid: bool = Field(alias="isInvalidRecords")
    status: PageStatus
    attempts: int
    next_attempt_at: UtcTime | None
    http_status: int | None
    error: str | None
    created_at: UtcTime
    ended_at: UtcTime | None


class SendAgain(Body):
    """Which dead pages to send again: those that all of the ids name; all without any."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"templateId": "65f0c7d2a1b2c3d4e5f60718"}]}
    )

    template_id: StrictStr | None = None
    job_id: StrictStr | None = None
    run_id: StrictStr | None = None


class SentAgain(Read):
    """How many pages are on their way again."""

    pages: int
