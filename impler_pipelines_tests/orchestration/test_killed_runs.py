"""SIGKILL at every op's end and inside of loads, in every mode: what is there then is the same.

Each story has loaded one feed and is killed while it loads the next; the Run is then executed
again, as the sync sensor does it. Rows, counts and the pages that the receiver tells apart are
those of a run that nobody disturbed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from impler_pipelines.model import ImportJob, LoadMode, Run, RunStatus, TemplateMode
from impler_pipelines.orchestration.runtime import utc_now
from impler_pipelines.store import runs, templates
from impler_pipelines.store.destinations import DestinationSpec, TableSpec, WebhookSpec
from impler_pipelines_tests.orchestration.conftest import COLUMNS, World
from impler_pipelines_tests.orchestration.feeds import rss
from impler_pipelines_tests.orchestration.killed import (
    NEVER,
    Moment,
    in_a_process,
    sent_in_a_process,
)
from impler_pipelines_tests.orchestration.receiver import Receiver

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
]

FIRST = rss(*((f"T{n}", f"/{n}", str(n)) for n in range(8)), ("Bad", "/bad", "none"))
SECOND = rss(
    *((f"T{n}", f"/{n}", str(n + n % 2)) for n in range(2, 12)),
    ("Bad", "/bad", "no"),
    ("T2", "/2", "9"),
)
COUNTS = ("records", "filtered", "valid", "invalid", "inserted", "updated", "unchanged", "deleted")
_INSIDE = 4  # with the four ops 56 kills in seven stories
OPS = ("fetch_feed", "extract_records", "map_columns", "load_rows")


@dataclass
class Story:
    """An import job that has loaded ``FIRST`` into destinations of its own."""

    world: World
    receiver: Receiver
    name: str
    mode: str
    job: ImportJob = field(init=False)

    def __post_init__(self) -> None:
        world = self.world
        with world.runtime.transaction() as connection:
            template = templates.create_template(
                connection,
                world.runtime.secrets,
                project_id=world.project_id,
                name=self.name,
                mode=TemplateMode.AUTOMATIC,
                columns=COLUMNS,
                destination_specs=list(self._destinations()),
                now=utc_now(),
            )
        self.job = world.add_import_job(template_id=template.id, external_user_id=self.name)
        assert self._load(FIRST, NEVER).status is RunStatus.SUCCESS
        self.send(NEVER)

    def _destinations(self) -> Iterator[DestinationSpec]:
        if self.mode != "webhook":
            mode = LoadMode(self.mode.partition(" ")[0])
            yield TableSpec(self.name, table=self.name, mode=mode)
        if "webhook" in self.mode:
            yield WebhookSpec(self.receiver.url, 3, 5, 60, include_invalid=True, changes_only=True)

    def loads(self, moment: Moment) -> tuple[int, Run]:
        """Load ``SECOND`` in a process that dies at that moment, then again, until it is done."""
        made = -1
        self.world.feeds.routes["/feed.xml"] = (200, {}, SECOND)
        asked = self._ask()
        made = in_a_process(self.world.runtime.settings, self.job.id, asked.id, moment)
        if made < 0:
            with self.world.runtime.transaction() as connection:
                runs.give_back(connection, asked.id, dagster_run_id=None, now=utc_now())
            if self._run(asked).status is RunStatus.QUEUED:
                in_a_process(self.world.runtime.settings, self.job.id, asked.id)
        return made, self._run(asked)

    def send(self, moment: Moment) -> int:
        """Send what waits, in a process that dies at that moment, and then what is left."""
        if "webhook" not in self.mode:
            return 0
        made = sent_in_a_process(self.world.runtime.settings, moment)
        with self.world.runtime.transaction() as connection:
            later = "UPDATE impler.webhook_pages SET claimed_until = NULL"
            connection.execute(text(later))
        if made < 0:
            sent_in_a_process(self.world.runtime.settings)
        return made

    def _load(self, feed: str, moment: Moment) -> Run:
        self.world.feeds.routes["/feed.xml"] = (200, {}, feed)
        asked = self._ask()
        in_a_process(self.world.runtime.settings, self.job.id, asked.id, moment)
        return self._run(asked)

    def _ask(self) -> Run:
        with self.world.runtime.transaction() as connection:
            return runs.run_now(connection, self.job.id, now=utc_now())

    def _run(self, run: Run) -> Run:
        with self.world.runtime.transaction() as connection:
            return runs.get_run(connection, job_id=self.job.id, run_id=run.id)

    def outcome(self, run: Run) -> dict[str, Any]:
        """What there is to compare."""
        mine = [page for page in self.receiver.distinct if page["externalUserId"] == self.name]
        number = {id_: at for at, id_ in enumerate(dict.fromkeys(p["uploadId"] for p in mine))}
        kept = ("page", "totalPages", "totalRecords", "isInvalidRecords", "data")
        return {
            "status": run.status,
            "error": run.error,
            "counts": {name: getattr(run, name) for name in COUNTS},
            "rows": self._rows(),
            "pages": [(number[p["uploadId"]], *(p[name] for name in kept)) for p in mine],
            "runs": [(one.trigger, one.status) for one in self.world.runs(self.job)],
            "rejects": self._rejects(run),
        }

    def _rows(self) -> list[tuple[Any, ...]]:
        if self.mode == "webhook":
            return []
        settings = self.world.runtime.settings
        schema = "" if settings.destination_url else "imports."
        engine = create_engine(settings.default_destination_url)
        try:
            with engine.connect() as connection:
                query = f'SELECT link, title, price, _row_key FROM {schema}"{self.name}"'
                return sorted(tuple(row) for row in connection.execute(text(query)))
        finally:
            engine.dispose()

    def _rejects(self, run: Run) -> list[tuple[int, tuple[str, ...]]]:
        with self.world.runtime.transaction() as connection:
            found = runs.list_rejects(connection, run.id)
        return [(one.index, tuple(error.rule for error in one.errors)) for one in found]


@pytest.mark.parametrize("world", ["store"], indirect=True)
class TestAtOnce:
    def test_two_import_jobs_into_one_table(self, world: World) -> None:
        """They end with the rows of one after the other, each with its own."""
        one, two = (world.add_import_job(external_user_id=user) for user in ("ann", "bob"))
        world.feeds.routes["/feed.xml"] = (200, {}, SECOND)
        with ThreadPoolExecutor(2) as both:
            [*both.map(lambda job: execute(world, job, world.runs(job)[0]), (one, two))]
        for job in (one, two):
            (run,) = world.runs(job)
            assert (run.status, run.inserted, run.invalid) == (RunStatus.SUCCESS, 10, 2)
        rows = [(row.link, row.title, row.price) for row in world.rows()]
        assert len(rows) == 20
        assert rows[::2] == rows[1::2]

    def test_the_same_import_job_started_twice(self, world: World) -> None:
        """One of them loads; the other is told so, and changes nothing."""
        job = world.add_import_job(run_now=False)
        world.feeds.routes["/feed.xml"] = (200, {}, SECOND)
        with world.runtime.transaction() as connection:
            asked = runs.run_now(connection, job.id, now=utc_now())
        with ThreadPoolExecutor(2) as both:
            [*both.map(lambda _: execute(world, job, asked), range(2))]
        execute(world, job, asked)  # and launched once more when all is over
        (run,) = world.runs(job)
        assert (run.status, run.attempts, run.inserted) == (RunStatus.SUCCESS, 1, 10)
        assert len(world.rows()) == 10


def execute(world: World, job: ImportJob, run: Run) -> None:
    """Execute a Run in a process of its own."""
    in_a_process(world.runtime.settings, job.id, run.id)


@pytest.fixture
def receiver(world: World) -> Receiver:
    return Receiver(world.feeds)


@pytest.mark.parametrize(
    ("world", "mode"),
    [
        ("store", "upsert"),
        ("store", "append"),
        ("store", "mirror"),
        ("store", "webhook"),
        ("store", "upsert webhook"),
        ("sqlite", "append"),
        ("sqlite", "mirror webhook"),
    ],
    indirect=["world"],
)
def test_a_killed_run_ends_as_if_undisturbed(
    world: World, receiver: Receiver, mode: str, subtests: pytest.Subtests
) -> None:
    calm = Story(world, receiver, "calm", mode)
    statements, run = calm.loads(NEVER)
    tries = calm.send(NEVER)
    expected = calm.outcome(run)
    assert run.status is RunStatus.SUCCESS
    assert run.inserted

    dice = random.Random(mode)
    inside = sorted(dice.sample(range(statements), _INSIDE))
    moments = [Moment(op=op) for op in OPS] + [Moment(statement=n) for n in inside]
    for number, moment in enumerate(moments):
        with subtests.test(str(moment)):
            story = Story(world, receiver, f"story_{number}", mode)
            made, run = story.loads(moment)
            assert made < 0, "it was not killed"
            sending = Moment(statement=dice.randrange(tries)) if tries > 1 else NEVER
            story.send(sending)
            assert story.outcome(run) == expected
