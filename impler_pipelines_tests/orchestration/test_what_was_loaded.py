"""What was read counts only for what was loaded: any change of either is a fetch without 304.

The feed's server is a stubborn one: it answers 304 to every conditional request.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from impler_pipelines.supervisor.embedded_postgres import EmbeddedPostgres
from impler_pipelines_tests.conftest import _database
from impler_pipelines_tests.operations_guide import Operator
from impler_pipelines_tests.orchestration.bad_input import TABLE, by_hand
from impler_pipelines_tests.orchestration.feeds import ITEM, rss
from impler_pipelines_tests.orchestration.scene import (
    COLUMNS,
    FIRST,
    FIRST_ROWS,
    MAPPINGS,
    SECOND,
    SECOND_ROWS,
    Outcome,
    Scene,
    stubborn,
)

CLI = str(Path(sys.executable).with_name("impler-pipelines"))
TWO_LISTS = """<shop><new><item><title>Lamp</title><link>/1</link></item>
<item><title>Chair</title><link>/2</link></item></new>
<old><item><title>Stool</title><link>/8</link></item>
<item><title>Rug</title><link>/9</link></item></old></shop>"""


@pytest.fixture
def loaded(scene: Scene) -> Scene:
    """The first feed is loaded, and the server says 304 from now on."""
    scene.add_import_job()
    return settled(scene, FIRST)


@pytest.fixture
def elsewhere(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """The URL of another database than the store's."""
    with _database(postgres_server) as url:
        yield url


def settled(scene: Scene, content: str) -> Scene:
    """Load ``content`` and see that the next run finds nothing new."""
    scene.answer(stubborn(content))
    assert scene.run().run["status"] == "SUCCESS"
    assert is_unchanged(scene.run())
    return scene


def is_unchanged(outcome: Outcome) -> bool:
    return (outcome.run["status"], outcome.run["httpStatus"]) == ("UNCHANGED", 304)


def loaded_anew(scene: Scene) -> Outcome:
    """The next run fetches unconditionally and loads; the one after it finds nothing new."""
    outcome = scene.run()
    assert (outcome.run["status"], outcome.run["httpStatus"]) == ("SUCCESS", 200)
    assert is_unchanged(scene.run())
    return outcome


class TestEdits:
    def test_a_mapping(self, loaded: Scene) -> None:
        loaded.map(*MAPPINGS[:2], {"key": "price", "path": f"{ITEM} > title"})
        outcome = loaded_anew(loaded)
        assert (outcome.run["invalid"], outcome.run["valid"]) == (2, 0)
        loaded.map(*MAPPINGS[:2])
        assert loaded_anew(loaded).run["updated"] == 1
        assert [row[2] for row in loaded.rows()] == [None, None]

    def test_filters(self, loaded: Scene) -> None:
        loaded.change(filters=[{"field": "title", "operation": "equals", "value": "Lamp"}])
        outcome = loaded_anew(loaded)
        assert (outcome.run["filtered"], outcome.run["valid"]) == (1, 1)

    def test_filters_of_a_mirror(self, scene: Scene) -> None:
        scene.add_import_job(mode="mirror")
        settled(scene, FIRST)
        scene.change(filters=[{"field": "title", "operation": "equals", "value": "Lamp"}])
        assert loaded_anew(scene).run["deleted"] == 1
        assert scene.rows() == FIRST_ROWS[:1]

    def test_the_record_path(self, scene: Scene) -> None:
        scene.add_import_job()
        scene.serve(TWO_LISTS)
        paths = [
            [{"key": key, "path": f"shop > {age} > item > {key}"} for key in ("title", "link")]
            for age in ("new", "old")
        ]
        scene.change(recordPath="shop > new > item", mappings=paths[0])
        settled(scene, TWO_LISTS)
        scene.serve(TWO_LISTS)
        scene.change(recordPath="shop > old > item", mappings=paths[1])
        scene.answer(stubborn(TWO_LISTS))
        loaded_anew(scene)
        assert [row[0] for row in scene.rows()] == ["/1", "/2", "/8", "/9"]

    def test_the_destinations_table(self, loaded: Scene) -> None:
        (destination,) = loaded.template["destinations"]
        loaded.change_template(destinations=[destination | {"table": "goods"}])
        assert loaded_anew(loaded).run["inserted"] == 2
        assert loaded.rows("goods") == FIRST_ROWS

    def test_the_destinations_mode(self, loaded: Scene) -> None:
        (destination,) = loaded.template["destinations"]
        loaded.change_template(destinations=[destination | {"mode": "mirror"}])
        assert loaded_anew(loaded).run["unchanged"] == 2

    def test_a_new_destination(self, loaded: Scene) -> None:
        more = {"type": "sql", "table": "copies", "mode": "upsert"}
        loaded.change_template(destinations=[*loaded.template["destinations"], more])
        loaded_anew(loaded)
        assert loaded.rows("copies") == FIRST_ROWS

    def test_another_login_may_be_shown_other_records(self, loaded: Scene) -> None:
        loaded.serve(FIRST)
        loaded.change(authHeaderName="X-Token", authHeaderValue="s3cr3t-header")
        loaded.answer(stubborn(SECOND))
        loaded_anew(loaded)
        assert loaded.rows() == SECOND_ROWS

    def test_the_schedule_is_none_of_the_rows_business(self, loaded: Scene) -> None:
        loaded.change(interval={"every": 2, "unit": "days"}, extra={"plan": "pro"})
        assert is_unchanged(loaded.run())


