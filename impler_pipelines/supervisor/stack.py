"""``make run``: the whole stack in the foreground, from the first process to the last one's end.

It decides order and tells the person; starting, watching and stopping are the supervisor's.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection

from impler_pipelines import __version__, logs
from impler_pipelines.errors import StateConflict
from impler_pipelines.settings import Settings
from impler_pipelines.store.engine import open_store, transaction
from impler_pipelines.store.migrations import migrate
from impler_pipelines.store.projects import create_access_key, has_access_keys, project_of_key
from impler_pipelines.store.secrets import secret_box
from impler_pipelines.supervisor import parts as part
from impler_pipelines.supervisor.descendants import MARK, become_subreaper, end, marked
from impler_pipelines.supervisor.embedded_postgres import EmbeddedPostgres
from impler_pipelines.supervisor.home import (
    locked_parts,
    log_file,
    prepare_dagster_home,
    private_directory,
)
from impler_pipelines.supervisor.lifeline import Lifeline
from impler_pipelines.supervisor.ports import free_port, reachable, require_free
from impler_pipelines.supervisor.processes import Supervisor
from impler_pipelines.supervisor.sample.import_job import USER, ControlApi, ensure_sample_job
from impler_pipelines.supervisor.sample.server import feed_url

Say = Callable[[str], None]
FIRST_PROJECT = "default"


def say_line(line: str) -> None:
    """Print a line at once. Whoever read it may be gone: then nothing more is printed."""
    try:
        print(line, flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - stands in until the end


def run_stack(
    settings: Settings,
    *,
    demo: bool = False,
    only: Sequence[str] | None = None,
    workers: int = 0,
    say: Say = say_line,
) -> int:
    """Run until Ctrl-C, SIGTERM, SIGHUP or the end of whoever started this; returns 0.

    ``only`` names parts to run instead of all; ``demo`` adds a sample feed and an import job on
    it, and lets feeds be on private addresses; ``workers`` are kept warm for runs, with a broker
    of their own unless the settings name one. Afterwards no process is left. Must be called in the
    main thread. Raises ``PipelineError`` (``StateConflict``, ``SettingInvalid``,
    ``StoreUnavailable``) when it can't start; what had been started is stopped by then.
    """
    chosen = part.chosen_parts(only, workers=workers, broker=bool(settings.broker_url))
    if part.REDIS in chosen:
        settings = settings.model_copy(update={"broker_url": settings.local_broker_url})
    if demo:  # the sample feed is on loopback
        settings = settings.model_copy(update={"allow_private_addresses": True})
    with Lifeline() as lifeline, locked_parts(settings, chosen):
        become_subreaper()
        _speak(settings, chosen)
        stack = _Stack(settings, chosen, Supervisor(lifeline, say), say, workers, demo=demo)
        try:
            if stack.start():
                stack.supervisor.watch()
        except StateConflict:
            if lifeline.reason is None:  # else: it failed because it was interrupted
                raise
        finally:
            if lifeline.reason is not None:
                say(f"stopping ({lifeline.reason})")
            logs.note("stack.stopping", reason=lifeline.reason or "it could not start")
            stack.supervisor.stop()
            logs.note("stack.stopped")
            say("stopped")
    return 0


def _speak(settings: Settings, chosen: Sequence[str]) -> None:
    """The terminal is for a person; what an operator looks for later is logged beside the parts."""
    logs.configure(
        "supervisor",
        form=settings.log_format,
        level=settings.log_level,
        file=log_file(settings, "supervisor"),
    )
    logs.note("stack.starting", parts=",".join(chosen), home=settings.home, version=__version__)


class _Stack:
    """One start of the chosen parts."""

    def __init__(
        self,
        settings: Settings,
        chosen: tuple[str, ...],
        supervisor: Supervisor,
        say: Say,
        workers: int,
        *,
        demo: bool,
    ) -> None:
        self.settings = settings
        self.chosen = chosen
        self.supervisor = supervisor
        self.say = say
        self.workers = workers
        self.demo = demo

    def start(self) -> bool:
        """Start everything in order; False when asked to stop meanwhile."""
        self._clear_the_way()
        postgres = self._start_database()
        if postgres is not None and postgres.process is not None:
            self.supervisor.adopt(part.database(postgres), postgres.process)
        if self.supervisor.lifeline.wait(0):
            return False
        self._prepare_store()
        mark = f"{self.settings.home}:{secrets.token_hex(8)}"
        environment = part.stack_environment(self.settings) | {MARK: mark}
        parts = part.Parts(self.settings, environment)
        data = postgres.cluster.data if postgres is not None else None
        if not self.supervisor.start([parts.watcher(mark, data)]):
            return False
        if not self._start_servers(parts):
            return False
        logs.note("stack.ready")
        self._tell()
        return not self.demo or self._start_demo(parts)

    def _clear_the_way(self) -> None:
        """End what a killed supervisor left of this home, then check the ports."""
        if set(self.chosen) == set(part.PARTS):
            left = marked(lambda mark: mark.rpartition(":")[0] == str(self.settings.home))
            if left:
                self.say(f"ending {len(left)} processes that an earlier run left behind")
                end(left, 5.0)
        if part.API in self.chosen:
            require_free(self.settings.api_host, self.settings.api_port, "IMPLER_API_PORT")
        if part.WEBSERVER in self.chosen:
            host, port = self.settings.dagster_host, self.settings.dagster_port
            require_free(host, port, "IMPLER_DAGSTER_PORT")

    def _start_database(self) -> EmbeddedPostgres | None:
        if part.DATABASE not in self.chosen or not self.settings.uses_embedded_postgres:
            return None
        self.say("starting database")
        postgres = EmbeddedPostgres(
            self.settings, log=log_file(self.settings, part.DATABASE), say=self.say
        )
        postgres.start(cancelled=lambda: self.supervisor.lifeline.wait(0))
        return postgres

    def _prepare_store(self) -> None:
        """Bring the tables up to date, and make the key that secrets are sealed with."""
        self.say("preparing the store")
        migrate(self.settings.store_url)
        secret_box(self.settings)

    def _start_redis(self, parts: part.Parts) -> bool:
        """The broker of warm workers. Raises ``StateConflict`` where it is not installed."""
        program = shutil.which("redis-server", path=parts.environment["PATH"])
        if program is None:
            raise StateConflict(
                "warm workers need Redis: install redis-server (Debian, Ubuntu: apt install"
                " redis-server), or set IMPLER_BROKER_URL to a Redis that runs"
            )
        self._say_starting(part.REDIS)
        private_directory(self.settings.redis_dir)
        private_directory(self.settings.redis_socket.parent)
        return self.supervisor.start([parts.redis(program)])

    def _start_servers(self, parts: part.Parts) -> bool:
        """The control API needs the store alone; Dagster's two need the code server."""
        port = free_port()
        workspace = prepare_dagster_home(
            self.settings, port if part.CODE_SERVER in self.chosen else None
        )
        if part.REDIS in self.chosen and not self._start_redis(parts):
            return False
        self._say_starting(part.CODE_SERVER, part.API)
        first = {part.API: parts.api(), part.CODE_SERVER: parts.code_server(port)}
        second = {
            part.WEBSERVER: parts.webserver(workspace),
            part.DAEMON: parts.daemon(workspace),
            part.WORKERS: parts.workers(self.workers),
        }
        if not self.supervisor.start([s for name, s in first.items() if name in self.chosen]):
            return False
        self._say_starting(part.WEBSERVER, part.DAEMON, part.WORKERS)
        return self.supervisor.start([s for name, s in second.items() if name in self.chosen])

    def _say_starting(self, *names: str) -> None:
        starting = [name for name in names if name in self.chosen]
        if starting:
            self.say(f"starting {', '.join(starting)}")

    def _tell(self) -> None:
        """What a person needs now: the URLs and, the first time, an access key."""
        lines = ["ready"]
        if part.API in self.chosen:
            base = self._api_url()
            lines.append(f"  control API  {base}/v1  (documentation: {base}/docs)")
        if part.WEBSERVER in self.chosen:
            lines.append(f"  Dagster      {self.settings.dagster_webserver_url}")
        access_key = self._first_access_key()
        if access_key is not None:
            lines.append(f"  access key   {access_key}  (shown this once)")
        lines.append(f"  logs         {self.settings.home / 'logs'}")
        lines.append("  Ctrl-C stops everything")
        for line in lines:
            self.say(line)

    def _api_url(self) -> str:
        return f"http://{reachable(self.settings.api_host)}:{self.settings.api_port}"

    def _first_access_key(self) -> str | None:
        """A key for a first project, when there is none at all yet."""
        with logs.bound(by="supervisor"), self._store() as connection:
            if has_access_keys(connection):
                return None
            return create_access_key(connection, FIRST_PROJECT)

    @contextmanager
    def _store(self) -> Iterator[Connection]:
        engine = open_store(self.settings.store_url)
        try:
            with transaction(engine) as connection:
                yield connection
        finally:
            engine.dispose()

    def _start_demo(self, parts: part.Parts) -> bool:
        """Serve the sample feed, with an import job of the first project on it."""
        port = free_port()
        if not self.supervisor.start([parts.sample_feed(port)]):
            return False
        with ControlApi(f"{self._api_url()}/v1", self._demo_access_key()) as api:
            job = ensure_sample_job(api, feed_url(port))
        self.say(f"  sample feed  {feed_url(port)}, import job {job['_id']} of user {USER}")
        return True

    def _demo_access_key(self) -> str:
        """Our own key to the first project, kept between starts."""
        file = self.settings.home / "demo-access-key"
        if file.exists():
            kept = file.read_text().strip()
            with self._store() as connection:
                if project_of_key(connection, kept) is not None:
                    return kept
        with logs.bound(by="supervisor"), self._store() as connection:
            access_key = create_access_key(connection, FIRST_PROJECT)
        file.touch(mode=0o600)
        file.write_text(f"{access_key}\n")
        return access_key
