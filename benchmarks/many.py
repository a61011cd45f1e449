"""Many import jobs in a stack's store at once, and what the stack's processes take meanwhile."""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace

import psutil

from impler_pipelines.model import (
    Column,
    FieldMapping,
    Heading,
    ImportJob,
    Interval,
    TemplateMode,
    Unit,
)
from impler_pipelines.orchestration.runtime import Runtime, utc_now
from impler_pipelines.settings import Settings
from impler_pipelines.store import import_jobs, projects, templates
from impler_pipelines.store.destinations import TableSpec
from impler_pipelines_tests.end_to_end.running_stack import RunningStack
from impler_pipelines_tests.store.shop import NEW

RARELY = Interval(120, Unit.MONTHS, starts_on=dt.date(2026, 1, 1))  # nothing shall come due
PARTS = ("database", "code-server", "webserver", "daemon", "api")
_OF_WORKERS = ("redis", "workers")
_JOBS_A_TEMPLATE = 50
_COLUMNS = (Column("title", "Title", is_required=True),)
_RECORD = "rss > channel > item"
_TITLE = f"{_RECORD} > title"
# Of a feed as `end_to_end.shop` has one.
_NEW = replace(
    NEW,
    headings=(Heading(_TITLE, ("Lamp",), 4, repeated=False),),
    record_path=_RECORD,
    mappings=(FieldMapping("title", _TITLE),),
    auth=None,
    run_now=False,
)


def add_import_jobs(
    stack: RunningStack,
    count: int,
    *,
    interval: Callable[[int], Interval] = lambda _: RARELY,
    url: Callable[[int], str] = lambda _: _NEW.url,
) -> list[ImportJob]:
    """Write import jobs of the stack's project into its store; none has a first run."""
    runtime = Runtime(Settings.load(home=stack.home, database_url=""))
    made = fill(runtime, count, stack.access_key, now=utc_now(), interval=interval, url=url)
    runtime.engine.dispose()
    return made


def fill(
    runtime: Runtime,
    count: int,
    access_key: str,
    *,
    now: dt.datetime,
    interval: Callable[[int], Interval] = lambda _: RARELY,
    url: Callable[[int], str] = lambda _: _NEW.url,
) -> list[ImportJob]:
    """The same in any store, of the access key's project, made at the moment ``now``."""
    made = []
    with runtime.transaction() as connection:
        project_id = projects.project_of_key(connection, access_key)
        if project_id is None:
            raise SystemExit("the key has no project")
        for number in range(count):
            if number % _JOBS_A_TEMPLATE == 0:
                template = templates.create_template(
                    connection,
                    runtime.secrets,
                    project_id=project_id,
                    name=f"Products {number}",
                    mode=TemplateMode.AUTOMATIC,
                    columns=_COLUMNS,
                    destination_specs=[TableSpec(f"products_{number}")],
                    now=now,
                )
            new = replace(_NEW, url=url(number), interval=interval(number))
            made.append(
                import_jobs.create_import_job(
                    connection,
                    runtime.secrets,
                    new,
                    project_id=project_id,
                    template_id=template.id,
                    now=now,
                )
            )
    return made


def cpu_seconds(stack: RunningStack) -> dict[str, float]:
    """CPU seconds so far of each part's living processes and those they have waited for."""
    return {part: sum(map(_cpu, _of_part(stack, part))) for part in _parts(stack)}


def memory_mb(stack: RunningStack) -> dict[str, float]:
    """Megabytes of each part's processes, what they share counted in parts."""
    return {
        part: sum(map(_proportional_bytes, _of_part(stack, part))) / 1e6 for part in _parts(stack)
    }


def _parts(stack: RunningStack) -> tuple[str, ...]:
    return (*PARTS, *(_OF_WORKERS if stack.workers else ()))


def _of_part(stack: RunningStack, part: str) -> list[psutil.Process]:
    found = stack.processes(part)
    if part == "database":  # each connection is a process of its own
        found += [child for process in found for child in process.children(recursive=True)]
    return found


def _proportional_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.NoSuchProcess:  # a connection that was closed meanwhile
        return 0


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:  # its parent has waited for it
        return 0.0
    return sum((times.user, times.system, times.children_user, times.children_system))


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent are not above."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def pinned(processes: Sequence[psutil.Process], core: int) -> None:
    """Let the processes run on one core alone."""
    for process in processes:
        process.cpu_affinity([core])
