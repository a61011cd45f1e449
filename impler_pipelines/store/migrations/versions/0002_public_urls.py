"""Destinations tell where they are without their secret being opened

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column(
        "destinations",
        sa.Column(
            "public_url",
            sa.Text(),
            nullable=True,
            comment="the same URL without user and password",
        ),
        schema="impler",
    )


def downgrade() -> None:
    op.drop_column("destinations", "public_url", schema="impler")
