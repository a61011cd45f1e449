"""Runs keep the request that asked for them; counters outlive what they count; ticks are noted

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column(
        "runs",
        sa.Column(
            "request_id",
            sa.Text(),
            nullable=True,
            comment="of the API request that asked for it",
        ),
        schema="impler",
    )
    op.create_table(
        "tallies",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column(
            "bucket",
            sa.Text(),
            nullable=False,
            comment="of a histogram: upper bound or 'sum'; else ''",
        ),
        sa.Column("amount", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tallies"),
        schema="impler",
    )
    op.create_table(
        "sync_ticks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ticked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "in_step_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="of the last tick that left nothing undone",
        ),
        sa.PrimaryKeyConstraint("name", name="pk_sync_ticks"),
        schema="impler",
    )
    op.create_index(
        "ix_import_jobs_due",
        "import_jobs",
        ["next_run"],
        schema="impler",
        postgresql_where=sa.text("status = 'RUNNING'"),
    )
    op.create_index("ix_import_jobs_updated_at", "import_jobs", ["updated_at"], schema="impler")


def downgrade() -> None:
    op.drop_index("ix_import_jobs_updated_at", "import_jobs", schema="impler")
    op.drop_index("ix_import_jobs_due", "import_jobs", schema="impler")
    op.drop_table("sync_ticks", schema="impler")
    op.drop_table("tallies", schema="impler")
    op.drop_column("runs", "request_id", schema="impler")
