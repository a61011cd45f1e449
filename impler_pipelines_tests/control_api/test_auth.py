"""Access keys at the door: those that are not valid are told alike; use is noted now and then."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import Engine, event, func, update

from impler_pipelines.store import projects
from impler_pipelines.store.engine import transaction
from impler_pipelines.store.projects import AccessKey
from impler_pipelines.store.tables import access_keys
from impler_pipelines_tests.control_api.conftest import host_app, new_key
from impler_pipelines_tests.control_api.host_app import problem


def found(engine: Engine, key: str) -> AccessKey:
    with transaction(engine) as connection:
        known = projects.find_access_key(connection, key)
    assert known is not None
    return known


def revoked(engine: Engine) -> str:
    key = new_key(engine)
    with transaction(engine) as connection:
        projects.revoke_access_key(connection, found(engine, key).id)
    return key


def expired(engine: Engine) -> str:
    """One that was rotated, and whose grace is over."""
    key = new_key(engine)
    known = found(engine, key)
    with transaction(engine) as connection:
        projects.rotate_access_key(connection, known.id, grace=dt.timedelta(hours=1))
        past = func.now() - dt.timedelta(seconds=1)
        connection.execute(
            update(access_keys).where(access_keys.c.id == known.id).values(revoked_at=past)
        )
    return key


class TestKeys:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_that_are_not_valid_are_told_alike(
        self, base_url: str, engine: Engine, method: str
    ) -> None:
        foreign = f"{new_key(engine)[:-1]}~"  # well made, by nobody here
        answers = []
        for key in (revoked(engine), expired(engine), foreign, "x"):
            with host_app(base_url, key) as app:
                answers.append(app.call(method, "/v1/templates"))
        for answer in answers:
            assert answer.status_code == 401
            assert problem(answer)["message"] == "No project has this access key."
        assert len({answer.content for answer in answers}) == 1
        headers = [{n for n in answer.headers if n != "date"} for answer in answers]
        assert all(names == headers[0] for names in headers)

    def test_that_are_rotated_are_valid_for_their_grace(
        self, base_url: str, engine: Engine
    ) -> None:
        old = new_key(engine)
        with host_app(base_url, old) as app:
            template = app.template()
            with transaction(engine) as connection:
                _, new = projects.rotate_access_key(
                    connection, found(engine, old).id, grace=dt.timedelta(hours=1)
                )
            app.ok("GET", f"/v1/templates/{template['_id']}")
        with host_app(base_url, new) as app:
            app.ok("GET", f"/v1/templates/{template['_id']}")

    def test_that_are_revoked_end_at_once(self, base_url: str, engine: Engine) -> None:
        key = new_key(engine)
        with host_app(base_url, key) as app:
            app.ok("GET", "/v1/templates")
            with transaction(engine) as connection:
                projects.revoke_access_key(connection, found(engine, key).id)
            app.refused(401, "GET", "/v1/templates")


class TestUse:
    def test_is_noted_and_no_other_read_writes(self, base_url: str, engine: Engine) -> None:
        key = new_key(engine)
        assert found(engine, key).last_used_at is None
        with host_app(base_url, key) as app:
            app.ok("GET", "/v1/templates")
            first = found(engine, key).last_used_at
            assert first is not None
            assert abs(first - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)
            app.ok("GET", "/v1/templates")
            assert found(engine, key).last_used_at == first

    def test_is_written_once_an_hour(self, engine: Engine) -> None:
        key, hour, now = new_key(engine), dt.timedelta(hours=1), dt.datetime.now(dt.UTC)
        writes = []

        def listen(*arguments: object) -> None:
            writes.extend(word for word in arguments if str(word).startswith("UPDATE"))

        event.listen(engine, "before_cursor_execute", listen)
        try:
            for at in (now, now + hour / 2, now + hour, now + hour * 1.5):
                with transaction(engine) as connection:
                    known = projects.find_access_key(connection, key)
                    assert known is not None
                    projects.note_used(connection, known, now=at)
        finally:
            event.remove(engine, "before_cursor_execute", listen)
        assert len(writes) == 2
        assert found(engine, key).last_used_at == now + hour
