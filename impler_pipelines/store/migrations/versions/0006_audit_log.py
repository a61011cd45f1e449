"""Who changed what; access keys that can be told apart and end later

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"

_REVOKED_COMMENT = "may lie ahead: the key is valid until then"


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")
        ),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column(
            "actor",
            sa.Text(),
            nullable=False,
            comment="an access key's id, or 'cli', 'dagster', …",
        ),
        sa.Column("request_id", sa.Text()),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("template_id", sa.Text()),
        sa.Column("import_job_id", sa.Text()),
        sa.Column("run_id", sa.Text()),
        sa.Column("access_key_id", sa.Text(), comment="the key that was changed, not the actor's"),
        sa.Column("page_id", sa.Text(), comment="of a webhook"),
        sa.Column(
            "outcome",
            postgresql.JSONB(),
            nullable=False,
            comment="no secrets, no values of feeds",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_audit_log"),
        schema="impler",
    )
    for columns in (["project_id", "id"], ["import_job_id", "id"], ["at"]):
        op.create_index(f"ix_audit_log_{'_'.join(columns)}", "audit_log", columns, schema="impler")
    op.alter_column("access_keys", "revoked_at", comment=_REVOKED_COMMENT, schema="impler")
    for column in (
        sa.Column("prefix", sa.Text(), comment="how the key begins, to recognise it by"),
        sa.Column("last_used_at", sa.DateTime(timezone=True), comment="to the hour"),
    ):
        op.add_column("access_keys", column, schema="impler")


def downgrade() -> None:
    op.drop_column("access_keys", "last_used_at", schema="impler")
    op.drop_column("access_keys", "prefix", schema="impler")
    op.alter_column("access_keys", "revoked_at", comment=None, schema="impler")
    op.drop_table("audit_log", schema="impler")
