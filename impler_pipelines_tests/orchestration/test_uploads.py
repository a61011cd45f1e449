"""Manual mode from the upload to the rows: inspected, mapped, loaded, told, run again."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import openpyxl
import pytest

from impler_pipelines.orchestration.jobs import build_manual_job
from impler_pipelines.orchestration.names import IMPORT_JOB_TAG, RUN_ID_TAG
from impler_pipelines.orchestration.runtime import Runtime
from impler_pipelines_tests.control_api.host_app import fields
from impler_pipelines_tests.orchestration.feeds import rss
from impler_pipelines_tests.orchestration.receiver import Receiver
from impler_pipelines_tests.orchestration.scene import COLUMNS, Scene

CSV = b"Title,Link,Price\nLamp,/1,10.5\nChair,/2,\nRug,/3,none\n"
MAPPINGS = [
    {"key": "title", "path": "Title"},
    {"key": "link", "path": "Link"},
    {"key": "price", "path": "Price"},
]
ROWS = [("/1", "Lamp", 10.5), ("/2", "Chair", None)]


class Desk:
    """A template of mode `manual`, and a user who uploads files into it."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.make_template()

    def make_template(self, **changes: Any) -> None:
        body = {
            "name": "Stock",
            "mode": "manual",
            "columns": COLUMNS,
            "destinations": [{"type": "sql", "table": "products"}],
        }
        self.scene.template = self.scene.api.ok("POST", "/v1/templates", body | changes, status=201)

    def post(
        self,
        content: bytes,
        name: str = "stock.csv",
        *,
        mappings: Any = MAPPINGS,
        user: str | None = "ann",
        **form: str,
    ) -> httpx.Response:
        form = dict(form)
        if user is not None:
            form["externalUserId"] = user
        if mappings is not None:
            form["mappings"] = mappings if isinstance(mappings, str) else json.dumps(mappings)
        path = f"/v1/uploads/{self.scene.template['_id']}"
        return self.scene.api.http.post(path, data=form, files={"file": (name, content)})

    def upload(self, content: bytes, name: str = "stock.csv", **form: Any) -> dict[str, Any]:
        answer = self.post(content, name, **form)
        assert answer.status_code == 201, answer.text
        self.scene.job = answer.json()
        return self.scene.job

    def runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.scene.api.ok(
            "GET", f"/v1/import-jobs/{self.scene.job_id}/runs"
        )
        return found

    def run(self, asked: dict[str, Any] | None = None) -> dict[str, Any]:
        """Execute the oldest queued run, as the daemon would."""
        asked = asked or [run for run in self.runs() if run["status"] == "QUEUED"][-1]
        runtime = Runtime(self.scene.settings, retry_waits=(0.0, 0.0, 0.0))
        try:
            build_manual_job(runtime).execute_in_process(
                instance=self.scene.instance,
                raise_on_error=False,
                tags={RUN_ID_TAG: asked["_id"], IMPORT_JOB_TAG: self.scene.job_id},
            )
        finally:
            runtime.engine.dispose()
        path = f"/v1/import-jobs/{self.scene.job_id}/runs/{asked['_id']}"
        found: dict[str, Any] = self.scene.api.ok("GET", path)
        return found


@pytest.fixture
def desk(scene: Scene) -> Desk:
    return Desk(scene)


def workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["Title", "Link", "Price"], ["Lamp", "/1", 10.5], ["Chair", "/2", None]):
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


