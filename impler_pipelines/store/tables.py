"""The store's tables in schema ``impler``. It holds no queries; ``migrations`` creates them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA = "impler"
metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    },
)

Timestamp = DateTime(timezone=True)


def _created_at() -> Column[object]:
    return Column("created_at", Timestamp, nullable=False, server_default=func.now())


projects = Table(
    "projects",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    _created_at(),
    Column(
        "origins",
        JSONB,
        nullable=False,
        server_default=text("'[]'"),
        comment="of pages that may show the widget",
    ),
)

access_keys = Table(
    "access_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", ForeignKey("impler.projects.id"), nullable=False, index=True),
    Column("key_hash", Text, nullable=False, unique=True, comment="SHA-256 of the key, in hex"),
    _created_at(),
    Column("revoked_at", Timestamp, comment="may lie ahead: the key is valid until then"),
    Column("prefix", Text, comment="how the key begins, to recognise it by"),
    Column("last_used_at", Timestamp, comment="to the hour"),
)

templates = Table(
    "templates",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", ForeignKey("impler.projects.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("columns", JSONB, nullable=False),
    _created_at(),
    Column("updated_at", Timestamp, nullable=False),
    Column("deleted_at", Timestamp),
    Index(None, "project_id", "created_at", "id"),
)

destinations = Table(
    "destinations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("template_id", ForeignKey("impler.templates.id"), index=True),
    Column(
        "project_id",
        ForeignKey("impler.projects.id"),
        unique=True,
        comment="of the webhook that gets a project's events, in place of a template",
    ),
    Column("position", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("table_name", Text, comment="null for a webhook, as mode is"),
    Column("mode", Text),
    Column("url_secret", LargeBinary, comment="encrypted; null means IMPLER_DESTINATION_URL"),
    Column("public_url", Text, comment="the same URL without user and password"),
    Column("options", JSONB, comment="of a webhook: page size, retries, what is sent"),
    Column("auth_secret", LargeBinary, comment="of a webhook: encrypted header name and value"),
    Column("signing_secret", LargeBinary, comment="of a webhook: encrypted"),
)

table_owners = Table(
    "table_owners",
    metadata,
    Column("database", Text, primary_key=True, comment="'default', or a digest of its address"),
    Column("table_name", Text, primary_key=True, comment="in lower case"),
    Column("template_id", ForeignKey("impler.templates.id"), nullable=False, index=True),
)

import_jobs = Table(
    "import_jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", ForeignKey("impler.projects.id"), nullable=False),
    Column("template_id", ForeignKey("impler.templates.id"), nullable=False, index=True),
    Column("external_user_id", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("auth_secret", LargeBinary, comment="encrypted header name and value"),
    Column("extra", JSONB, nullable=False),
    Column("headings", JSONB, nullable=False),
    Column("record_path", Text),
    Column("mappings", JSONB, nullable=False, server_default=text("'[]'")),
    Column("status", Text, nullable=False),
    Column("paused_at", Timestamp),
    Column("interval", JSONB),
    Column("cron", Text),
    Column("timezone", Text, nullable=False),
    Column("next_run", Timestamp),
    Column("ends_on", Timestamp),
    Column("filters", JSONB, nullable=False),
    Column("run_on_activation", Boolean, nullable=False),
    Column("activated_at", Timestamp, comment="first time active; from then on it has a schedule"),
    Column("schedule_synced", Boolean, comment="running state last agreed on with Dagster"),
    Column("feed_state", JSONB, nullable=False, server_default=text("'{}'")),
    Column("total_records", BigInteger),
    Column("valid_records", BigInteger),
    Column("invalid_records", BigInteger),
    Column("consecutive_failures", Integer, nullable=False, server_default="0"),
    Column("failing_since", Timestamp, comment="of the failure that made it count as failing"),
    Column("last_error", Text),
    Column(
        "last_error_internal",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="as of runs",
    ),
    Column("last_error_cause", JSONB(none_as_null=True), comment="as of runs"),
    Column("last_run", Timestamp),
    Column("upload", JSONB, comment="the file that was uploaded last; null for a feed"),
    _created_at(),
    Column("updated_at", Timestamp, nullable=False),
    Index(None, "project_id", "external_user_id", "created_at", "id"),
    Index("ix_import_jobs_live", "id", postgresql_where=text("status <> 'TERMINATED'")),
    Index("ix_import_jobs_due", "next_run", postgresql_where=text("status = 'RUNNING'")),
    Index("ix_import_jobs_updated_at", "updated_at"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("import_job_id", ForeignKey("impler.import_jobs.id"), nullable=False),
    Column("dagster_run_id", Text, index=True),
    Column("status", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("due_at", Timestamp),
    _created_at(),
    Column("started_at", Timestamp),
    Column("ended_at", Timestamp),
    Column("heartbeat_at", Timestamp),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("http_status", Integer),
    Column("bytes", BigInteger),
    Column("records", BigInteger),
    Column("filtered", BigInteger),
    Column("valid", BigInteger),
    Column("invalid", BigInteger),
    Column("inserted", BigInteger),
    Column("updated", BigInteger),
    Column("unchanged", BigInteger),
    Column("deleted", BigInteger),
    Column("warnings", JSONB, nullable=False, server_default=text("'[]'")),
    Column("error", Text),
    Column("request_id", Text, comment="of the API request that asked for it"),
    Column("deletions_held", BigInteger, comment="rows that it was stopped from deleting"),
    Column("deletions_confirmed", BigInteger, comment="rows that it may delete at the most"),
    Column("rejects_of", Text, comment="the run whose rejects alone it runs again"),
    Column("upload", JSONB, comment="the uploaded file that it imports; null for a feed"),
    Column("retried_after", Integer, comment="attempts it had when it was last asked for again"),
    Column(
        "error_internal",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="tells of the destination or a fault here: not for the host app's user",
    ),
    Column(
        "error_cause",
        JSONB(none_as_null=True),
        comment="what is wrong with the feed: a code, and facts",
    ),
    Column("asked_by", Text, comment="'api', 'session', 'cli', …; null for a schedule"),
    Column("access_key_id", Text, comment="of the API request that asked for it"),
    UniqueConstraint("import_job_id", "due_at"),
    Index(None, "import_job_id", "created_at", "id"),
    Index("ix_runs_cancelled", "ended_at", postgresql_where=text("status = 'CANCELLED'")),
    Index(
        "ix_runs_active", "import_job_id", postgresql_where=text("status IN ('QUEUED', 'RUNNING')")
    ),
)

rejects = Table(
    "rejects",
    metadata,
    Column("run_id", ForeignKey("impler.runs.id"), primary_key=True),
    Column("index", BigInteger, primary_key=True),
    Column("record", JSONB, nullable=False),
    Column("errors", JSONB, nullable=False),
)

webhook_pages = Table(
    "webhook_pages",
    metadata,
    Column("id", Text, primary_key=True, comment="the webhook-id of all its tries"),
    Column("sequence", BigInteger, Identity(), nullable=False, comment="the order of sending"),
    Column("event", Text, comment="what a project is told; null for a page of records"),
    Column("template_id", ForeignKey("impler.templates.id"), nullable=False),
    Column("destination_id", Text, nullable=False),
    Column("import_job_id", ForeignKey("impler.import_jobs.id"), nullable=False),
    Column("run_id", ForeignKey("impler.runs.id"), nullable=False, index=True),
    Column("page", Integer, nullable=False),
    Column("total_pages", Integer, nullable=False),
    Column("total_records", BigInteger, nullable=False),
    Column("records", Integer, nullable=False),
    Column("is_invalid", Boolean, nullable=False),
    Column("chunk_size", Integer, nullable=False),
    Column("extra", JSONB, nullable=False),
    Column("data", LargeBinary, comment="a JSON array in UTF-8; null once it is sent"),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", Timestamp),
    Column("claimed_until", Timestamp, comment="a sender is at work on it until then"),
    Column("http_status", Integer),
    Column("error", Text),
    _created_at(),
    Column("ended_at", Timestamp),
    Index(
        "ix_webhook_pages_waiting",
        "destination_id",
        "import_job_id",
        "sequence",
        postgresql_where=text("status = 'WAITING'"),
    ),
    Index("ix_webhook_pages_ended", "ended_at", postgresql_where=text("status <> 'WAITING'")),
    Index(None, "template_id", "created_at", "id"),
)

sent_rows = Table(
    "sent_rows",
    metadata,
    Column("destination_id", Text, primary_key=True),
    Column("import_job_id", Text, primary_key=True),
    Column("row_key", LargeBinary, primary_key=True),
    Column("digest", LargeBinary, nullable=False, comment="of the row as it was last sent"),
)

tallies = Table(
    "tallies",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("bucket", Text, nullable=False, comment="of a histogram: upper bound or 'sum'; else ''"),
    Column("amount", Double, nullable=False),
)

sync_ticks = Table(
    "sync_ticks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("ticked_at", Timestamp, nullable=False),
    Column("in_step_at", Timestamp, comment="of the last tick that left nothing undone"),
)

# No foreign keys: rows outlive what they tell of.
audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("at", Timestamp, nullable=False, server_default=func.now()),
    Column("project_id", Text, nullable=False),
    Column("actor", Text, nullable=False, comment="an access key's id, or 'cli', 'dagster', …"),
    Column("request_id", Text),
    Column("action", Text, nullable=False),
    Column("template_id", Text),
    Column("import_job_id", Text),
    Column("run_id", Text),
    Column("access_key_id", Text, comment="the key that was changed, not the actor's"),
    Column("page_id", Text, comment="of a webhook"),
    Column("outcome", JSONB, nullable=False, comment="no secrets, no values of feeds"),
    Column(
        "by_session",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="a session that the actor's key had made, for the import job's user",
    ),
    Index(None, "project_id", "id"),
    Index(None, "import_job_id", "id"),
    Index(None, "at"),
)
