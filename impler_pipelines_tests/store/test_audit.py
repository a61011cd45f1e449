"""The audit log: by whom, of what, with its change or not at all, without secrets, not for ever."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import Connection, func, text, update

from impler_pipelines import logs
from impler_pipelines.errors import NotFound
from impler_pipelines.model import FieldMapping, ImportJobStatus, ScheduleState, SourceAuth
from impler_pipelines.store import audit, import_jobs, projects, runs, sync
from impler_pipelines.store.audit import AuditEntry
from impler_pipelines.store.tables import audit_log
from impler_pipelines_tests.log_lines import listening
from impler_pipelines_tests.store.shop import HOUR, NOW, Shop


def told(shop: Shop, **where: Any) -> list[AuditEntry]:
    """Oldest first."""
    return shop.do(audit.list_audit, limit=1000, **where)[::-1]


class TestActor:
    @pytest.mark.parametrize(
        ("bound", "actor"),
        [
            pytest.param({"by": "api", "access_key_id": "key-1"}, "key-1", id="api"),
            pytest.param({"by": "cli"}, "cli", id="command-line"),
            pytest.param({}, "system", id="nobody-said-who"),
        ],
    )
    def test_is_who_is_bound(self, shop: Shop, bound: dict[str, str], actor: str) -> None:
        job = shop.add()
        with logs.bound(**bound):
            shop.pause(job)
        assert told(shop, import_job_id=job.id)[-1].actor == actor

    def test_is_the_key_of_a_session_beside_its_user(self, shop: Shop) -> None:
        job = shop.add()
        with logs.bound(by="session", access_key_id="key-1"):
            shop.pause(job)
        with logs.bound(by="api", access_key_id="key-1"):
            shop.resume(job)
        entries = told(shop, import_job_id=job.id)
        assert [(e.actor, e.session_user) for e in entries[1:]] == [
            ("key-1", job.external_user_id),
            ("key-1", None),
        ]

    def test_is_dagster_for_a_switched_schedule(self, shop: Shop) -> None:
        job = shop.add()
        with logs.bound(by="sync"):
            shop.do(sync.adopt_schedule_states, {job.id: ScheduleState(False)}, now=NOW)
            shop.do(sync.adopt_schedule_states, {job.id: ScheduleState(True, NOW + HOUR)}, now=NOW)
        switched = [(one.action, one.actor) for one in told(shop, import_job_id=job.id)[1:]]
        assert switched == [("import_job.paused", "dagster"), ("import_job.resumed", "dagster")]

    def test_is_dagster_for_a_run_started_or_cancelled_there(self, shop: Shop) -> None:
        job = shop.add(run_now=False)
        run = shop.begin(job, by="dagster-7")
        for _ in range(2):  # once: the second time it has ended
            shop.do(sync.adopt_cancellation, run.id, dagster_run_id="dagster-7", now=NOW)
        done = [(e.action, e.actor, e.run_id) for e in told(shop, import_job_id=job.id)[1:]]
        assert done == [("run.asked", "dagster", run.id), ("run.cancelled", "dagster", run.id)]
        assert shop.history(job)[0].error == "Cancelled in Dagster."


class TestRows:
    def test_go_with_the_change(self, shop: Shop) -> None:
        job = shop.add()
        before = told(shop)

        def pause_and_fail(connection: Connection) -> None:
            import_jobs.pause_import_job(connection, job.id, now=NOW)
            raise RuntimeError

        with pytest.raises(RuntimeError):
            shop.do(pause_and_fail)
        assert told(shop) == before
        assert shop.read(job).status is ImportJobStatus.RUNNING

    def test_take_the_change_along(self, shop: Shop) -> None:
        job = shop.add()
        shop.do(lambda c: c.execute(text("ALTER TABLE impler.audit_log RENAME TO away")))
        try:
            with pytest.raises(Exception, match="audit_log"):
                shop.pause(job)
        finally:
            shop.do(lambda c: c.execute(text("ALTER TABLE impler.away RENAME TO audit_log")))
        assert shop.read(job).status is ImportJobStatus.RUNNING

    def test_are_none_for_what_follows_by_itself(self, shop: Shop) -> None:
        job = shop.add()
        shop.do(
            runs.enqueue_run,
            job.id,
            trigger=shop.history(job)[0].trigger,
            due_at=NOW + HOUR,
            now=NOW,
        )
        assert shop.ask(job) in shop.history(job)  # the first run is queued still
        shop.pause(job)
        actions = [entry.action for entry in told(shop, import_job_id=job.id)]
        assert actions == ["import_job.created", "import_job.paused"]
        assert {run.status for run in shop.history(job)} == {"CANCELLED"}

    def test_hold_no_secret_and_say_what_changed(self, shop: Shop) -> None:
        job = shop.add(url="https://shop.example/feed.xml?token=hush", extra={"plan": "gold"})
        shop.change(job, auth=SourceAuth("X-Token", "hush2"), url="https://a.example/f?t=hush3")
        shop.change(job, mappings=(FieldMapping("title", "rss > item > title"),))
        created, edited, mapped = told(shop, import_job_id=job.id)
        assert created.outcome["feed_host"] == "shop.example"
        assert created.outcome["status"] == "RUNNING"
        assert dt.datetime.fromisoformat(created.outcome["next_run"]) > NOW
        assert (edited.action, edited.outcome["fields"]) == ("import_job.edited", "auth,url")
        assert mapped.action == "import_job.mapped"
        stored = repr(shop.do(lambda c: c.execute(audit_log.select()).all()))
        for secret in ("hush", "X-Token", "ann", "gold", "Lamp", "?", "rss > item"):
            assert secret not in stored

    def test_are_beside_a_line_of_the_log(self, shop: Shop) -> None:
        with listening() as lines, logs.bound(by="cli", request_id="r-1"):
            shop.do(projects.create_access_key, "shop")
        (line,) = lines.of("access_key.created")
        entry = told(shop)[-1]
        assert (line["access_key_id"], line["by"]) == (entry.access_key_id, "cli")
        assert entry.request_id == "r-1"


class TestList:
    def test_newest_first_of_project_or_import_job(self, shop: Shop) -> None:
        first, second = shop.add(), shop.add()
        other = shop.add_project("rival")
        assert [e.project for e in told(shop, project_id=other)] == ["rival"]
        assert {e.import_job_id for e in told(shop, import_job_id=first.id)} == {first.id}
        newest = shop.do(audit.list_audit, limit=2)
        assert [e.action for e in newest] == ["access_key.created", "import_job.created"]
        assert newest[1].objects == {"template": shop.template_id, "import_job": second.id}

    def test_sweep_deletes_what_is_older(self, shop: Shop) -> None:
        shop.add()
        shop.do(
            lambda c: c.execute(
                update(audit_log)
                .where(audit_log.c.action == "template.created")
                .values(at=func.now() - HOUR)
            )
        )
        number = len(told(shop))
        half_an_hour_ago = shop.do(projects.database_time) - HOUR / 2
        assert shop.do(audit.sweep_audit, before=half_an_hour_ago) == 1
        assert len(told(shop)) == number - 1
        assert "template.created" not in [entry.action for entry in told(shop)]


class TestKeys:
    def test_made_rotated_and_revoked(self, shop: Shop) -> None:
        project_id = shop.add_project("keys")
        (key,) = shop.do(projects.list_access_keys, project_id=project_id)
        shop.do(projects.rotate_access_key, key.id, grace=HOUR)
        (new,) = [
            one
            for one in shop.do(projects.list_access_keys, project_id=project_id)
            if one.id != key.id
        ]
        shop.do(projects.revoke_access_key, new.id)
        shop.do(projects.revoke_access_key, new.id)  # no-op
        entries = told(shop, project_id=project_id)
        assert [(e.action, e.access_key_id) for e in entries] == [
            ("access_key.created", key.id),
            ("access_key.rotated", key.id),
            ("access_key.revoked", new.id),
        ]
        assert entries[1].outcome["new_access_key_id"] == new.id
        assert "ik_" not in repr(entries)

    def test_unknown_leaves_none(self, shop: Shop) -> None:
        before = told(shop)
        with pytest.raises(NotFound):
            shop.do(projects.revoke_access_key, "nothing")
        assert told(shop) == before