class TestUpload:
    def test_is_inspected_and_run(self, desk: Desk) -> None:
        job = desk.upload(CSV)
        assert (job["status"], job["url"], job["fileName"]) == ("RUNNING", None, "stock.csv")
        assert [heading["path"] for heading in job["headings"]] == ["Title", "Link", "Price"]
        run = desk.run()
        assert (run["status"], run["trigger"]) == ("SUCCESS", "MANUAL")
        assert (run["records"], run["valid"], run["invalid"], run["inserted"]) == (3, 2, 1, 2)
        assert desk.scene.rows() == ROWS
        seen = desk.scene.api.ok("GET", f"/v1/import-jobs/{desk.scene.job_id}")
        assert (seen["status"], seen["invalidRecords"]) == ("COMPLETED", 1)

    @pytest.mark.parametrize(
        ("content", "name"),
        [
            (CSV.replace(b",", b"\t"), "stock.tsv"),
            (CSV.replace(b",", b";"), "stock.csv"),
            (workbook(), "stock.xlsx"),
            (
                b'{"Title":"Lamp","Link":"/1","Price":10.5}\n{"Title":"Chair","Link":"/2"}',
                "stock.jsonl",
            ),
        ],
        ids=["tsv", "semicolons", "xlsx", "jsonl"],
    )
    def test_of_every_format(self, desk: Desk, content: bytes, name: str) -> None:
        desk.upload(content, name)
        assert desk.run()["status"] == "SUCCESS"
        assert desk.scene.rows() == ROWS

    def test_of_xml(self, desk: Desk) -> None:
        item = "rss > channel > item"
        mappings = [{"key": key, "path": f"{item} > {key}"} for key in ("title", "link", "price")]
        feed = rss(("Lamp", "/1", "10.5"), ("Chair", "/2", None))
        job = desk.upload(feed.encode(), "stock.xml", mappings=mappings)
        assert job["recordPath"] == item
        assert desk.run()["status"] == "SUCCESS"
        assert desk.scene.rows() == ROWS

    def test_waits_for_its_mapping(self, desk: Desk) -> None:
        job = desk.upload(CSV, mappings=None)
        assert (job["status"], desk.runs()) == ("MAPPING", [])
        path = f"/v1/import-jobs/{desk.scene.job_id}/mappings"
        suggested = desk.scene.api.ok("GET", path)
        assert [one["suggestedPath"] for one in suggested] == ["Title", "Link", "Price"]
        desk.scene.api.ok("PUT", path, {"mappings": MAPPINGS})
        assert desk.run()["status"] == "SUCCESS"
        desk.scene.api.ok("PUT", path, {"mappings": MAPPINGS})
        assert len(desk.runs()) == 1

    def test_of_the_same_user_is_the_same_rows(self, desk: Desk) -> None:
        first = desk.upload(CSV)
        desk.run()
        second = desk.upload(CSV.replace(b"10.5", b"11") + b"Desk,/4,5\n", mappings=None)
        assert (second["_id"], second["status"]) == (first["_id"], "RUNNING")
        run = desk.run()
        assert (run["inserted"], run["updated"], run["unchanged"]) == (1, 1, 1)
        assert desk.scene.rows() == [("/1", "Lamp", 11.0), ROWS[1], ("/4", "Desk", 5.0)]

    def test_of_another_user_is_another_import_job(self, desk: Desk) -> None:
        first = desk.upload(CSV)
        assert desk.upload(CSV, user="bob")["_id"] != first["_id"]

    def test_each_run_has_its_own_file(self, desk: Desk) -> None:
        desk.upload(CSV)
        desk.upload(b"Title,Link,Price\nDesk,/4,5\n")
        assert [run["status"] for run in desk.runs()] == ["QUEUED", "QUEUED"]
        assert desk.run()["inserted"] == 2
        assert desk.run()["inserted"] == 1
        assert len(desk.scene.rows()) == 3

    def test_each_run_has_its_own_mapping(self, desk: Desk) -> None:
        desk.upload(CSV)
        other = [{"key": "title", "path": "Name"}, {"key": "link", "path": "Title"}]
        desk.upload(b"Name,Title\nDesk,/4\n", mappings=other)
        assert desk.run()["inserted"] == 2
        assert desk.run()["inserted"] == 1
        assert desk.scene.rows() == [*ROWS, ("/4", "Desk", None)]

    def test_that_is_not_mapped_yet_leaves_the_run_before_it_alone(self, desk: Desk) -> None:
        desk.upload(CSV)
        job = desk.upload(b"Name,Link\nDesk,/4\n", mappings=[])
        assert job["status"] == "MAPPING"
        run = desk.run()
        assert (run["status"], run["inserted"], run["error"]) == ("SUCCESS", 2, None)
        assert desk.scene.rows() == ROWS
        path = f"/v1/import-jobs/{desk.scene.job_id}"
        assert desk.scene.api.ok("GET", path)["status"] == "MAPPING"
        mappings = [{"key": "title", "path": "Name"}, MAPPINGS[1]]
        desk.scene.api.ok("PUT", f"{path}/mappings", {"mappings": mappings})
        assert desk.run()["inserted"] == 1
        assert desk.scene.api.ok("GET", path)["status"] == "COMPLETED"

    def test_that_failed_is_tried_again_as_it_is_mapped_now(self, desk: Desk) -> None:
        desk.upload(CSV)
        (file,) = (desk.scene.settings.home / "artifacts").glob("upload-*/file")
        away = file.rename(file.with_name("away"))
        failed = desk.run()
        assert failed["status"] == "FAILED"
        away.rename(file)
        path = f"/v1/import-jobs/{desk.scene.job_id}"
        desk.scene.api.ok("PUT", f"{path}/mappings", {"mappings": MAPPINGS[:2]})
        desk.scene.api.ok("POST", f"{path}/runs/{failed['_id']}/retry", status=202)
        assert desk.run()["inserted"] == 3
        assert [price for *_, price in desk.scene.rows()] == [None, None, None]

    def test_columns_that_the_next_file_lacks_have_to_be_mapped(self, desk: Desk) -> None:
        desk.upload(CSV)
        job = desk.upload(b"Name,Link\nDesk,/4\n", mappings=None)
        assert job["status"] == "MAPPING"

    def test_is_previewed(self, desk: Desk) -> None:
        desk.upload(CSV)
        seen = desk.scene.api.ok("GET", f"/v1/import-jobs/{desk.scene.job_id}/preview")
        assert (seen["valid"], seen["invalid"], seen["rows"][0]["price"]) == (2, 1, 10.5)

    def test_goes_to_webhooks_too(self, desk: Desk) -> None:
        receiver = Receiver(desk.scene.feeds)
        desk.make_template(
            name="Hooked", destinations=[{"type": "webhook", "callbackUrl": receiver.url}]
        )
        desk.upload(CSV, extra='{"account": 7}')
        assert desk.run()["inserted"] == 2
        page = desk.scene.api.ok("GET", "/v1/webhook-pages")[0]
        assert (page["records"], page["status"]) == (2, "WAITING")

    def test_runs_again_by_hand(self, desk: Desk) -> None:
        desk.upload(CSV)
        desk.run()
        path = f"/v1/import-jobs/{desk.scene.job_id}/runs"
        again = desk.run(desk.scene.api.ok("POST", path, status=202))
        assert (again["status"], again["unchanged"]) == ("SUCCESS", 2)

    def test_whose_file_is_gone_says_so(self, desk: Desk) -> None:
        desk.upload(CSV)
        for file in (desk.scene.settings.home / "artifacts").glob("upload-*/file"):
            file.unlink()
        preview = f"/v1/import-jobs/{desk.scene.job_id}/preview"
        assert "upload it again" in desk.scene.api.refused(409, "GET", preview)["message"]
        run = desk.run()
        assert run["status"] == "FAILED"
        assert "upload it again" in run["error"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "form", "field"),
        [
            (b"", {}, "file"),
            (b'Title,Link\n"Lamp', {}, "file"),
            (b"%PDF-1.7", {}, "file"),
            (CSV, {"user": None}, "externalUserId"),
            (CSV, {"user": "x" * 257}, "externalUserId"),
            (CSV, {"mappings": "nothing"}, "mappings"),
            (CSV, {"mappings": [{"key": "colour", "path": "Title"}]}, "mappings.0.key"),
            (CSV, {"mappings": [{"key": "title", "path": "Name"}]}, "mappings.0.path"),
            (CSV, {"extra": "[1]"}, "extra"),
        ],
        ids=lambda value: str(value)[:30],
    )
    def test_name_the_field(
        self, desk: Desk, content: bytes, form: dict[str, Any], field: str
    ) -> None:
        answer = desk.post(content, **form)
        assert answer.status_code == 422, answer.text
        assert fields(answer.json()) == [field]

    def test_leave_no_file_behind(self, desk: Desk) -> None:
        desk.scene.sql("ALTER TABLE impler.import_jobs ADD CHECK (upload IS NULL)")
        assert desk.post(CSV).status_code == 500
        assert not [*(desk.scene.settings.home / "artifacts").glob("upload-*")]

    def test_without_a_file(self, desk: Desk) -> None:
        path = f"/v1/uploads/{desk.scene.template['_id']}"
        answer = desk.scene.api.http.post(path, data={"externalUserId": "ann"})
        assert (answer.status_code, fields(answer.json())) == (422, ["file"])

    def test_a_template_that_takes_feeds(self, desk: Desk) -> None:
        desk.scene.change_template(mode="automatic")
        assert desk.post(CSV).status_code == 409

    def test_switched_to_automatic_it_takes_feeds(self, desk: Desk) -> None:
        url = desk.scene.feeds.url("/feed.xml")
        desk.scene.serve(rss(("Lamp", "/1", "1")))
        path = f"/v1/import-jobs/{desk.scene.template['_id']}"
        body = {"url": url, "externalUserId": "ann"}
        desk.scene.api.refused(409, "POST", path, body)
        desk.scene.change_template(mode="automatic")
        desk.scene.api.ok("POST", path, body, status=201)

    def test_what_only_feeds_have(self, desk: Desk) -> None:
        desk.upload(CSV)
        path = f"/v1/import-jobs/{desk.scene.job_id}"
        body = {"interval": {"every": 1, "unit": "days"}}
        assert fields(desk.scene.api.refused(422, "PUT", path, body)) == ["interval"]
        pause = f"/v1/import-jobs/user/{desk.scene.job_id}/pause"
        assert "no schedule" in desk.scene.api.refused(409, "PUT", pause)["message"]

    def test_a_file_beyond_the_limit(self, desk: Desk) -> None:
        desk.scene.set(max_feed_bytes=1000)
        with desk.scene.api_with_these_settings() as api:
            path = f"/v1/uploads/{desk.scene.template['_id']}"
            large = {"file": ("a.csv", b"a\n" * 1024**2)}
            assert (
                api.http.post(path, data={"externalUserId": "ann"}, files=large).status_code == 413
            )
            small = {"file": ("a.csv", b"a\n" * 1024)}
            answer = api.http.post(path, data={"externalUserId": "ann"}, files=small)
        assert (answer.status_code, fields(answer.json())) == (422, ["file"])


