"""Runs tried again from their failed op; failing import jobs, and the webhook that is told of them

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column(
        "runs",
        sa.Column(
            "retried_after",
            sa.Integer(),
            comment="attempts it had when it was last asked for again",
        ),
        schema="impler",
    )
    op.create_index(
        "ix_runs_cancelled",
        "runs",
        ["ended_at"],
        schema="impler",
        postgresql_where=sa.text("status = 'CANCELLED'"),
    )
    op.add_column(
        "import_jobs",
        sa.Column(
            "failing_since",
            sa.DateTime(timezone=True),
            comment="of the failure that made it count as failing",
        ),
        schema="impler",
    )
    op.add_column(
        "webhook_pages",
        sa.Column("event", sa.Text(), comment="what a project is told; null for a page of records"),
        schema="impler",
    )
    op.alter_column("destinations", "template_id", nullable=True, schema="impler")
    op.add_column(
        "destinations",
        sa.Column(
            "project_id",
            sa.Text(),
            comment="of the webhook that gets a project's events, in place of a template",
        ),
        schema="impler",
    )
    op.create_foreign_key(
        "fk_destinations_project_id",
        "destinations",
        "projects",
        ["project_id"],
        ["id"],
        source_schema="impler",
        referent_schema="impler",
    )
    op.create_unique_constraint(
        "uq_destinations_project_id", "destinations", ["project_id"], schema="impler"
    )


def downgrade() -> None:
    op.execute("DELETE FROM impler.webhook_pages WHERE event IS NOT NULL")
    op.execute("DELETE FROM impler.destinations WHERE template_id IS NULL")
    op.drop_column("destinations", "project_id", schema="impler")
    op.alter_column("destinations", "template_id", nullable=False, schema="impler")
    op.drop_column("webhook_pages", "event", schema="impler")
    op.drop_column("import_jobs", "failing_since", schema="impler")
    op.drop_index("ix_runs_cancelled", "runs", schema="impler")
    op.drop_column("runs", "retried_after", schema="impler")
