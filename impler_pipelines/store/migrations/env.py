"""What Alembic runs for each migration: on the connection that ``migrate`` has opened."""

from alembic import context

from impler_pipelines.store.tables import SCHEMA, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
)
with context.begin_transaction():
    context.run_migrations()