class TestRejectsAgain:
    @pytest.mark.parametrize("mode", ["upsert", "mirror"])
    def test_after_the_template_was_mended(self, scene: Scene, mode: str) -> None:
        scene.add_import_job(mode=mode)
        feed = rss(("Lamp", "/1", "10.5"), ("Rug", "/2", "cheap"), ("Mat", "/3", "5 apples"))
        scene.serve(feed)
        first = scene.run().run
        assert (first["valid"], first["invalid"]) == (1, 2)
        scene.serve(rss(("Other", "/9", "1")))  # the feed has moved on
        scene.change_template(columns=[*COLUMNS[:2], {"key": "price", "name": "Price"}])
        scene.sql("ALTER TABLE imports.products RENAME price TO old_price")
        path = f"/v1/import-jobs/{scene.job_id}/runs/{first['_id']}/rejects/retry"
        asked = scene.api.ok("POST", path, status=202)
        assert asked["_rejectsOf"] == first["_id"]
        requests = len(scene.feeds.requests)
        run = scene.run_asked(asked).run
        assert len(scene.feeds.requests) == requests
        assert (run["status"], run["records"], run["valid"], run["invalid"]) == ("SUCCESS", 2, 2, 0)
        assert run["inserted"] == 2
        assert [row[0] for row in scene.rows()] == ["/1", "/2", "/3"]
        scene.serve(feed)  # as the first run read it: what that did not reject is mapped anew, too
        last = scene.run().run
        assert (last["status"], last["valid"], last["unchanged"]) == ("SUCCESS", 3, 2)

    def test_a_repeated_key_stays_one(self, scene: Scene) -> None:
        scene.add_import_job()
        scene.serve(rss(("Lamp", "/1", "10.5"), ("Second", "/1", "2")))
        first = scene.run().run
        path = f"/v1/import-jobs/{scene.job_id}/runs/{first['_id']}/rejects/retry"
        run = scene.run_asked(scene.api.ok("POST", path, status=202)).run
        assert (run["records"], run["invalid"]) == (1, 1)
        assert scene.rows() == [("/1", "Lamp", 10.5)]
        rejects = scene.api.ok("GET", f"/v1/import-jobs/{scene.job_id}/runs/{run['_id']}/rejects")
        assert rejects[0]["index"] == 1

    def test_a_run_that_is_asked_for_is_a_whole_one(self, scene: Scene) -> None:
        scene.add_import_job()
        scene.serve(rss(("Lamp", "/1", "10.5"), ("Rug", "/2", "cheap")))
        first = scene.run().run
        path = f"/v1/import-jobs/{scene.job_id}/runs"
        part = scene.api.ok("POST", f"{path}/{first['_id']}/rejects/retry", status=202)
        whole = scene.api.ok("POST", path, status=202)
        assert (whole["_id"] != part["_id"], whole["_rejectsOf"]) == (True, None)

    def test_only_of_the_last_load(self, scene: Scene) -> None:
        scene.add_import_job()
        scene.serve(rss(("Lamp", "/1", "10.5"), ("Rug", "/2", "cheap")))
        first = scene.run().run
        path = f"/v1/import-jobs/{scene.job_id}/runs/{first['_id']}/rejects/retry"
        scene.serve(rss(("Lamp", "/1", "11")))
        second = scene.run().run
        assert "since" in scene.api.refused(409, "POST", path)["message"]
        path = path.replace(first["_id"], second["_id"])
        assert "no rejects" in scene.api.refused(409, "POST", path)["message"]
        assert not [*(scene.settings.home / "artifacts").glob("kept-*/*")]

    def test_whose_feed_is_gone(self, scene: Scene) -> None:
        scene.add_import_job()
        scene.serve(rss(("Lamp", "/1", "10.5"), ("Rug", "/2", "cheap")))
        first = scene.run().run
        for file in (scene.settings.home / "artifacts").glob("kept-*/*"):
            file.unlink()
        path = f"/v1/import-jobs/{scene.job_id}/runs/{first['_id']}/rejects/retry"
        run = scene.run_asked(scene.api.ok("POST", path, status=202)).run
        assert (run["status"], "no longer kept" in run["error"]) == ("FAILED", True)

    def test_of_an_uploaded_file(self, desk: Desk) -> None:
        desk.upload(CSV)
        first = desk.run()
        columns = [*COLUMNS[:2], {**COLUMNS[2], "type": "Double", "isRequired": False}]
        desk.scene.change_template(columns=columns)
        path = f"/v1/import-jobs/{desk.scene.job_id}/runs/{first['_id']}/rejects/retry"
        run = desk.run(desk.scene.api.ok("POST", path, status=202))
        assert (run["status"], run["records"], run["invalid"]) == ("SUCCESS", 1, 1)