class TestTemplate:
    def test_a_new_column_is_filled_in_rows_that_are_there(self, scene: Scene) -> None:
        content = FIRST.replace("</item>", "<colour>red</colour></item>")
        scene.add_import_job()
        settled(scene, content)
        scene.serve(content)
        scene.change(recordPath=ITEM)  # the headings are read again, and colour is among them
        scene.answer(stubborn(content))
        scene.change_template(columns=[*COLUMNS, {"key": "colour", "name": "Colour"}])
        scene.map(*MAPPINGS, {"key": "colour", "path": f"{ITEM} > colour"})
        assert loaded_anew(scene).run["updated"] == 2
        rows = scene.sql(f"SELECT link, price, colour FROM {TABLE} ORDER BY link")
        assert rows == [("/1", 10.5, "red"), ("/2", None, "red")]

    def test_a_new_column_stays_empty_until_it_is_mapped(self, loaded: Scene) -> None:
        loaded.change_template(columns=[*COLUMNS, {"key": "colour", "name": "Colour"}])
        loaded_anew(loaded)
        assert loaded.sql(f"SELECT colour FROM {TABLE}") == [(None,), (None,)]

    def test_a_default_value_is_filled_in(self, loaded: Scene) -> None:
        priced = COLUMNS[2] | {"defaultValue": "7"}
        loaded.change_template(columns=[*COLUMNS[:2], priced])
        assert loaded_anew(loaded).run["updated"] == 1
        assert [row[2] for row in loaded.rows()] == [10.5, 7.0]


BY_HAND: dict[str, tuple[str, ...]] = {
    "dropped": (f"DROP TABLE {TABLE}",),
    "dropped with its schema": ("DROP SCHEMA imports CASCADE",),
    "renamed": (f"ALTER TABLE {TABLE} RENAME TO kept",),
    "emptied": (f"TRUNCATE {TABLE}",),
    "emptied of the import job's rows": (f"DELETE FROM {TABLE}",),
    "a column dropped": (f"ALTER TABLE {TABLE} DROP price",),
    "a column renamed": (f"ALTER TABLE {TABLE} RENAME price TO cost",),
}


class TestByHand:
    @pytest.mark.parametrize("statements", [pytest.param(s, id=k) for k, s in BY_HAND.items()])
    def test_a_table_that_lost_rows_or_columns_is_loaded_anew(
        self, loaded: Scene, statements: tuple[str, ...]
    ) -> None:
        by_hand(*statements)(loaded)
        loaded_anew(loaded)
        assert loaded.rows() == FIRST_ROWS

    def test_a_single_row_comes_back_when_the_feed_changes(self, loaded: Scene) -> None:
        loaded.sql(f"DELETE FROM {TABLE} WHERE link = '/1'")
        assert is_unchanged(loaded.run())
        assert loaded.rows() == FIRST_ROWS[1:]
        loaded.serve(SECOND, '"v2"')
        loaded.run()
        assert loaded.rows() == SECOND_ROWS

    def test_after_a_restore_of_the_destination_alone_all_is_read_anew(
        self, loaded: Scene, tmp_path: Path
    ) -> None:
        loaded.sql(f"DELETE FROM {TABLE} WHERE link = '/2'")
        url = loaded.settings.plain_store_url
        environment = {**os.environ, "IMPLER_DATABASE_URL": url}
        Operator(tmp_path / "checkout", environment).lets_all_feeds_be_read_anew()
        assert loaded_anew(loaded).run["inserted"] == 1
        assert loaded.rows() == FIRST_ROWS

    def test_a_table_that_never_had_rows_is_not_asked_for_any(self, scene: Scene) -> None:
        scene.add_import_job()
        settled(scene, rss(("Lamp", "", "1")))


