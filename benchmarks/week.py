"""Simulated days of Dagster's own data: rows and files of real runs, copied under new ids.

Every copy has the bytes of its original: ids, names and tables are replaced by ones as long. It
measures nothing and deletes nothing but its own copies.
"""

from __future__ import annotations

import datetime as dt
import random
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from dagster import DagsterInstance

from impler_pipelines.orchestration.names import SWEEP_SENSOR, SYNC_SENSOR, job_name, schedule_name
from impler_pipelines_tests.orchestration.ticks import add_schedule_state

JOBS = 200
RUNS_A_DAY = JOBS * 24  # every import job once an hour
MIX = {"UNCHANGED": 80, "SUCCESS": 17, "FAILED": 3}  # percent
TABLE = "growth_000"  # the sample's destination table; the copies' end in 001 to 200
_SKIPPED_A_DAY = {SYNC_SENSOR: 86_400 // 5, SWEEP_SENSOR: 86_400 // 60}
_COPIED = ("runs", "run_tags", "event_logs", "job_ticks")


@dataclass(frozen=True)
class Sample:
    """One real Dagster run of each kind and one real tick of each instigator, by id."""

    runs: dict[str, str]  # status in the store -> Dagster run id
    ticks: dict[str, int]  # instigator -> id; "schedule" is any import job's


class Week:
    """The days of ``JOBS`` import jobs in one database and one DAGSTER_HOME."""

    def __init__(
        self, connection: psycopg.Connection[Any], instance: DagsterInstance, sample: Sample
    ) -> None:
        self._connection = connection
        self._instance = instance
        self._sample = sample
        self._storage = Path(instance.root_directory) / "storage"
        self._random = random.Random(20270101)
        self._keep_sample()

    def add_day(self, begin: dt.datetime) -> None:
        """Copy a day's runs, their compute logs and all ticks, from ``begin`` on."""
        self._connection.execute("TRUNCATE growth.day")
        kinds = self._random.choices(list(MIX), list(MIX.values()), k=RUNS_A_DAY)
        rows = [
            (str(uuid.uuid4()), kind, begin + dt.timedelta(days=number / RUNS_A_DAY), number % JOBS)
            for number, kind in enumerate(kinds)
        ]
        with self._connection.cursor().copy("COPY growth.day FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        for statement in (_RUNS, _TAGS, _EVENTS, _ASSETS, _STORE_RUNS, _SCHEDULE_TICKS):
            self._connection.execute(statement, {"table": TABLE})
        for name, number in _SKIPPED_A_DAY.items():
            self._connection.execute(
                _SENSOR_TICKS, {"name": name, "number": number, "begin": begin.replace(tzinfo=None)}
            )
        self._connection.commit()
        for dagster_run_id, kind, _, _ in rows:
            shutil.copytree(self._storage / self._sample.runs[kind], self._storage / dagster_run_id)

    def clear(self) -> None:
        """Delete all copies, and the sample's rows where Dagster keeps its own."""
        for table in _COPIED:
            self._connection.execute(f"TRUNCATE dagster.{table} CASCADE")
        self._connection.execute("TRUNCATE impler.runs, impler.rejects, dagster.asset_keys")
        self._connection.commit()
        kept = set(self._sample.runs.values())
        for directory in self._storage.iterdir():
            if directory.name not in kept:
                shutil.rmtree(directory)

    def _keep_sample(self) -> None:
        self._connection.execute(_SAMPLE)
        for kind, dagster_run_id in self._sample.runs.items():
            self._connection.execute(
                "INSERT INTO growth.sample VALUES (%s, %s)", (kind, dagster_run_id)
            )
        for name, tick_id in self._sample.ticks.items():
            self._connection.execute(
                "INSERT INTO growth.ticks SELECT %s, * FROM dagster.job_ticks WHERE id = %s",
                (name, tick_id),
            )
        for number in range(JOBS):
            import_job_id = f"{number:024x}"
            state = add_schedule_state(self._instance, schedule_name(import_job_id))
            self._connection.execute(
                "INSERT INTO growth.jobs VALUES (%s, %s, %s, %s)",
                (
                    number,
                    job_name(import_job_id),
                    state.instigator_origin_id,
                    state.selector_id,
                ),
            )
        for copied in ("dagster.runs", "dagster.run_tags", "dagster.event_logs"):
            self._connection.execute(
                f"CREATE TABLE growth.{copied.partition('.')[2]} AS SELECT o.* FROM {copied} o"
                " JOIN growth.sample s ON s.dagster_run_id = o.run_id"
            )
        self._connection.execute(
            "CREATE TABLE growth.store_runs AS SELECT o.* FROM impler.runs o"
            " JOIN growth.sample s USING (dagster_run_id);"
            "CREATE TABLE growth.assets AS SELECT * FROM dagster.asset_keys"
        )
        self._connection.commit()


_SAMPLE = """
CREATE SCHEMA growth;
CREATE TABLE growth.sample (kind text, dagster_run_id text);
CREATE TABLE growth.day (id text, kind text, at timestamp, job int);
CREATE TABLE growth.jobs (job int, name text, origin text, selector text);
CREATE TABLE growth.ticks AS SELECT ''::text AS name, * FROM dagster.job_ticks LIMIT 0;
"""

# A new run beside its original: d the day's run, s its sample, j the import job it is of.
_FROM = """
FROM growth.day d JOIN growth.sample s USING (kind) JOIN growth.jobs j USING (job)
JOIN growth.runs r ON r.run_id = s.dagster_run_id
"""


def _renamed(text: str) -> str:
    """SQL for a text of the sample with the new run's id, job and table in it."""
    return (
        f"replace(replace(replace({text}, r.run_id, d.id), r.pipeline_name, j.name),"
        " %(table)s, 'growth_' || lpad((d.job + 1)::text, 3, '0'))"
    )


_RUNS = f"""
INSERT INTO dagster.runs (run_id, snapshot_id, pipeline_name, mode, status, run_body,
  create_timestamp, update_timestamp, start_time, end_time)
SELECT d.id, r.snapshot_id, j.name, r.mode, r.status, {_renamed("r.run_body")},
  d.at, d.at, extract(epoch FROM d.at), extract(epoch FROM d.at)
{_FROM}"""
_TAGS = f"""
INSERT INTO dagster.run_tags (run_id, key, value)
SELECT d.id, t.key, {_renamed("t.value")} {_FROM} JOIN growth.run_tags t ON t.run_id = r.run_id"""
_EVENTS = f"""
INSERT INTO dagster.event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key)
SELECT d.id, {_renamed("e.event")}, e.dagster_event_type, d.at, e.step_key,
  {_renamed("e.asset_key")}
{_FROM} JOIN growth.event_logs e ON e.run_id = r.run_id ORDER BY d.at, e.id"""
_ASSETS = f"""
INSERT INTO dagster.asset_keys (asset_key, last_materialization, last_run_id,
  last_materialization_timestamp)
SELECT DISTINCT ON (d.job) {_renamed("a.asset_key")}, {_renamed("a.last_materialization")}, d.id,
  d.at
{_FROM} JOIN growth.assets a ON a.asset_key LIKE '%%' || %(table)s || '%%'
WHERE d.kind = 'SUCCESS' ORDER BY d.job, d.at DESC
ON CONFLICT (asset_key) DO UPDATE SET last_materialization = excluded.last_materialization,
  last_run_id = excluded.last_run_id,
  last_materialization_timestamp = excluded.last_materialization_timestamp"""
_STORE_RUNS = f"""
INSERT INTO impler.runs SELECT (n).* FROM (
  SELECT jsonb_populate_record(NULL::impler.runs, to_jsonb(o) || jsonb_build_object(
    'id', left(md5(d.id), 24), 'dagster_run_id', d.id, 'due_at', NULL, 'created_at', d.at,
    'ended_at', d.at)) AS n
  {_FROM} JOIN growth.store_runs o ON o.dagster_run_id = r.run_id) AS copies"""
_SCHEDULE_TICKS = """
INSERT INTO dagster.job_ticks (job_origin_id, selector_id, status, type, timestamp, tick_body)
SELECT j.origin, j.selector, t.status, t.type, d.at, t.tick_body
FROM growth.day d JOIN growth.jobs j USING (job) JOIN growth.ticks t ON t.name = 'schedule'"""
_SENSOR_TICKS = """
INSERT INTO dagster.job_ticks (job_origin_id, selector_id, status, type, timestamp, tick_body)
SELECT t.job_origin_id, t.selector_id, t.status, t.type,
  %(begin)s + interval '1 day' * n / %(number)s, t.tick_body
FROM growth.ticks t, generate_series(1, %(number)s) n WHERE t.name = %(name)s"""
