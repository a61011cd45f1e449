"""The parts of the stack as commands: what each one is started with. It starts none."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NoReturn

from psycopg.pq import Conninfo

from impler_pipelines.errors import SettingInvalid, StateConflict
from impler_pipelines.settings import Settings
from impler_pipelines.supervisor.child import ChildSpec
from impler_pipelines.supervisor.embedded_postgres import EmbeddedPostgres
from impler_pipelines.supervisor.home import LOCATION_NAME, log_file, prepare_dagster_home
from impler_pipelines.supervisor.ports import LOOPBACK, accepts_connections, answers, listens
from impler_pipelines.supervisor.postgres_cluster import binaries_directory
from impler_pipelines.supervisor.spawn import spawn

DATABASE, CODE_SERVER, WEBSERVER, DAEMON, API = PARTS = (
    "database",
    "code-server",
    "webserver",
    "daemon",
    "api",
)
REDIS, WORKERS = "redis", "workers"  # with warm workers; Redis unless there is a broker
_DEFINITIONS = "impler_pipelines.definitions"


def chosen_parts(
    only: Sequence[str] | None, *, workers: int = 0, broker: bool = False
) -> tuple[str, ...]:
    """The parts to run, in the order of their start; all of them unless ``only`` names some.

    Raises ``SettingInvalid`` for an unknown name, and for Dagster without its code server.
    """
    more = [WORKERS] if broker else [REDIS, WORKERS]
    parts = (*PARTS, *(more if workers else ()))
    if not only:
        return parts
    takes = f"some of {', '.join(parts)}; webserver and daemon need code-server"
    needs_code = {WEBSERVER, DAEMON} & set(only) and CODE_SERVER not in only
    if needs_code or not set(only) <= set(parts):
        raise SettingInvalid("--only", ",".join(only), takes)
    return tuple(part for part in parts if part in only)


def stack_environment(settings: Settings) -> dict[str, str]:
    """The variables that let another process work on this home, plain ``dagster dev`` included.

    Raises ``SettingInvalid`` before the embedded database has been started once.
    """
    return explicit_environment(settings) | {
        "DAGSTER_HOME": str(settings.dagster_home),
        "IMPLER_DAGSTER_STORAGE_URL": settings.dagster_storage_url,
        **({"IMPLER_BROKER_URL": settings.broker_url} if settings.broker_url else {}),
        # A tick of the sync sensor may reload the location, which loads every import job.
        "DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS": "300",
        # Failed runs that operators are told of at a tick: five unless told otherwise.
        "DAGSTER_RUN_STATUS_SENSOR_PROCESS_LIMIT": "50",
    }


def explicit_environment(settings: Settings) -> dict[str, str]:
    """The settings that were given, not left at their defaults, as variables; and the home."""
    given = {
        f"IMPLER_{name.upper()}": _as_text(getattr(settings, name))
        for name in sorted(settings.model_fields_set)
    }
    return given | {"IMPLER_HOME": str(settings.home)}


def _as_text(value: object) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, bool) else str(value)


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Our own environment and ``environment`` over it, with this installation's scripts first."""
    return {
        **os.environ,
        **environment,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
    }


def database(postgres: EmbeddedPostgres) -> ChildSpec:
    """The embedded server: SIGINT is its fast shutdown, SIGQUIT its immediate one."""
    return ChildSpec(
        name=DATABASE,
        launch=postgres.launch,
        log=postgres.log,
        ready=postgres.is_ready,
        stage=0,
        stop_signals=((signal.SIGINT, 7.0), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 1.0)),
        with_descendants=False,  # its backends are the server's to stop
    )


