"""Dagster's instance is the same however it is deployed, but for what has to differ."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import psycopg.conninfo
import pytest
import yaml
from dagster import DagsterInstance
from sqlalchemy import Engine, inspect

from impler_pipelines.settings import Settings
from impler_pipelines.workers.launcher import WarmWorkerLauncher
from impler_pipelines_tests.deploy.files import DEPLOY, ROOT, values

WARM = yaml.safe_load((DEPLOY / "celery/dagster.yaml").read_text())


def of_chart(given: dict[str, Any]) -> dict[str, Any]:
    """The ``dagster.yaml`` that Dagster's chart writes of these values.

    As its templates of 1.13 do (``configmap-instance.yaml`` and its helpers) with the keys that we
    give. Run retries are left out where they are off.
    """
    daemon, database = given["dagsterDaemon"], given["postgresql"]
    storage = {
        "postgres_db": {
            "username": database["postgresqlUsername"],
            "password": {"env": "DAGSTER_PG_PASSWORD"},
            "hostname": database["postgresqlHost"],
            "db_name": database["postgresqlDatabase"],
            "port": database["service"]["port"],
            "params": database["postgresqlParams"],
            "scheme": database["postgresqlScheme"],
        }
    }
    queue = daemon["runCoordinator"]["config"]["queuedRunCoordinator"]
    monitoring = daemon["runMonitoring"]
    retention = given["retention"]
    launcher = given["runLauncher"]["config"]["customRunLauncher"]
    return {
        "scheduler": {"module": "dagster.core.scheduler", "class": "DagsterDaemonScheduler"},
        "schedule_storage": {
            "module": "dagster_postgres.schedule_storage",
            "class": "PostgresScheduleStorage",
            "config": storage,
        },
        "run_storage": {
            "module": "dagster_postgres.run_storage",
            "class": "PostgresRunStorage",
            "config": storage,
        },
        "event_log_storage": {
            "module": "dagster_postgres.event_log",
            "class": "PostgresEventLogStorage",
            "config": storage,
        },
        "run_launcher": launcher,
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": "QueuedRunCoordinator",
            "config": {
                "max_concurrent_runs": queue["maxConcurrentRuns"],
                "tag_concurrency_limits": queue["tagConcurrencyLimits"],
                "dequeue_interval_seconds": queue["dequeueIntervalSeconds"],
                "dequeue_use_threads": queue["dequeueUseThreads"],
            },
        },
        "compute_logs": {
            "module": "dagster._core.storage.noop_compute_log_manager",
            "class": given["computeLogManager"]["type"],
        },
        "run_monitoring": {
            "enabled": monitoring["enabled"],
            "start_timeout_seconds": monitoring["startTimeoutSeconds"],
            "max_runtime_seconds": monitoring["maxRuntimeSeconds"],
            "max_resume_run_attempts": monitoring["maxResumeRunAttempts"],
            "poll_interval_seconds": monitoring["pollIntervalSeconds"],
        },
        "sensors": {
            "use_threads": daemon["sensors"]["useThreads"],
            "num_workers": daemon["sensors"]["numWorkers"],
        },
        "schedules": {
            "use_threads": daemon["schedules"]["useThreads"],
            "num_workers": daemon["schedules"]["numWorkers"],
            "num_submit_workers": daemon["schedules"]["numSubmitWorkers"],
        },
        "telemetry": {"enabled": given["telemetry"]["enabled"]},
        "retention": {
            kind: {"purge_after_days": retention[kind]["purgeAfterDays"]}
            for kind in ("schedule", "sensor")
        },
        **given["additionalInstanceConfig"],
    }


def load(instance: dict[str, Any], directory: Path) -> DagsterInstance:
    """What Dagster makes of it; its tables are made at once."""
    directory.mkdir()
    (directory / "dagster.yaml").write_text(yaml.safe_dump(instance))
    return DagsterInstance.from_config(str(directory))


@pytest.fixture
def charts_values(store_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """``values.yaml`` on the test's database, with the variables that both instances name.

    That database is on a socket; what else the values say of it stays as it is.
    """
    settings = Settings.load(database_url=store_url)
    where = psycopg.conninfo.conninfo_to_dict(settings.plain_store_url)
    monkeypatch.setenv("IMPLER_DAGSTER_STORAGE_URL", settings.dagster_storage_url)
    monkeypatch.setenv("DAGSTER_HOME", "/opt/dagster/dagster_home")
    monkeypatch.setenv("IMPLER_BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("DAGSTER_PG_PASSWORD", str(where["password"]))
    given = values()
    assert given["postgresql"]["postgresqlUsername"] == where["user"]
    given["postgresql"] |= {"postgresqlHost": "", "postgresqlDatabase": where["dbname"]}
    given["postgresql"]["postgresqlParams"] |= {"host": where["host"]}
    return given


class TestWarmWorkers:
    def test_it_is_the_projects_but_for_what_it_says(self) -> None:
        expected = yaml.safe_load((ROOT / "dagster.yaml").read_text())
        warm = copy.deepcopy(WARM)
        assert warm.pop("run_launcher")["class"] == WarmWorkerLauncher.__name__
        # A run may have to wait for a worker.
        patience = warm["run_monitoring"].pop("start_timeout_seconds")
        assert patience > expected["run_monitoring"].pop("start_timeout_seconds")
        assert warm == expected


class TestChart:
    def test_what_its_values_say_is_the_same_instance(
        self, tmp_path: Path, charts_values: dict[str, Any]
    ) -> None:
        with (
            load(WARM, tmp_path / "warm") as warm,
            load(of_chart(charts_values), tmp_path / "chart") as chart,
        ):
            assert type(chart.run_launcher) is type(warm.run_launcher) is WarmWorkerLauncher
            assert chart.get_concurrency_config() == warm.get_concurrency_config()
            for name in ("dequeue_interval_seconds", "dequeue_use_threads"):
                assert getattr(chart.run_coordinator, name) == getattr(warm.run_coordinator, name)
            for name in ("schedules", "sensors", "retention", "telemetry", "nux"):
                assert chart.get_settings(name) == warm.get_settings(name), name
            monitoring = warm.get_settings("run_monitoring")
            assert monitoring.items() <= chart.get_settings("run_monitoring").items()
            assert not warm.run_retries_enabled
            assert not chart.run_retries_enabled

    def test_dagsters_tables_are_in_their_schema(
        self, tmp_path: Path, charts_values: dict[str, Any], store_engine: Engine
    ) -> None:
        with load(of_chart(charts_values), tmp_path / "chart") as chart:
            assert chart.get_runs() == []
        tables = inspect(store_engine).get_table_names(schema="dagster")
        assert {"runs", "event_logs", "job_ticks"} <= set(tables)
