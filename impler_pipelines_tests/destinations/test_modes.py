"""What each mode does to rows, counted exactly, on every kind of destination."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from impler_pipelines.destinations.description import count_rows
from impler_pipelines.destinations.sql import table_exists
from impler_pipelines.errors import DestinationRefused
from impler_pipelines.model import LoadCounts, LoadMode
from impler_pipelines_tests.destinations.tables_at_hand import NOVEMBER, load, read, row


class TestUpsert:
    def test_the_first_load_makes_the_table(self, engine: sa.Engine) -> None:
        assert not table_exists(engine, "products")
        rows = [
            row("a", "Lamp", price=10.5, stock=3, published=NOVEMBER),
            row("b", None),
            row("c", ""),
        ]
        assert load(engine, rows) == LoadCounts(inserted=3)
        assert table_exists(engine, "products")
        assert read(engine, "_row_key", "title", "price", "stock") == [
            ("a", "Lamp", 10.5, 3),
            ("b", None, None, None),
            ("c", "", None, None),
        ]
        assert read(engine, "_import_job_id", "_external_user_id", "_run_id")[0] == (
            "job1",
            "ann",
            "run1",
        )

    def test_counts_new_changed_and_unchanged_rows(self, engine: sa.Engine) -> None:
        load(engine, [row("a", "Lamp", price=1.0), row("b", None), row("c", "Rug")])
        again = [row("a", "Lamp", price=2.0), row("b", None), row("c", None), row("d", "New")]
        assert load(engine, again, run="run2") == LoadCounts(inserted=1, updated=2, unchanged=1)
        assert read(engine, "_row_key", "title", "price", "_run_id") == [
            ("a", "Lamp", 2.0, "run2"),
            ("b", None, None, "run1"),
            ("c", None, None, "run2"),
            ("d", "New", None, "run2"),
        ]

    def test_a_row_that_left_the_feed_stays(self, engine: sa.Engine) -> None:
        load(engine, [row("a"), row("b")])
        assert load(engine, [row("b")], run="run2") == LoadCounts(unchanged=1)
        assert [key for (key,) in read(engine, "_row_key")] == ["a", "b"]


class TestAppend:
    def test_every_run_adds_its_rows(self, engine: sa.Engine) -> None:
        rows = [row("a"), row("b")]
        assert load(engine, rows, mode=LoadMode.APPEND) == LoadCounts(inserted=2)
        assert load(engine, rows, run="run2", mode=LoadMode.APPEND) == LoadCounts(inserted=2)
        assert read(engine, "_row_key", "_run_id") == [
            ("a", "run1"),
            ("a", "run2"),
            ("b", "run1"),
            ("b", "run2"),
        ]

    def test_the_same_run_again_replaces_its_own_rows(self, engine: sa.Engine) -> None:
        load(engine, [row("a")], run="run0", mode=LoadMode.APPEND)
        load(engine, [row("a"), row("b")], mode=LoadMode.APPEND)
        again = load(engine, [row("a", "Desk"), row("c")], mode=LoadMode.APPEND)
        assert again == LoadCounts(inserted=2)
        assert read(engine, "_row_key", "title", "_run_id") == [
            ("a", "Lamp", "run0"),
            ("a", "Desk", "run1"),
            ("c", "Lamp", "run1"),
        ]


class TestMirror:
    def test_rows_that_left_the_feed_are_deleted(self, engine: sa.Engine) -> None:
        load(engine, [row("a"), row("b"), row("c")], mode=LoadMode.MIRROR)
        counts = load(
            engine, [row("b"), row("c", "Desk"), row("d")], run="run2", mode=LoadMode.MIRROR
        )
        assert counts == LoadCounts(inserted=1, updated=1, unchanged=1, deleted=1)
        assert [key for (key,) in read(engine, "_row_key")] == ["b", "c", "d"]

    def test_an_empty_feed_empties_the_import_jobs_rows_alone(self, engine: sa.Engine) -> None:
        load(engine, [row("a"), row("b")], mode=LoadMode.MIRROR)
        load(engine, [row("a")], job="job2", user="bob", mode=LoadMode.MIRROR)
        assert load(engine, [], run="run2", mode=LoadMode.MIRROR) == LoadCounts(deleted=2)
        assert read(engine, "_import_job_id", "_row_key") == [("job2", "a")]


@pytest.mark.parametrize("mode", LoadMode)
class TestEveryMode:
    def test_two_users_rows_with_the_same_key_are_two_rows(
        self, engine: sa.Engine, mode: LoadMode
    ) -> None:
        load(engine, [row("a", "Ann's")], mode=mode)
        counts = load(engine, [row("a", "Bob's")], job="job2", user="bob", run="run2", mode=mode)
        assert counts == LoadCounts(inserted=1)
        assert read(engine, "_external_user_id", "title") == [("ann", "Ann's"), ("bob", "Bob's")]

    def test_nothing_to_load_still_makes_the_table(self, engine: sa.Engine, mode: LoadMode) -> None:
        assert load(engine, [], mode=mode) == LoadCounts()
        assert table_exists(engine, "products")
        assert read(engine, "title") == []


class TestCounting:
    def test_is_of_all_import_jobs(self, engine: sa.Engine) -> None:
        load(engine, [row("a"), row("b")])
        load(engine, [row("a")], job="job2")
        assert count_rows(engine, "products") == 3
        with pytest.raises(DestinationRefused):
            count_rows(engine, "nothing")


class TestTimes:
    def test_the_time_of_load_is_kept_in_utc(self, engine: sa.Engine) -> None:
        load(engine, [row("a", published=dt.datetime(2026, 11, 2, 9, tzinfo=dt.UTC))])
        ((published, loaded_at),) = read(engine, "published", "_loaded_at")
        if engine.dialect.name == "sqlite":
            assert published == "2026-11-02 09:00:00.000000"
            assert loaded_at == "2026-11-02 08:00:00.000000"
        else:
            expected = (
                NOVEMBER if engine.dialect.name == "postgresql" else NOVEMBER.replace(tzinfo=None)
            )
            assert (published - loaded_at, loaded_at) == (dt.timedelta(hours=1), expected)
