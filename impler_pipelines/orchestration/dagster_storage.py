"""Dagster's storage in PostgreSQL, which asks once a process whether its tables are complete.

Dagster's own looks for its tables whenever an instance is opened, and at the columns of runs before
nearly every query for them and at every event of one: a third of what PostgreSQL does for a run on
a warm worker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, ClassVar, Self

from dagster import StringSource
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresRunStorage


class RunStorage(PostgresRunStorage):
    """Dagster's, but for two questions, whose answer yes holds for this process."""

    _answered: ClassVar[set[tuple[str, str]]] = set()  # URLs and questions

    def has_run_stats_index_cols(self) -> bool:
        """Whether runs have columns for their begin and end."""
        return self._once("begin and end", super().has_run_stats_index_cols)

    def has_backfill_id_column(self) -> bool:
        """Whether runs have a column for their backfill."""
        return self._once("backfill", super().has_backfill_id_column)

    def _once(self, question: str, ask: Callable[[], bool]) -> bool:
        asked = (self.postgres_url, question)
        if asked not in self._answered and ask():
            self._answered.add(asked)
        return asked in self._answered


class Storage(DagsterPostgresStorage):
    """The ``storage`` of ``dagster.yaml``: Dagster's, but for its ``run_storage``."""

    _made: ClassVar[set[str]] = set()  # URLs

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """``postgres_url`` is a URL of SQLAlchemy's."""
        return {"postgres_url": StringSource}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """As Dagster makes it; the tables are made by the first of this process."""
        url = config_value["postgres_url"]
        storage = cls(url, should_autocreate_tables=url not in cls._made, inst_data=inst_data)
        cls._made.add(url)
        return storage

    @cached_property
    def run_storage(self) -> RunStorage:
        """On the tables that have been made by now."""
        return RunStorage(self.postgres_url, should_autocreate_tables=False)
