"""What is wrong with a feed as a code, for those who say it in words of their own

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"

_COLUMNS = (
    ("runs", "error_cause", "what is wrong with the feed: a code, and facts"),
    ("import_jobs", "last_error_cause", "as of runs"),
)


def upgrade() -> None:
    for table, name, comment in _COLUMNS:
        column = sa.Column(name, postgresql.JSONB(), comment=comment)
        op.add_column(table, column, schema="impler")


def downgrade() -> None:
    for table, name, _ in _COLUMNS:
        op.drop_column(table, name, schema="impler")
