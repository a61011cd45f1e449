"""Mirrors that would lose many rows: stopped, told, and let do so by whoever has looked."""

from __future__ import annotations

import pytest

from impler_pipelines_tests.orchestration.feeds import rss
from impler_pipelines_tests.orchestration.scene import Scene


def shop(*numbers: int) -> str:
    return rss(*((f"T{n}", f"/{n}", None) for n in numbers))


@pytest.fixture
def mirror(scene: Scene) -> Scene:
    """A mirror that holds ten rows."""
    scene.add_import_job(mode="mirror")
    scene.serve(shop(*range(10)))
    assert scene.run().run["inserted"] == 10
    return scene


def confirm(scene: Scene, run: dict[str, object]) -> str:
    return f"/v1/import-jobs/{scene.job_id}/runs/{run['_id']}/confirm-deletions"


class TestLargeDeletions:
    def test_half_of_the_rows_may_go(self, mirror: Scene) -> None:
        mirror.serve(shop(*range(5)))
        run = mirror.run().run
        assert (run["status"], run["deleted"], run["deletionsHeld"]) == ("SUCCESS", 5, None)

    def test_more_are_held(self, mirror: Scene) -> None:
        mirror.serve(shop(*range(4), 99))
        found = mirror.run()
        assert found.failed_step == "load_rows"
        run = found.run
        assert (run["status"], run["deletionsHeld"], run["deleted"]) == ("FAILED", 6, None)
        assert "6 of the 10 rows in 'products'" in run["error"]
        assert found.job["lastError"] == run["error"]
        assert len(mirror.rows()) == 10

    def test_until_someone_confirms_it(self, mirror: Scene) -> None:
        mirror.serve(shop(0))
        held = mirror.run().run
        asked = mirror.api.ok("POST", confirm(mirror, held), status=202)
        assert (asked["trigger"], asked["status"]) == ("MANUAL", "QUEUED")
        mirror.run_asked(asked)
        run = mirror.api.ok("GET", f"/v1/import-jobs/{mirror.job_id}/runs/{asked['_id']}")
        assert (run["status"], run["deleted"]) == ("SUCCESS", 9)
        assert len(mirror.rows()) == 1

    def test_the_confirmation_covers_no_more_than_was_told(self, mirror: Scene) -> None:
        mirror.serve(shop(0, 1, 2))
        held = mirror.run().run
        asked = mirror.api.ok("POST", confirm(mirror, held), status=202)
        mirror.serve(shop(0))
        mirror.run_asked(asked)
        run = mirror.api.ok("GET", f"/v1/import-jobs/{mirror.job_id}/runs/{asked['_id']}")
        assert (run["status"], run["deletionsHeld"]) == ("FAILED", 9)
        assert len(mirror.rows()) == 10

    def test_the_confirmation_is_for_one_run(self, mirror: Scene) -> None:
        mirror.serve(shop(0))
        held = mirror.run().run
        mirror.run_asked(mirror.api.ok("POST", confirm(mirror, held), status=202))
        mirror.serve(shop(7))
        assert mirror.run().run["deletionsHeld"] == 1

    def test_only_the_last_run_is_confirmed(self, mirror: Scene) -> None:
        good = mirror.api.ok("GET", f"/v1/import-jobs/{mirror.job_id}/runs")[0]
        assert (
            "nothing to confirm"
            in mirror.api.refused(409, "POST", confirm(mirror, good))["message"]
        )
        mirror.serve(shop(0))
        held = mirror.run().run
        mirror.serve(shop(*range(10), 11))
        assert mirror.run().run["status"] == "SUCCESS"
        assert "since" in mirror.api.refused(409, "POST", confirm(mirror, held))["message"]

    @pytest.mark.parametrize(("percent", "status"), [(100, "SUCCESS"), (89, "FAILED")])
    def test_the_share_is_a_setting(self, mirror: Scene, percent: int, status: str) -> None:
        mirror.set(mirror_max_deleted_percent=percent)
        mirror.serve(shop(0))
        assert mirror.run().run["status"] == status

    def test_another_users_rows_do_not_count(self, mirror: Scene) -> None:
        mirror.sql(
            "INSERT INTO imports.products SELECT title, link, price, 'other', 'bob', _run_id,"
            " _row_key, _loaded_at FROM imports.products"
        )
        mirror.serve(shop(0))
        assert mirror.run().run["deletionsHeld"] == 9
