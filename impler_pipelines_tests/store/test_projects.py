from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import select, update

from impler_pipelines.store import projects
from impler_pipelines.store.tables import access_keys
from impler_pipelines.store.tables import projects as projects_table
from impler_pipelines_tests.store.shop import NOW, Shop, race


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
        key = shop.do(projects.create_access_key, "a")
        shop.do(lambda c: c.execute(update(access_keys).values(revoked_at=NOW)))
        assert shop.do(projects.project_of_key, key) is None

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
