"""Settings: defaults, derived URLs, and one line for each value that can't be understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from impler_pipelines.errors import SettingInvalid
from impler_pipelines.settings import Settings


@pytest.mark.parametrize(
    ("variable", "value", "takes"),
    [
        pytest.param("IMPLER_API_PORT", "abc", "integer", id="no-number"),
        pytest.param("IMPLER_API_PORT", "70000", "65535", id="no-port"),
        pytest.param("IMPLER_DATABASE_URL", "mysql://x", "PostgreSQL URL", id="not-postgres"),
        pytest.param("IMPLER_DESTINATION_URL", "rows.db", "SQLAlchemy URL", id="no-url"),
        pytest.param("IMPLER_DAGSTER_URL", "dagster:3000", "http", id="no-http"),
        pytest.param("IMPLER_ALLOW_PRIVATE_ADDRESSES", "perhaps", "boolean", id="no-boolean"),
        pytest.param("IMPLER_MAX_FEED_BYTES", "0", "greater than 0", id="nothing"),
        pytest.param("IMPLER_MAX_REQUESTS_PER_MINUTE", "-1", "greater than 0", id="no-limit"),
        pytest.param("IMPLER_MAX_REQUESTS_PER_MINUTE", "many", "integer", id="no-count"),
        pytest.param("IMPLER_KEEP_RUNS_DAYS", "0", "above 0", id="kept-not-at-all"),
        pytest.param("IMPLER_KEEP_TICKS_DAYS", "a week", "blank for ever", id="no-days"),
        pytest.param("IMPLER_KEEP_COMPUTE_LOGS_DAYS", "1e9", "up to 36500", id="beyond-dates"),
        pytest.param(
            "IMPLER_KEEP_FAILED_ARTIFACTS_HOURS", "1e9", "876000", id="hours-beyond-dates"
        ),
        pytest.param("IMPLER_PREVIEW_ROWS", "-1", "greater than or equal to 0", id="negative"),
    ],
)
def test_a_value_that_is_off_is_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, takes: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingInvalid) as refused:
        Settings.load()
    message = str(refused.value)
    assert variable in message
    assert repr(value) in message
    assert takes in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param("sqlite:///rows.db", "sqlite:///{cwd}/rows.db", id="relative"),
        pytest.param("sqlite:////srv/rows.db", "sqlite:////srv/rows.db", id="absolute"),
        pytest.param("duckdb:///a/b.db", "duckdb:///{cwd}/a/b.db", id="duckdb"),
        pytest.param("sqlite:///:memory:", "sqlite:///:memory:", id="memory"),
        pytest.param("postgresql://h/d", "postgresql://h/d", id="server"),
    ],
)
def test_a_file_is_the_same_from_every_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str, kept: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings(destination_url=given).destination_url == kept.format(cwd=tmp_path)


@pytest.mark.parametrize(
    ("value", "days"),
    [
        pytest.param("14", 14, id="whole"),
        pytest.param("0.5", 0.5, id="half-a-day"),
        pytest.param("", None, id="blank-for-ever"),
        pytest.param(" ", None, id="spaces-for-ever"),
    ],
)
def test_days_that_history_is_kept(
    monkeypatch: pytest.MonkeyPatch, value: str, days: float | None
) -> None:
    monkeypatch.setenv("IMPLER_KEEP_RUNS_DAYS", value)
    assert Settings.load().keep_runs_days == days


def test_dagsters_storage_is_its_own_schema_on_psycopg2() -> None:
    settings = Settings(database_url="postgresql://u:p@h:5432/d?sslmode=require")
    assert settings.store_url == "postgresql+psycopg://u:p@h:5432/d?sslmode=require"
    assert settings.dagster_storage_url == (
        "postgresql+psycopg2://u:p@h:5432/d?sslmode=require&options=-csearch_path%3Ddagster"
        "&plugin=impler_kept"
    )


def test_the_socket_path_stays_short(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-rather-long-directory"] * 5)
    assert len(str(Settings(home=deep).postgres_socket_dir)) < 90


def test_secrets_are_not_shown() -> None:
    assert "hush" not in repr(Settings(secret_key="hush"))
