"""Origins of pages that may show a project's widget; what was done by a session, or is not for it

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"

_FLAGS = (
    (
        "audit_log",
        "by_session",
        "a session that the actor's key had made, for the import job's user",
    ),
    (
        "runs",
        "error_internal",
        "tells of the destination or a fault here: not for the host app's user",
    ),
    ("import_jobs", "last_error_internal", "as of runs"),
)


def upgrade() -> None:
    op.add_column(
        "projects",
        sa.Column(
            "origins",
            postgresql.JSONB(),
            nullable=False,
            server_default=sa.text("'[]'"),
            comment="of pages that may show the widget",
        ),
        schema="impler",
    )
    for column in (
        sa.Column("asked_by", sa.Text(), comment="'api', 'session', 'cli', …; null for a schedule"),
        sa.Column("access_key_id", sa.Text(), comment="of the API request that asked for it"),
    ):
        op.add_column("runs", column, schema="impler")
    for table, name, comment in _FLAGS:
        op.add_column(
            table,
            sa.Column(
                name,
                sa.Boolean(),
                nullable=False,
                server_default=sa.text("false"),
                comment=comment,
            ),
            schema="impler",
        )
    # Of what failed before nobody knows: it is not shown to users.
    op.execute("UPDATE impler.runs SET error_internal = true WHERE error IS NOT NULL")
    op.execute(
        "UPDATE impler.import_jobs SET last_error_internal = true WHERE last_error IS NOT NULL"
    )


def downgrade() -> None:
    for table, name, _ in _FLAGS:
        op.drop_column(table, name, schema="impler")
    op.drop_column("runs", "access_key_id", schema="impler")
    op.drop_column("runs", "asked_by", schema="impler")
    op.drop_column("projects", "origins", schema="impler")