class TestFailedLoads:
    def test_a_304_after_it_is_no_reason_to_skip(self, loaded: Scene) -> None:
        loaded.serve(SECOND, '"v2"')
        loaded.sql(f"ALTER TABLE {TABLE} DROP CONSTRAINT products_pkey")
        assert loaded.run().run["status"] == "FAILED"
        loaded.sql(f"ALTER TABLE {TABLE} ADD PRIMARY KEY (_import_job_id, _row_key)")
        loaded.answer(stubborn(SECOND))
        loaded_anew(loaded)
        assert loaded.rows() == SECOND_ROWS

    def test_a_load_that_one_of_two_destinations_took(self, loaded: Scene) -> None:
        """The feed is again what was loaded last, one table holds what came in between."""
        more = {"type": "sql", "table": "copies", "mode": "mirror"}
        loaded.change_template(destinations=[more, *loaded.template["destinations"]])
        settled(loaded, FIRST)
        loaded.serve(SECOND, '"v2"')
        loaded.sql(f"ALTER TABLE {TABLE} DROP CONSTRAINT products_pkey")
        assert loaded.run().run["status"] == "FAILED"
        assert (loaded.rows("copies"), loaded.rows()) == (SECOND_ROWS, FIRST_ROWS)

        loaded.sql(f"ALTER TABLE {TABLE} ADD PRIMARY KEY (_import_job_id, _row_key)")
        loaded.answer(stubborn(FIRST))
        loaded_anew(loaded)
        assert (loaded.rows("copies"), loaded.rows()) == (FIRST_ROWS, FIRST_ROWS)

    def test_a_destination_changed_and_changed_back(self, loaded: Scene, elsewhere: str) -> None:
        home = loaded.settings.destination_url
        loaded.set(destination_url=elsewhere)
        loaded.answer(stubborn(SECOND))
        loaded_anew(loaded)
        assert loaded.rows() == SECOND_ROWS
        loaded.set(destination_url=home)
        assert loaded.rows() == FIRST_ROWS
        loaded_anew(loaded)
        assert loaded.rows() == SECOND_ROWS


class TestForeground:
    """``import run`` ends the same."""

    def run(self, scene: Scene) -> tuple[int, dict[str, object], str]:
        settings = scene.settings
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("IMPLER_", "DAGSTER_"))},
            "IMPLER_HOME": str(settings.home),
            "IMPLER_DATABASE_URL": settings.database_url,
            "IMPLER_SECRET_KEY": settings.secret_key,
            "IMPLER_ALLOW_PRIVATE_ADDRESSES": "1",
        }
        done = subprocess.run(
            [CLI, "import", "run", scene.job_id, "--json"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, json.loads(done.stdout), done.stderr

    def test_an_edit(self, loaded: Scene) -> None:
        assert self.run(loaded)[1]["status"] == "UNCHANGED"
        loaded.map(*MAPPINGS[:2])
        status, run, _ = self.run(loaded)
        assert (status, run["status"], run["updated"]) == (0, "SUCCESS", 1)

    def test_a_fault(self, loaded: Scene) -> None:
        loaded.answer((404, {}, ""))
        status, run, told = self.run(loaded)
        assert (status, run["status"]) == (1, "FAILED")
        assert "404 Not Found" in str(run["error"])
        assert str(run["error"]) in told
        seen = loaded.api.ok("GET", f"/v1/import-jobs/{loaded.job_id}")
        assert (seen["lastError"], seen["consecutiveFailures"]) == (run["error"], 1)
        assert loaded.rows() == FIRST_ROWS
