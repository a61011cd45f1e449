"""The only reader of the environment. It decides nothing: it names, types and defaults settings.

Each field below is the environment variable ``IMPLER_<FIELD>``. A value that can't be understood
raises ``SettingInvalid`` with the variable, the value and what it takes.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from impler_pipelines.errors import SettingInvalid

GIB = 1024**3
_LONGEST_DAYS = 36_500  # a hundred years: dates can be reckoned with
_SOCKET_PATH_LIMIT = 90  # sun_path holds 104 (macOS) to 108 bytes, PostgreSQL's file name included

_RELATIVE_FILE = re.compile(r"(?P<scheme>(?:sqlite|duckdb)(?:\+\w+)?):///(?P<path>(?![/:]).+)")

Port = Annotated[int, Field(ge=1, le=65535)]


def _days(value: object) -> object:
    """Blank is a value of its own: kept for ever."""
    if value is None or not str(value).strip():
        return None
    try:
        days = float(str(value))
    except ValueError:
        days = 0.0
    if not 0 < days <= _LONGEST_DAYS:
        raise ValueError(f"a number of days above 0, up to {_LONGEST_DAYS}, or blank for ever")
    return days


def _number_or_none(value: object) -> object:
    """Blank and 0 are the same: no limit."""
    return value if value is not None and str(value).strip() not in ("", "0") else None


KeptDays = Annotated[float | None, BeforeValidator(_days)]


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


class Settings(BaseSettings):
    """All settings of one process. Build it at the edge and pass it (or its values) inwards."""

    model_config = SettingsConfigDict(env_prefix="IMPLER_", frozen=True, extra="ignore")

    home: Annotated[Path, AfterValidator(_absolute)] = Field(
        default=Path(".impler"), validate_default=True
    )
    database_url: str = Field(default="", repr=False)
    destination_url: str = Field(default="", repr=False)
    api_host: str = "127.0.0.1"
    api_port: Port = 8000
    dagster_host: str = "127.0.0.1"
    dagster_port: Port = 3000
    dagster_url: str = ""
    secret_key: str = Field(default="", repr=False)
    allow_private_addresses: bool = False
    max_requests_per_minute: Annotated[
        Annotated[int, Field(gt=0)] | None, BeforeValidator(_number_or_none)
    ] = 6000
    session_seconds: int = Field(default=3600, gt=0, le=86_400)
    max_feed_bytes: int = Field(default=2 * GIB, gt=0)
    fetch_timeout_seconds: float = Field(default=300, gt=0)
    max_run_seconds: float = Field(default=7200, gt=0)
    max_redirects: int = Field(default=10, ge=0)
    max_header_bytes: int = Field(default=256 * 1024, gt=0)
    max_prolog_bytes: int = Field(default=1024**2, gt=0)
    max_entity_expansion_bytes: int = Field(default=10 * 1024**2, gt=0)
    max_depth: int = Field(default=256, gt=0)
    max_record_bytes: int = Field(default=64 * 1024**2, gt=0)
    max_record_elements: int = Field(default=500_000, gt=0)
    max_attributes: int = Field(default=50_000, gt=0)
    max_name_bytes: int = Field(default=128 * 1024, gt=0)
    max_elements: int = Field(default=100_000_000, gt=0)
    max_paths: int = Field(default=20_000, gt=0)
    max_headings: int = Field(default=10_000, gt=0)
    max_compression_layers: int = Field(default=3, ge=0)
    user_agent: str = ""
    failure_webhook_url: str = Field(default="", repr=False)
    webhook_timeout_seconds: float = Field(default=30, gt=0, le=120)
    mirror_max_deleted_percent: float = Field(default=50, ge=0, le=100)
    preview_rows: int = Field(default=5, ge=0)
    legacy_get: bool = True
    artifacts_url: str = ""
    broker_url: str = Field(default="", repr=False)
    keep_failed_artifacts_hours: float = Field(default=72, ge=0, le=24 * _LONGEST_DAYS)
    keep_runs_days: KeptDays = 30
    keep_unchanged_runs_days: KeptDays = 3
    keep_compute_logs_days: KeptDays = 7
    keep_ticks_days: KeptDays = 7
    keep_webhook_pages_days: KeptDays = 30
    keep_rejects_days: KeptDays = 30
    keep_history_days: KeptDays = 365
    keep_uploads_days: KeptDays = 30
    keep_audit_days: KeptDays = 365
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("database_url")
    @classmethod
    def _store_is_postgres(cls, value: str) -> str:
        if value and not value.startswith(("postgresql://", "postgresql+psycopg://")):
            raise ValueError("a PostgreSQL URL (postgresql://user:password@host:5432/name)")
        return value.replace("postgresql+psycopg://", "postgresql://", 1)

    @field_validator("destination_url")
    @classmethod
    def _destination_is_a_url(cls, value: str) -> str:
        if value and "://" not in value:
            raise ValueError("an SQLAlchemy URL (postgresql://…, sqlite:////path/to/file.db)")
        relative = _RELATIVE_FILE.fullmatch(value)
        if relative:  # processes that share it don't share a working directory
            return f"{relative['scheme']}:///{Path(relative['path']).absolute()}"
        return value

    @field_validator("user_agent")
    @classmethod
    def _user_agent_is_a_header(cls, value: str) -> str:
        if not re.fullmatch(r"[!-~]([ -~]{0,254}[!-~])?|", value):
            raise ValueError("a User-Agent: up to 256 characters of ASCII, who asks and a contact")
        return value

    @field_validator("broker_url")
    @classmethod
    def _broker_is_redis(cls, value: str) -> str:
        if value and not value.startswith(("redis://", "rediss://", "redis+socket://")):
            raise ValueError("a Redis URL (redis://:password@host:6379/0)")
        return value

    @field_validator("failure_webhook_url")
    @classmethod
    def _failure_webhook_is_http(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("an http(s) URL that takes JSON")
        return value

    @field_validator("dagster_url")
    @classmethod
    def _dagster_url_is_http(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("an http(s) URL of Dagster's webserver")
        return value.rstrip("/")

    @classmethod
    def load(cls, **overrides: Any) -> Settings:
        """Read the environment. Raises ``SettingInvalid`` for the first value that is off."""
        try:
            return cls(**overrides)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]) if first["loc"] else "setting"
            takes = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            raise SettingInvalid(f"IMPLER_{name.upper()}", str(first["input"]), takes) from error

    @property
    def uses_embedded_postgres(self) -> bool:
        """Whether PostgreSQL is ours to start."""
        return not self.database_url

    @property
    def postgres_dir(self) -> Path:
        """Where the embedded server keeps its data, its password and, if it fits, its socket."""
        return self.home / "postgres"

    @property
    def postgres_socket_dir(self) -> Path:
        """A directory short enough for a Unix socket's path, the same for every process."""
        return self._short(self.postgres_dir / "socket", "impler")

    @property
    def redis_dir(self) -> Path:
        """Where the local broker of warm workers keeps what is queued."""
        return self.home / "redis"

    @property
    def redis_socket(self) -> Path:
        """The socket of the local broker."""
        return self._short(self.redis_dir, "impler-redis") / "socket"

    @property
    def local_broker_url(self) -> str:
        """The broker that `make run WORKERS=N` starts where none is given."""
        return f"redis+socket://{quote(str(self.redis_socket))}"

    def _short(self, preferred: Path, name: str) -> Path:
        if len(str(preferred).encode()) <= _SOCKET_PATH_LIMIT:
            return preferred
        digest = hashlib.sha256(str(self.home).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"{name}-{digest}"

    @property
    def postgres_password_file(self) -> Path:
        """The password of the role ``impler``, made at the embedded server's first start."""
        return self.home / "database-password"

    @property
    def secret_key_file(self) -> Path:
        """The key that secrets are encrypted with, unless ``IMPLER_SECRET_KEY`` gives one."""
        return self.home / "secret-key"

    @property
    def plain_store_url(self) -> str:
        """``postgresql://…`` without a driver. Raises ``SettingInvalid`` if there is none yet."""
        if self.database_url:
            return self.database_url
        try:
            password = self.postgres_password_file.read_text().strip()
        except OSError as error:
            raise SettingInvalid(
                "IMPLER_HOME",
                str(self.home),
                "a directory that `make run` has started in, or set IMPLER_DATABASE_URL",
            ) from error
        return f"postgresql://impler:{password}@/impler?host={quote(str(self.postgres_socket_dir))}"

    @property
    def store_url(self) -> str:
        """The store's SQLAlchemy URL, on psycopg 3."""
        return self.plain_store_url.replace("postgresql://", "postgresql+psycopg://", 1)

    @property
    def dagster_storage_url(self) -> str:
        """Dagster's own storage: the same database, schema ``dagster``, on psycopg2.

        Under psycopg 3 dagster-postgres fails to create its tables when processes start together.
        The plugin is ``orchestration/kept_connections.py``.
        """
        url = self.plain_store_url.replace("postgresql://", "postgresql+psycopg2://", 1)
        more = "options=-csearch_path%3Ddagster&plugin=impler_kept"
        return f"{url}{'&' if '?' in url else '?'}{more}"

    @property
    def default_destination_url(self) -> str:
        """Where rows go unless a destination names its own URL."""
        return self.destination_url or self.store_url

    @property
    def dagster_webserver_url(self) -> str:
        """Where the sync sensor and the control API reach Dagster."""
        return self.dagster_url or f"http://127.0.0.1:{self.dagster_port}"

    @property
    def dagster_home(self) -> Path:
        """Dagster's DAGSTER_HOME."""
        return self.home / "dagster"

    @property
    def artifacts_base_url(self) -> str:
        """The place of artifacts, as a path or fsspec URL."""
        return self.artifacts_url or str(self.home / "artifacts")
