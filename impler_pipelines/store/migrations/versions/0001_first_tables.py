"""The store's first tables

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "projects",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sa.UniqueConstraint("name", name=op.f("uq_projects_name")),
        schema="impler",
    )
    op.create_table(
        "access_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.Text(), nullable=False, comment="SHA-256 of the key, in hex"),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["impler.projects.id"], name=op.f("fk_access_keys_project_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_access_keys_key_hash")),
        schema="impler",
    )
    op.create_index(
        op.f("ix_access_keys_project_id"),
        "access_keys",
        ["project_id"],
        unique=False,
        schema="impler",
    )
    op.create_table(
        "templates",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("columns", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["impler.projects.id"], name=op.f("fk_templates_project_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_templates")),
        schema="impler",
    )
    op.create_index(
        op.f("ix_templates_project_id_created_at_id"),
        "templates",
        ["project_id", "created_at", "id"],
        unique=False,
        schema="impler",
    )
    op.create_table(
        "destinations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("template_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column(
            "url_secret",
            sa.LargeBinary(),
            nullable=True,
            comment="encrypted; null means IMPLER_DESTINATION_URL",
        ),
        sa.ForeignKeyConstraint(
            ["template_id"], ["impler.templates.id"], name=op.f("fk_destinations_template_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destinations")),
        schema="impler",
    )
    op.create_index(
        op.f("ix_destinations_template_id"),
        "destinations",
        ["template_id"],
        unique=False,
        schema="impler",
    )
    op.create_table(
        "import_jobs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("template_id", sa.Text(), nullable=False),
        sa.Column("external_user_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column(
            "auth_secret",
            sa.LargeBinary(),
            nullable=True,
            comment="encrypted header name and value",
        ),
        sa.Column("extra", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("headings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("record_path", sa.Text(), nullable=True),
        sa.Column(
            "mappings",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("interval", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("cron", sa.Text(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("next_run", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_on", sa.DateTime(timezone=True), nullable=True),
        sa.Column("filters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("run_on_activation", sa.Boolean(), nullable=False),
        sa.Column(
            "activated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="first time active; from then on it has a schedule",
        ),
        sa.Column(
            "schedule_synced",
            sa.Boolean(),
            nullable=True,
            comment="running state last agreed on with Dagster",
        ),
        sa.Column(
            "feed_state",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("total_records", sa.BigInteger(), nullable=True),
        sa.Column("valid_records", sa.BigInteger(), nullable=True),
        sa.Column("invalid_records", sa.BigInteger(), nullable=True),
        sa.Column("consecutive_failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("last_run", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["impler.projects.id"], name=op.f("fk_import_jobs_project_id")
        ),
        sa.ForeignKeyConstraint(
            ["template_id"], ["impler.templates.id"], name=op.f("fk_import_jobs_template_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_jobs")),
        schema="impler",
    )
    op.create_index(
        "ix_import_jobs_live",
        "import_jobs",
        ["id"],
        unique=False,
        schema="impler",
        postgresql_where=sa.text("status <> 'TERMINATED'"),
    )
    op.create_index(
        op.f("ix_import_jobs_project_id_external_user_id_created_at_id"),
        "import_jobs",
        ["project_id", "external_user_id", "created_at", "id"],
        unique=False,
        schema="impler",
    )
    op.create_index(
        op.f("ix_import_jobs_template_id"),
        "import_jobs",
        ["template_id"],
        unique=False,
        schema="impler",
    )
    op.create_table(
        "table_owners",
        sa.Column(
            "database", sa.Text(), nullable=False, comment="'default', or a digest of its address"
        ),
        sa.Column("table_name", sa.Text(), nullable=False, comment="in lower case"),
        sa.Column("template_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["template_id"], ["impler.templates.id"], name=op.f("fk_table_owners_template_id")
        ),
        sa.PrimaryKeyConstraint("database", "table_name", name=op.f("pk_table_owners")),
        schema="impler",
    )
    op.create_index(
        op.f("ix_table_owners_template_id"),
        "table_owners",
        ["template_id"],
        unique=False,
        schema="impler",
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("import_job_id", sa.Text(), nullable=False),
        sa.Column("dagster_run_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("records", sa.BigInteger(), nullable=True),
        sa.Column("filtered", sa.BigInteger(), nullable=True),
        sa.Column("valid", sa.BigInteger(), nullable=True),
        sa.Column("invalid", sa.BigInteger(), nullable=True),
        sa.Column("inserted", sa.BigInteger(), nullable=True),
        sa.Column("updated", sa.BigInteger(), nullable=True),
        sa.Column("unchanged", sa.BigInteger(), nullable=True),
        sa.Column("deleted", sa.BigInteger(), nullable=True),
        sa.Column(
            "warnings",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["import_job_id"], ["impler.import_jobs.id"], name=op.f("fk_runs_import_job_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("import_job_id", "due_at", name=op.f("uq_runs_import_job_id_due_at")),
        schema="impler",
    )
    op.create_index(
        "ix_runs_active",
        "runs",
        ["import_job_id"],
        unique=False,
        schema="impler",
        postgresql_where=sa.text("status IN ('QUEUED', 'RUNNING')"),
    )
    op.create_index(
        op.f("ix_runs_dagster_run_id"), "runs", ["dagster_run_id"], unique=False, schema="impler"
    )
    op.create_index(
        op.f("ix_runs_import_job_id_created_at_id"),
        "runs",
        ["import_job_id", "created_at", "id"],
        unique=False,
        schema="impler",
    )
    op.create_table(
        "rejects",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("record", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("errors", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["impler.runs.id"], name=op.f("fk_rejects_run_id")),
        sa.PrimaryKeyConstraint("run_id", "index", name=op.f("pk_rejects")),
        schema="impler",
    )


def downgrade() -> None:
    op.drop_table("rejects", schema="impler")
    op.drop_index(op.f("ix_runs_import_job_id_created_at_id"), table_name="runs", schema="impler")
    op.drop_index(op.f("ix_runs_dagster_run_id"), table_name="runs", schema="impler")
    op.drop_index(
        "ix_runs_active",
        table_name="runs",
        schema="impler",
        postgresql_where=sa.text("status IN ('QUEUED', 'RUNNING')"),
    )
    op.drop_table("runs", schema="impler")
    op.drop_index(op.f("ix_table_owners_template_id"), table_name="table_owners", schema="impler")
    op.drop_table("table_owners", schema="impler")
    op.drop_index(op.f("ix_import_jobs_template_id"), table_name="import_jobs", schema="impler")
    op.drop_index(
        op.f("ix_import_jobs_project_id_external_user_id_created_at_id"),
        table_name="import_jobs",
        schema="impler",
    )
    op.drop_index(
        "ix_import_jobs_live",
        table_name="import_jobs",
        schema="impler",
        postgresql_where=sa.text("status <> 'TERMINATED'"),
    )
    op.drop_table("import_jobs", schema="impler")
    op.drop_index(op.f("ix_destinations_template_id"), table_name="destinations", schema="impler")
    op.drop_table("destinations", schema="impler")
    op.drop_index(
        op.f("ix_templates_project_id_created_at_id"), table_name="templates", schema="impler"
    )
    op.drop_table("templates", schema="impler")
    op.drop_index(op.f("ix_access_keys_project_id"), table_name="access_keys", schema="impler")
    op.drop_table("access_keys", schema="impler")
    op.drop_table("projects", schema="impler")