def become_worker(settings: Settings, *, concurrency: int, memory_mb: int) -> NoReturn:
    """Replace this process by Celery's worker, which stops at SIGTERM when its runs are over.

    Raises ``SettingInvalid`` without a broker, ``StateConflict`` where the store's tables are of
    another version, ``StoreUnavailable`` where they can't be looked at.
    """
    if not settings.broker_url:
        raise SettingInvalid("IMPLER_BROKER_URL", "", "a Redis URL (redis://host:6379/0)")
    _refuse_other_tables(settings)
    become(
        settings,
        [
            *("celery", "--app", "impler_pipelines.workers.app", "worker"),
            *("--queues", "dagster", "--concurrency", str(concurrency)),
            *("--max-memory-per-child", str(memory_mb * 1000), "--loglevel", "warning"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ],
    )


def _refuse_other_tables(settings: Settings) -> None:
    from impler_pipelines.store.engine import open_store, transaction
    from impler_pipelines.store.migrations import refuse_other_revision

    engine = open_store(settings.store_url)
    try:
        with transaction(engine) as connection:
            refuse_other_revision(connection)
    finally:
        engine.dispose()


def become(settings: Settings, command: Sequence[str]) -> NoReturn:
    """Replace this process by a program in this installation's environment.

    What is set in our own environment wins; without a ``DAGSTER_HOME`` in it the one below
    ``IMPLER_HOME`` is made. Raises ``StateConflict`` if it can't be started.
    """
    if "DAGSTER_HOME" not in os.environ:
        prepare_dagster_home(settings)
    _become(command, inherited({**stack_environment(settings), **os.environ}))


def become_postgres_program(settings: Settings, command: Sequence[str]) -> NoReturn:
    """Replace this process by one of PostgreSQL's programs, connected to the store's database.

    The embedded server's own programs; for a server of your own those in PATH, which may be of its
    version, if there are any. The password is in the environment, where other accounts don't see
    it. Raises ``StateConflict`` if it can't be started, ``SettingInvalid`` without a database.
    """
    ours, others = str(binaries_directory()), os.environ.get("PATH", os.defpath)
    found = (ours, others) if settings.uses_embedded_postgres else (others, ours)
    connection = {
        option.envvar.decode(): option.val.decode()
        for option in Conninfo.parse(settings.plain_store_url.encode())
        if option.envvar and option.val
    }
    _become(command, {**os.environ, **connection, "PATH": os.pathsep.join(found)})


def _become(command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    try:
        os.execvpe(command[0], list(command), environment)  # noqa: S606 - no shell is wanted
    except OSError as error:
        raise StateConflict(f"{command[0]} can't be started: {error.strerror}") from error


class Parts:
    """Builds the specs of one start; ``environment`` is what every child inherits."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self.settings = settings
        # The scripts of our own virtual environment, also when it isn't activated.
        self.bin = Path(sys.executable).parent
        self.environment = inherited(environment)

    def watcher(self, mark: str, data: Path | None) -> ChildSpec:
        """The process that cleans up should the supervisor be killed."""
        module = "impler_pipelines.supervisor.watcher"
        command = [sys.executable, "-m", module, str(os.getpid()), mark, str(data or "-")]
        # No mark of its own, and it must outlive us.
        unmarked = {k: v for k, v in self.environment.items() if v != mark}
        log = log_file(self.settings, "watcher")
        launch = partial(spawn, command, log=log, environment=unmarked, death_signal=None)
        return ChildSpec(name="watcher", launch=launch, log=log, stage=0)

    def code_server(self, port: int) -> ChildSpec:
        """Dagster's code server: the one of its two kinds that can reload its definitions."""
        command = [
            *(str(self.bin / "dagster"), "code-server", "start"),
            *("--host", LOOPBACK, "--port", str(port)),
            *("--module-name", _DEFINITIONS, "--location-name", LOCATION_NAME),
            "--use-python-environment-entry-point",
            *self._log_format(),
        ]
        return self._spec(CODE_SERVER, command, lambda: accepts_connections(port), stage=1)

    def webserver(self, workspace: Path) -> ChildSpec:
        """Dagster's UI and GraphQL."""
        host, port = self.settings.dagster_host, self.settings.dagster_port
        command = [
            *(str(self.bin / "dagster-webserver"), "--workspace", str(workspace)),
            *("--host", host, "--port", str(port)),
            *self._log_format(),
        ]
        return self._spec(WEBSERVER, command, lambda: answers(host, port, "/server_info"), stage=2)

    def daemon(self, workspace: Path) -> ChildSpec:
        """Dagster's daemon: schedules, sensors, the run queue."""
        command = [
            *(str(self.bin / "dagster-daemon"), "run", "--workspace", str(workspace)),
            *self._log_format(),
        ]
        return self._spec(DAEMON, command, lambda: True, stage=2)

    def api(self) -> ChildSpec:
        """The control API."""
        host, port = self.settings.api_host, self.settings.api_port
        command = [sys.executable, "-m", "impler_pipelines.control_api"]
        return self._spec(API, command, lambda: answers(host, port, "/healthz"), stage=2)

    def redis(self, program: str) -> ChildSpec:
        """The broker of this home's workers, on a socket; what is queued outlives it."""
        directory = self.settings.redis_dir
        socket = self.settings.redis_socket
        command = [
            *(program, "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
            *("--dir", str(directory), "--appendonly", "yes", "--save", "", "--daemonize", "no"),
        ]
        return self._spec(REDIS, command, lambda: listens(socket), stage=0)

    def workers(self, count: int) -> ChildSpec:
        """Warm workers: they finish their runs if those are short, as long as they are let."""
        command = [str(self.bin / "impler-pipelines"), "worker", "--concurrency", str(count)]
        spec = self._spec(WORKERS, command, lambda: True, stage=2)
        return replace(spec, with_descendants=False)  # its processes are Celery's to stop

    def sample_feed(self, port: int) -> ChildSpec:
        """The sample feed's server, for demonstrations."""
        command = [sys.executable, "-m", "impler_pipelines.supervisor.sample.server", str(port)]
        return self._spec("sample-feed", command, lambda: accepts_connections(port), stage=1)

    def _log_format(self) -> list[str]:
        """Dagster's own lines are JSON where ours are; their text has no key=value form."""
        return ["--log-format", "json"] if self.settings.log_format == "json" else []

    def _spec(
        self, name: str, command: list[str], ready: Callable[[], bool], *, stage: int
    ) -> ChildSpec:
        log = log_file(self.settings, name)
        launch = partial(
            spawn,
            command,
            log=log,
            environment=self.environment,
            # Dagster lets a .env file of its working directory overrule the environment; one that
            # lies in the caller's folder may speak of another home.
            directory=self.settings.dagster_home,
        )
        return ChildSpec(name=name, launch=launch, log=log, ready=ready, stage=stage)
