from __future__ import annotations

import json
from typing import Any

import pytest

from impler_pipelines.control_api.app import create_app
from impler_pipelines.settings import Settings
from impler_pipelines_tests.control_api.conftest import host_app, serving
from impler_pipelines_tests.control_api.host_app import COLUMNS, MAPPINGS, HostApp, fields
from impler_pipelines_tests.feed_server import FeedServer

TEMPLATES = "/v1/templates"
OTHER_DATABASE = "postgresql://loader:s3cr3t@127.0.0.1:5433/warehouse"


def unique_table(app: HostApp) -> str:
    """A table name that no other test has: the installation's tables are shared by projects."""
    return str(app.template(name="Own")["destinations"][0]["table"]) + "_x"


class TestCreateTemplate:
    def test_answers_with_the_template(self, app: HostApp) -> None:
        column: dict[str, Any] = {
            "key": "size",
            "name": "Size",
            "type": "Select",
            "isRequired": True,
            "isUnique": False,
            "alternateKeys": ["format"],
            "selectValues": ["S", "M"],
            "allowMultiSelect": True,
            "delimiter": "|",
            "regex": None,
            "regexDescription": None,
            "dateFormats": [],
            "defaultValue": "S",
            "validations": [
                {"validate": "length", "min": 1, "max": 9, "columns": [], "errorMessage": "odd"}
            ],
        }
        made = app.template(name="Sizes", columns=[column], destinations=[{"type": "sql"}])
        assert made["columns"] == [column]
        assert (made["name"], made["mode"]) == ("Sizes", "automatic")
        assert len(made["_id"]) == 24
        assert made["createdAt"].endswith("Z")
        (destination,) = made["destinations"]
        assert set(destination) == {"_id", "type", "table", "mode", "url"}
        assert destination["type"] == "sql"
        assert destination["mode"] == "upsert"
        assert destination["table"].startswith("sizes")
        assert app.ok("GET", f"{TEMPLATES}/{made['_id']}") == made

    def test_a_name_alone_is_enough_for_a_destination(self, app: HostApp) -> None:
        first, second = app.template(name="Ünique"), app.template(name="Ünique")
        tables = [t["destinations"][0]["table"] for t in (first, second)]
        assert tables[0] != tables[1]
        assert all(table.startswith("unique") for table in tables)

    def test_manual_mode(self, app: HostApp) -> None:
        assert app.template(mode="manual")["mode"] == "manual"

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            pytest.param({"name": None}, "name", id="no name"),
            pytest.param({"name": "  "}, "name", id="blank name"),
            pytest.param({"name": "x" * 257}, "name", id="long name"),
            pytest.param({"name": 5}, "name", id="number"),
            pytest.param({"mode": "manually"}, "mode", id="mode"),
            pytest.param({"columns": []}, "columns", id="no columns"),
            pytest.param({"columns": [{"key": "_a"}]}, "columns.0.key", id="key"),
            pytest.param(
                {"columns": [{"key": "a"}, {"key": "A"}]}, "columns.1.key", id="key twice"
            ),
            pytest.param({"columns": [{"name": "A"}]}, "columns.0.key", id="no key"),
            pytest.param({"columns": [{"key": "a", "type": "Int"}]}, "columns.0.type", id="type"),
            pytest.param(
                {"columns": [{"key": "a", "isRequired": "yes"}]}, "columns.0.isRequired", id="bool"
            ),
            pytest.param(
                {"columns": [{"key": "a", "type": "Regex", "regex": "("}]},
                "columns.0.regex",
                id="regex",
            ),
            pytest.param(
                {"columns": [{"key": "a", "validations": [{"validate": "odd"}]}]},
                "columns.0.validations.0.validate",
                id="validation",
            ),
            pytest.param({"destinations": []}, "destinations", id="no destination"),
            pytest.param(
                {"destinations": [{"type": "ftp"}]}, "destinations.0.type", id="type of destination"
            ),
            pytest.param(
                {"destinations": [{"table": "a.b"}]}, "destinations.0.table", id="schema in table"
            ),
            pytest.param(
                {"destinations": [{"mode": "replace"}]}, "destinations.0.mode", id="load mode"
            ),
            pytest.param(
                {"destinations": [{"tabel": "x"}]}, "destinations.0.tabel", id="unknown field"
            ),
            pytest.param({"destinations": [{"_id": "x"}]}, "destinations.0._id", id="unknown id"),
            pytest.param(
                {"destinations": [{"url": "sqlite:////etc/passwd"}]},
                "destinations.0.url",
                id="file URL",
            ),
            pytest.param(
                {"destinations": [{"url": "postgresql://a:b@h/d?sslkey=/etc/passwd"}]},
                "destinations.0.url",
                id="driver option",
            ),
            pytest.param(
                {"destinations": [{"url": "postgresql://a:b@nowhere.invalid/d"}]},
                "destinations.0.url",
                id="unknown host",
            ),
            pytest.param(
                {"destinations": [{"table": "twice_x"}, {"table": "Twice_X"}]},
                "destinations.1.table",
                id="one table twice",
            ),
        ],
    )
    def test_refused(self, app: HostApp, changes: dict[str, Any], field: str) -> None:
        body = {"name": "Products", "columns": COLUMNS} | changes
        assert field in fields(app.refused(422, "POST", TEMPLATES, body))
        assert app.ok("GET", TEMPLATES) == []

    def test_problems_are_told_at_once(self, app: HostApp) -> None:
        body = {"name": "x", "columns": [{"key": "_"}], "destinations": [{"table": "1"}]}
        refused = app.refused(422, "POST", TEMPLATES, body)
        assert fields(refused) == ["columns.0.key", "destinations.0.table"]

    def test_a_private_destination_is_422(self, settings: Settings, access_key: str) -> None:
        guarded = create_app(settings.model_copy(update={"allow_private_addresses": False}))
        body = {"name": "x", "columns": COLUMNS, "destinations": [{"url": OTHER_DATABASE}]}
        with serving(guarded) as url, host_app(url, access_key) as app:
            refused = app.refused(422, "POST", TEMPLATES, body)
        assert fields(refused) == ["destinations.0.url"]
        assert "s3cr3t" not in json.dumps(refused)

    def test_a_password_is_never_returned(self, app: HostApp) -> None:
        made = app.template(destinations=[{"url": OTHER_DATABASE, "table": unique_table(app)}])
        assert made["destinations"][0]["url"] == "postgresql://127.0.0.1:5433/warehouse"
        assert "s3cr3t" not in json.dumps(made)

    def test_a_table_belongs_to_the_template_that_made_it(
        self, app: HostApp, other_app: HostApp
    ) -> None:
        table = unique_table(app)
        app.template(destinations=[{"table": table}])
        for client in (app, other_app):
            body = {"name": "Thief", "columns": COLUMNS, "destinations": [{"table": table}]}
            refused = client.refused(422, "POST", TEMPLATES, body)
            assert fields(refused) == ["destinations.0.table"]

    def test_two_default_destinations_are_two_tables(self, app: HostApp) -> None:
        made = app.template(destinations=[{}, {"mode": "append"}])
        first, second = (destination["table"] for destination in made["destinations"])
        assert first != second


