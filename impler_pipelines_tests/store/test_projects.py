from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from sqlalchemy import select

from impler_pipelines.errors import NotFound, StateConflict
from impler_pipelines.store import projects
from impler_pipelines.store.tables import access_keys
from impler_pipelines.store.tables import projects as projects_table
from impler_pipelines_tests.store.shop import HOUR, Shop, race


class TestAccessKeys:
    def test_belong_to_one_project(self, shop: Shop) -> None:
        keys = [shop.do(projects.create_access_key, name) for name in ("a", "b", "a")]
        owners = [shop.do(projects.project_of_key, key) for key in keys]
        assert owners[0] == owners[2] != owners[1]
        assert len(set(keys)) == 3

    @pytest.mark.parametrize("key", ["", "ik_", "ik_wrong", "a\0b", "\N{SNOWMAN}"])
    def test_unknown(self, shop: Shop, key: str) -> None:
        assert shop.do(projects.project_of_key, key) is None

    def test_revoked(self, shop: Shop) -> None:
        key, other = (shop.do(projects.create_access_key, "a") for _ in range(2))
        known = shop.do(projects.find_access_key, key)
        assert known is not None
        ended = shop.do(projects.revoke_access_key, known.id)
        assert shop.do(projects.project_of_key, key) is None
        assert shop.do(projects.project_of_key, other) == known.project_id
        assert ended.revoked_at is not None
        assert shop.do(projects.revoke_access_key, known.id) == ended

    @pytest.mark.parametrize(
        ("grace", "valid"),
        [
            pytest.param(dt.timedelta(), False, id="at-once"),
            pytest.param(HOUR, True, id="grace"),
        ],
    )
    def test_rotated(self, shop: Shop, grace: dt.timedelta, valid: bool) -> None:
        key = shop.do(projects.create_access_key, "a")
        known = shop.do(projects.find_access_key, key)
        assert known is not None
        former, new = shop.do(projects.rotate_access_key, known.id, grace=grace)
        assert (shop.do(projects.find_access_key, key) is not None) is valid
        assert shop.do(projects.project_of_key, new) == known.project_id
        now = shop.do(projects.database_time)
        assert former.revoked_at is not None
        assert abs(former.revoked_at - now - grace) < dt.timedelta(minutes=1)
        with pytest.raises(StateConflict, match="Rotate another"):
            shop.do(projects.rotate_access_key, known.id)
        shop.do(projects.revoke_access_key, known.id)  # a grace can be cut short
        assert shop.do(projects.project_of_key, key) is None

    def test_rotated_twice_at_once_is_replaced_once(self, shop: Shop) -> None:
        known = shop.do(projects.find_access_key, shop.do(projects.create_access_key, "a"))
        assert known is not None
        _, second = race(
            shop.engine,
            lambda c: projects.rotate_access_key(c, known.id, grace=HOUR),
            lambda c: projects.rotate_access_key(c, known.id, grace=HOUR),
        )
        assert isinstance(second, StateConflict)
        assert len(shop.do(projects.list_access_keys, project_id=known.project_id)) == 2

    @pytest.mark.parametrize("change", [projects.revoke_access_key, projects.rotate_access_key])
    def test_of_no_such_id(self, shop: Shop, change: Callable[..., object]) -> None:
        with pytest.raises(NotFound, match="There is no access key 'nothing'"):
            shop.do(change, "nothing")

    def test_of_a_session_have_its_template(self, shop: Shop) -> None:
        mine, other = (
            shop.do(projects.find_access_key, shop.do(projects.create_access_key, name))
            for name in ("shop", "rival")
        )
        assert mine is not None
        assert other is not None
        find, template_id = projects.find_key_of_session, shop.template_id
        assert shop.do(find, mine.id, template_id=template_id) == mine
        assert shop.do(find, mine.id, template_id="nothing") is None
        assert shop.do(find, "nothing", template_id=template_id) is None
        assert shop.do(find, other.id, template_id=template_id) is None
        shop.do(projects.revoke_access_key, mine.id)
        assert shop.do(find, mine.id, template_id=template_id) is None

    def test_are_listed_with_their_beginning(self, shop: Shop) -> None:
        key = shop.do(projects.create_access_key, "a")
        project_id = shop.do(projects.find_project, "a")
        (listed,) = shop.do(projects.list_access_keys, project_id=project_id)
        assert listed.prefix is not None
        assert key.startswith(listed.prefix)
        assert len(listed.prefix) == 9
        assert (listed.project, listed.revoked_at, listed.last_used_at) == ("a", None, None)
        assert {one.project for one in shop.do(projects.list_access_keys)} == {"a", "shop"}

    def test_are_stored_hashed(self, shop: Shop) -> None:
        key = shop.do(projects.create_access_key, "a")
        stored = shop.do(lambda c: c.execute(select(access_keys)).all())
        assert key not in repr(stored)
        assert key.removeprefix("ik_") not in repr(stored)

    def test_whether_there_is_any(self, shop: Shop) -> None:
        assert shop.do(projects.has_access_keys)
        shop.do(lambda c: c.execute(access_keys.delete()))
        assert not shop.do(projects.has_access_keys)


def test_a_new_project_named_twice_at_once_is_one(shop: Shop) -> None:
    keys = race(
        shop.engine,
        lambda c: projects.create_access_key(c, "new"),
        lambda c: projects.create_access_key(c, "new"),
    )
    assert len({shop.do(projects.project_of_key, str(key)) for key in keys}) == 1
    names = shop.do(lambda c: c.scalars(select(projects_table.c.name)).all())
    assert sorted(names) == ["new", "shop"]


def test_the_databases_clock_is_utc(shop: Shop) -> None:
    now = shop.do(projects.database_time)
    assert now.utcoffset() == dt.timedelta(0)
    assert abs(now - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)
