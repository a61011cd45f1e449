"""Webhook destinations with their outbox; deletions held back; rejects run again; uploaded files

Revision ID: 0004
Revises: 0003
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

_RUNS: tuple[tuple[str, Any, str], ...] = (
    ("deletions_held", sa.BigInteger(), "rows that it was stopped from deleting"),
    ("deletions_confirmed", sa.BigInteger(), "rows that it may delete at the most"),
    ("rejects_of", sa.Text(), "the run whose rejects alone it runs again"),
    ("upload", postgresql.JSONB(), "the uploaded file that it imports; null for a feed"),
)
_DESTINATIONS: tuple[tuple[str, Any, str], ...] = (
    ("options", postgresql.JSONB(), "of a webhook: page size, retries, what is sent"),
    ("auth_secret", sa.LargeBinary(), "of a webhook: encrypted header name and value"),
    ("signing_secret", sa.LargeBinary(), "of a webhook: encrypted"),
)


def upgrade() -> None:
    for name, type_, comment in _RUNS:
        op.add_column("runs", sa.Column(name, type_, comment=comment), schema="impler")
    for name, type_, comment in _DESTINATIONS:
        op.add_column("destinations", sa.Column(name, type_, comment=comment), schema="impler")
    op.add_column(
        "import_jobs",
        sa.Column(
            "upload",
            postgresql.JSONB(),
            comment="the file that was uploaded last; null for a feed",
        ),
        schema="impler",
    )
    op.alter_column(
        "destinations",
        "table_name",
        nullable=True,
        comment="null for a webhook, as mode is",
        schema="impler",
    )
    op.alter_column("destinations", "mode", nullable=True, schema="impler")
    _create_webhook_pages()
    op.create_table(
        "sent_rows",
        sa.Column("destination_id", sa.Text(), nullable=False),
        sa.Column("import_job_id", sa.Text(), nullable=False),
        sa.Column("row_key", sa.LargeBinary(), nullable=False),
        sa.Column(
            "digest", sa.LargeBinary(), nullable=False, comment="of the row as it was last sent"
        ),
        sa.PrimaryKeyConstraint("destination_id", "import_job_id", "row_key", name="pk_sent_rows"),
        schema="impler",
    )


def _create_webhook_pages() -> None:
    op.create_table(
        "webhook_pages",
        sa.Column("id", sa.Text(), nullable=False, comment="the webhook-id of all its tries"),
        sa.Column(
            "sequence",
            sa.BigInteger(),
            sa.Identity(),
            nullable=False,
            comment="the order of sending",
        ),
        sa.Column("template_id", sa.Text(), nullable=False),
        sa.Column("destination_id", sa.Text(), nullable=False),
        sa.Column("import_job_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("total_pages", sa.Integer(), nullable=False),
        sa.Column("total_records", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("is_invalid", sa.Boolean(), nullable=False),
        sa.Column("chunk_size", sa.Integer(), nullable=False),
        sa.Column("extra", postgresql.JSONB(), nullable=False),
        sa.Column("data", sa.LargeBinary(), comment="a JSON array in UTF-8; null once it is sent"),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True)),
        sa.Column(
            "claimed_until",
            sa.DateTime(timezone=True),
            comment="a sender is at work on it until then",
        ),
        sa.Column("http_status", sa.Integer()),
        sa.Column("error", sa.Text()),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.text("now()"),
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_pages"),
        *(
            sa.ForeignKeyConstraint(
                [column], [f"impler.{table}.id"], name=f"fk_webhook_pages_{column}"
            )
            for column, table in (
                ("template_id", "templates"),
                ("import_job_id", "import_jobs"),
                ("run_id", "runs"),
            )
        ),
        schema="impler",
    )
    for name, columns, where in (
        (
            "ix_webhook_pages_waiting",
            ["destination_id", "import_job_id", "sequence"],
            "status = 'WAITING'",
        ),
        ("ix_webhook_pages_ended", ["ended_at"], "status <> 'WAITING'"),
        ("ix_webhook_pages_run_id", ["run_id"], None),
        (
            "ix_webhook_pages_template_id_created_at_id",
            ["template_id", "created_at", "id"],
            None,
        ),
    ):
        op.create_index(
            name,
            "webhook_pages",
            columns,
            schema="impler",
            postgresql_where=sa.text(where) if where else None,
        )


def downgrade() -> None:
    op.drop_table("sent_rows", schema="impler")
    op.drop_table("webhook_pages", schema="impler")
    op.execute("DELETE FROM impler.destinations WHERE type = 'webhook'")
    op.alter_column("destinations", "mode", nullable=False, schema="impler")
    op.alter_column("destinations", "table_name", nullable=False, comment=None, schema="impler")
    for name, _, _ in _DESTINATIONS:
        op.drop_column("destinations", name, schema="impler")
    op.drop_column("import_jobs", "upload", schema="impler")
    for name, _, _ in _RUNS:
        op.drop_column("runs", name, schema="impler")
