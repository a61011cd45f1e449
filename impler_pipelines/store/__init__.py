"""The source of truth: tables, migrations and queries on PostgreSQL.

Functions take a ``Connection`` inside a transaction that the caller opened with
``engine.transaction``; they never read the environment or the clock, and know no Dagster.
"""