class TestListTemplates:
    def test_pages_newest_first(self, app: HostApp) -> None:
        made = [app.template(name=f"T{n}")["_id"] for n in range(5)]
        seen: list[str] = []
        cursor = ""
        while True:
            answer = app.call("GET", f"{TEMPLATES}?limit=2{cursor}")
            assert answer.status_code == 200
            seen += [template["_id"] for template in answer.json()]
            if "X-Next-Cursor" not in answer.headers:
                break
            cursor = f"&cursor={answer.headers['X-Next-Cursor']}"
        assert seen == made[::-1]

    def test_a_full_last_page_has_no_cursor(self, app: HostApp) -> None:
        app.template()
        assert "X-Next-Cursor" not in app.call("GET", f"{TEMPLATES}?limit=1").headers


class TestUpdateTemplate:
    def test_absent_is_unchanged(self, app: HostApp) -> None:
        template = app.template()
        changed = app.ok("PUT", f"{TEMPLATES}/{template['_id']}", {"name": "Goods"})
        assert changed | {k: template[k] for k in ("name", "updatedAt")} == template
        assert changed["updatedAt"] > template["updatedAt"]

    @pytest.mark.parametrize("field", ["name", "mode", "columns", "destinations"])
    def test_null_clears_nothing(self, app: HostApp, field: str) -> None:
        template = app.template()
        body = app.refused(422, "PUT", f"{TEMPLATES}/{template['_id']}", {field: None})
        assert fields(body) == [field]

    def test_a_destination_keeps_what_is_not_given(self, app: HostApp) -> None:
        sent = {"url": OTHER_DATABASE, "table": unique_table(app), "mode": "append"}
        template = app.template(destinations=[sent])
        path, kept = f"{TEMPLATES}/{template['_id']}", template["destinations"][0]
        for body in ({"_id": kept["_id"]}, kept):
            assert app.ok("PUT", path, {"destinations": [body]})["destinations"] == [kept]
        moved = app.ok("PUT", path, {"destinations": [{"_id": kept["_id"], "url": None}]})
        assert moved["destinations"] == [kept | {"url": None}]

    def test_a_destination_can_t_come_twice(self, app: HostApp) -> None:
        template = app.template()
        kept = template["destinations"][0]
        body = {"destinations": [kept, kept]}
        refused = app.refused(422, "PUT", f"{TEMPLATES}/{template['_id']}", body)
        assert fields(refused) == ["destinations.1._id"]

    def test_a_new_required_column_stops_its_import_jobs(
        self, app: HostApp, feed_server: FeedServer
    ) -> None:
        template = app.template()
        job = app.import_job(feed_server, template)
        assert job["status"] == "RUNNING"
        columns = [*COLUMNS, {"key": "colour", "isRequired": True}]
        app.ok("PUT", f"{TEMPLATES}/{template['_id']}", {"columns": columns})
        stopped = app.ok("GET", f"/v1/import-jobs/{job['_id']}")
        assert (stopped["status"], stopped["nextRun"]) == ("MAPPING", None)
        assert "colour" in stopped["lastError"]

    def test_a_refused_change_changes_nothing(self, app: HostApp) -> None:
        template, other = app.template(), app.template()
        table = other["destinations"][0]["table"]
        body = {"name": "Goods", "destinations": [{"table": table}]}
        app.refused(422, "PUT", f"{TEMPLATES}/{template['_id']}", body)
        assert app.ok("GET", f"{TEMPLATES}/{template['_id']}") == template


class TestDeleteTemplate:
    def test_gone(self, app: HostApp) -> None:
        template = app.template()
        path = f"{TEMPLATES}/{template['_id']}"
        assert app.ok("DELETE", path) == template
        app.refused(404, "GET", path)
        app.refused(404, "DELETE", path)
        app.refused(404, "POST", f"/v1/import-jobs/{template['_id']}", {})
        assert app.ok("GET", TEMPLATES) == []

    def test_not_with_live_import_jobs(self, app: HostApp, feed_server: FeedServer) -> None:
        template = app.template()
        job = app.import_job(feed_server, template)
        path = f"{TEMPLATES}/{template['_id']}"
        app.refused(409, "DELETE", path)
        app.ok("DELETE", f"/v1/import-jobs/{job['_id']}")
        app.ok("DELETE", path)
        assert app.ok("GET", f"/v1/import-jobs/{job['_id']}")["status"] == "TERMINATED"
        mapped = app.ok("GET", f"/v1/import-jobs/{job['_id']}/mappings")
        assert [m["path"] for m in mapped] == [m["path"] for m in MAPPINGS]
