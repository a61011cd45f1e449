"""Webhooks from the template to the receiver: what is sent, when again, and what of it is told."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from impler_pipelines.orchestration.runtime import Runtime
from impler_pipelines.orchestration.sending import Sender, Sent
from impler_pipelines_tests.control_api.host_app import fields
from impler_pipelines_tests.feed_server import FeedServer
from impler_pipelines_tests.orchestration.feeds import rss
from impler_pipelines_tests.orchestration.receiver import Receiver, signature
from impler_pipelines_tests.orchestration.scene import COLUMNS, MAPPINGS, Scene

THREE = rss(("Lamp", "/1", "10.5"), ("Chair", "/2", None), ("Desk", "/3", "5"))
LAMP = {"title": "Lamp", "link": "/1", "price": 10.5}
CHAIR = {"title": "Chair", "link": "/2", "price": None}
DESK = {"title": "Desk", "link": "/3", "price": 5.0}
PAGES = "/v1/webhook-pages"
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)


@pytest.fixture
def receiver(feed_server: FeedServer) -> Receiver:
    return Receiver(feed_server)


class Hooked:
    """A scene whose template has a webhook, alone or beside a table."""

    def __init__(self, scene: Scene, receiver: Receiver) -> None:
        self.scene, self.receiver = scene, receiver

    def add(self, *, beside: list[dict[str, Any]] | None = None, **webhook: Any) -> None:
        options = {"type": "webhook", "callbackUrl": self.receiver.url} | webhook
        self.scene.add_import_job()
        self.scene.change_template(destinations=[*(beside or []), options])
        self.scene.serve(THREE)

    @property
    def webhook(self) -> dict[str, Any]:
        found: dict[str, Any] = self.scene.template["destinations"][-1]
        return found

    def change(self, **changes: Any) -> None:
        kept = {"_id": self.webhook["_id"], "type": "webhook"}
        self.scene.change_template(destinations=[kept | changes])

    def send(self) -> Sent:
        runtime = Runtime(self.scene.settings)
        try:
            return Sender(runtime, 20).send_due()
        finally:
            runtime.engine.dispose()

    def let_pass(self, time: dt.timedelta) -> None:
        """As if it were so much later, for all that waits."""
        self.scene.sql(
            "UPDATE impler.webhook_pages SET"
            f" next_attempt_at = next_attempt_at - interval '{time.total_seconds()} s',"
            f" claimed_until = claimed_until - interval '{time.total_seconds()} s'"
        )

    def pages(self, query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.scene.api.ok("GET", f"{PAGES}{query}")
        return found


@pytest.fixture
def hooked(scene: Scene, receiver: Receiver) -> Hooked:
    return Hooked(scene, receiver)


class TestPages:
    def test_hold_the_rows_and_whose_they_are(self, hooked: Hooked) -> None:
        hooked.add()
        hooked.scene.change(extra={"account": 7})
        run = hooked.scene.run().run
        assert str(hooked.send()) == "1 pages sent, 0 to be tried again, 0 given up"
        (page,) = hooked.receiver.pages
        assert page == {
            "page": 1,
            "totalPages": 1,
            "uploadId": run["_id"],
            "data": [LAMP, CHAIR, DESK],
            "totalRecords": 3,
            "chunkSize": 500,
            "isInvalidRecords": False,
            "extra": {"account": 7},
            "importJobId": hooked.scene.job_id,
            "templateId": hooked.scene.template["_id"],
            "externalUserId": "ann",
        }

    def test_are_told_in_the_runs_log(self, hooked: Hooked) -> None:
        hooked.add(callbackUrl=f"{hooked.receiver.url}?key=s3cr3t-query")
        hooked.scene.run()
        assert hooked.scene.logged("/hook?…: 3 new rows")

    def test_come_in_order(self, hooked: Hooked) -> None:
        hooked.add(chunkSize=2)
        hooked.scene.serve(rss(*((f"T{n}", f"/{n}", None) for n in range(5))))
        hooked.scene.run()
        hooked.send()
        pages = hooked.receiver.pages
        assert [(p["page"], p["totalPages"], p["totalRecords"]) for p in pages] == [
            (1, 3, 5),
            (2, 3, 5),
            (3, 3, 5),
        ]
        assert [row["title"] for page in pages for row in page["data"]] == [
            f"T{n}" for n in range(5)
        ]

    def test_are_signed_with_the_templates_secret(self, hooked: Hooked) -> None:
        hooked.add(authHeaderName="X-Hook", authHeaderValue="s3cr3t-header")
        assert hooked.webhook["signingSecret"].startswith("whsec_")
        hooked.scene.run()
        hooked.send()
        (request,) = hooked.receiver.requests
        assert request.header("webhook-signature") == signature(
            request, hooked.webhook["signingSecret"]
        )
        assert (request.method, request.header("content-type")) == ("POST", "application/json")
        assert request.header("x-hook") == "s3cr3t-header"

    def test_dates_are_iso_8601(self, hooked: Hooked) -> None:
        hooked.add()
        columns = [*COLUMNS[:2], {"key": "price", "name": "When", "type": "Date"}]
        hooked.scene.change_template(columns=columns)
        hooked.scene.serve(rss(("Lamp", "/1", "Tue, 10 Jun 2003 04:00:00 +0200")))
        hooked.scene.run()
        hooked.send()
        assert hooked.receiver.records()[0]["price"] == "2003-06-10T02:00:00Z"

    def test_rejects_go_in_pages_of_their_own(self, hooked: Hooked) -> None:
        hooked.add(includeInvalid=True, chunkSize=1)
        hooked.scene.serve(rss(("Lamp", "/1", "10.5"), ("Rug", "/3", "none"), ("Mat", "/4", "no")))
        hooked.scene.run()
        hooked.send()
        told = [(p["isInvalidRecords"], p["page"], p["totalPages"]) for p in hooked.receiver.pages]
        assert told == [(False, 1, 1), (True, 1, 2), (True, 2, 2)]
        reject = hooked.receiver.pages[1]["data"][0]
        assert (reject["index"], reject["record"]["title"]) == (1, "Rug")
        assert [(e["column"], e["rule"]) for e in reject["errors"]] == [("price", "double")]

    def test_a_run_without_rows_sends_nothing(self, hooked: Hooked) -> None:
        hooked.add()
        hooked.scene.serve(rss())
        hooked.scene.run()
        assert hooked.send() == Sent()
        assert hooked.pages() == []

    def test_any_text_arrives(self, hooked: Hooked) -> None:
        hooked.add()
        hooked.scene.serve(rss(("Größe 😀 \u2028 \\ '", "/1", None)))
        hooked.scene.run()
        hooked.send()
        assert hooked.receiver.records()[0]["title"] == "Größe 😀 \u2028 \\ '"


class TestChanges:
    def test_a_second_run_sends_what_changed(self, hooked: Hooked) -> None:
        hooked.add()
        counts = hooked.scene.run().run
        assert (counts["inserted"], counts["updated"], counts["unchanged"]) == (3, 0, 0)
        hooked.scene.serve(rss(("Lamp", "/1", "11"), ("Chair", "/2", None), ("Rug", "/4", "1")))
        counts = hooked.scene.run().run
        assert (counts["inserted"], counts["updated"], counts["unchanged"]) == (1, 1, 1)
        hooked.send()
        assert hooked.receiver.pages[1]["data"] == [
            LAMP | {"price": 11.0},
            {"title": "Rug", "link": "/4", "price": 1.0},
        ]

    def test_all_rows_if_asked_for(self, hooked: Hooked) -> None:
        hooked.add(changesOnly=False)
        hooked.scene.run()
        hooked.scene.serve(THREE.replace("10.5", "11"))
        hooked.scene.run()
        hooked.send()
        assert [len(page["data"]) for page in hooked.receiver.pages] == [3, 3]

    def test_a_new_webhook_gets_everything(self, hooked: Hooked) -> None:
        hooked.add()
        hooked.scene.run()
        hooked.scene.change_template(
            destinations=[{"type": "webhook", "callbackUrl": hooked.receiver.url + "?new"}]
        )
        hooked.scene.run()
        hooked.send()
        assert [len(page["data"]) for page in hooked.receiver.pages] == [3]
        assert "was removed" in hooked.pages("?status=DEAD")[0]["error"]

    def test_a_moved_webhook_gets_what_waits_and_no_more(self, hooked: Hooked) -> None:
        hooked.add()
        hooked.scene.run()
        secret = hooked.webhook["signingSecret"]
        hooked.change(callbackUrl=hooked.receiver.url + "?moved")
        assert hooked.webhook["signingSecret"] == secret
        hooked.scene.run()
        hooked.send()
        assert [request.target for request in hooked.receiver.requests] == ["/hook?moved"]

    def test_beside_a_table(self, hooked: Hooked) -> None:
        hooked.add(beside=[{"type": "sql", "table": "products"}])
        hooked.scene.run()
        hooked.send()
        assert len(hooked.scene.rows()) == 3
        assert hooked.receiver.records() == [LAMP, CHAIR, DESK]

    def test_import_jobs_do_not_share_what_was_sent(self, hooked: Hooked) -> None:
        hooked.add()
        hooked.scene.run()
        body = {
            "url": hooked.scene.feeds.url("/feed.xml"),
            "externalUserId": "bob",
            "mappings": MAPPINGS,
        }
        path = f"/v1/import-jobs/{hooked.scene.template['_id']}"
        hooked.scene.job = hooked.scene.api.ok("POST", path, body, status=201)
        hooked.scene.run()
        hooked.send()
        told = {page["externalUserId"]: page["data"] for page in hooked.receiver.pages}
        assert told == {"ann": [LAMP, CHAIR, DESK], "bob": [LAMP, CHAIR, DESK]}


class TestRetries:
    def test_a_receiver_that_was_down_for_an_hour_gets_everything(self, hooked: Hooked) -> None:
        hooked.add(chunkSize=1)
        hooked.receiver.always = (503, {})
        hooked.scene.run()
        hooked.send()
        for _ in range(60):
            hooked.let_pass(MINUTE)
            hooked.send()
        assert hooked.pages("?status=DEAD") == []
        hooked.receiver.always = (200, {})
        before = len(hooked.receiver.requests)
        assert before > 3
        hooked.let_pass(2 * HOUR)
        assert hooked.send().taken == 3
        assert hooked.receiver.distinct == hooked.receiver.pages[-3:]
        assert [page["page"] for page in hooked.receiver.distinct] == [1, 2, 3]
        assert len(hooked.scene.api.ok("GET", f"/v1/import-jobs/{hooked.scene.job_id}/runs")) == 1

    def test_the_id_and_the_body_stay(self, hooked: Hooked) -> None:
        hooked.add(retryInterval=10)
        hooked.receiver.answers = [(500, {}), (429, {})]
        hooked.scene.run()
        for _ in range(3):
            hooked.send()
            hooked.let_pass(MINUTE)
        first, *others = hooked.receiver.requests
        assert len(others) == 2
        for other in others:
            assert other.header("webhook-id") == first.header("webhook-id")
            assert other.body == first.body
            assert other.header("webhook-signature") == signature(
                other, hooked.webhook["signingSecret"]
            )

    def test_waits_grow(self, hooked: Hooked) -> None:
        hooked.add(retryInterval=10, retryCount=3)
        hooked.receiver.always = (500, {})
        hooked.scene.run()
        waits = []
        for _ in range(3):
            hooked.send()
            (page,) = hooked.pages()
            again = dt.datetime.fromisoformat(page["nextAttemptAt"])
            waits.append((again - dt.datetime.now(dt.UTC)).total_seconds())
            hooked.let_pass(HOUR)
        assert waits == [pytest.approx(10, abs=5), pytest.approx(30, abs=5), pytest.approx(90, 0.1)]

    def test_the_receivers_own_pause_is_kept(self, hooked: Hooked) -> None:
        hooked.add(retryInterval=1)
        hooked.receiver.answers = [(503, {"Retry-After": "600"})]
        hooked.scene.run()
        hooked.send()
        hooked.let_pass(9 * MINUTE)
        assert hooked.send() == Sent()
        hooked.let_pass(MINUTE)
        assert hooked.send().taken == 1

    def test_pages_behind_one_that_waits_wait_too(self, hooked: Hooked) -> None:
        hooked.add(chunkSize=1)
        hooked.receiver.answers = [(200, {}), (500, {})]
        hooked.scene.run()
        hooked.send()
        hooked.scene.serve(THREE.replace("Desk", "Table"))
        hooked.scene.run()
        assert hooked.send() == Sent()
        hooked.let_pass(HOUR)
        hooked.send()
        titles = [record["title"] for record in hooked.receiver.records()]
        assert titles == ["Lamp", "Chair", "Desk", "Table"]

    def test_after_the_last_try_the_next_page_has_its_turn(self, hooked: Hooked) -> None:
        hooked.add(chunkSize=2, retryCount=1)
        hooked.receiver.answers = [(500, {}), (500, {})]
        run = hooked.scene.run().run
        hooked.send()
        hooked.let_pass(HOUR)
        assert str(hooked.send()) == "1 pages sent, 0 to be tried again, 1 given up"
        (dead,) = hooked.pages("?status=DEAD")
        assert (dead["page"], dead["attempts"], dead["httpStatus"]) == (1, 2, 500)
        path = f"/v1/import-jobs/{hooked.scene.job_id}/runs/{run['_id']}"
        assert "Page 1 of 2 was not taken" in hooked.scene.api.ok("GET", path)["warnings"][-1]

    def test_410_is_for_good(self, hooked: Hooked) -> None:
        hooked.add()
        hooked.receiver.always = (410, {})
        hooked.scene.run()
        assert hooked.send().dead == 1

    def test_a_redirect_is_not_followed(self, hooked: Hooked) -> None:
        hooked.add()
        hooked.receiver.always = (307, {"Location": "/elsewhere"})
        hooked.scene.run()
        hooked.send()
        assert "Redirects are not followed" in hooked.pages()[0]["error"]
        assert hooked.scene.feeds.requests_for("/elsewhere") == []

    def test_no_server_there(self, hooked: Hooked) -> None:
        hooked.add(callbackUrl="http://127.0.0.1:9/hook?token=s3cr3t")
        hooked.scene.run()
        assert hooked.send().failed == 1
        (page,) = hooked.pages()
        assert page["httpStatus"] is None
        assert "no connection" in page["error"]
        assert "s3cr3t" not in page["error"]

    def test_a_receiver_that_takes_its_time(self, hooked: Hooked, feed_server: FeedServer) -> None:
        hooked.add()
        hooked.scene.run()
        hooked.scene.set(webhook_timeout_seconds=0.2)
        feed_server.routes["/hook"] = lambda handler: handler.connection.recv(1) and None
        assert hooked.send().failed == 1
        assert "did not answer within 0.2 s" in hooked.pages()[0]["error"]

    def test_a_page_whose_sender_died_is_sent_again_with_its_id(self, hooked: Hooked) -> None:
        hooked.add()
        hooked.scene.run()
        hooked.send()
        hooked.scene.sql(
            "UPDATE impler.webhook_pages SET status = 'WAITING', data = '[]', attempts = 0,"
            " next_attempt_at = now(), claimed_until = now() + interval '30 s'"
        )
        assert hooked.send() == Sent()
        hooked.let_pass(MINUTE)
        assert hooked.send().taken == 1
        one, two = hooked.receiver.requests
        assert one.header("webhook-id") == two.header("webhook-id")


class TestDeadLetters:
    @pytest.fixture
    def dead(self, hooked: Hooked) -> Hooked:
        hooked.add(chunkSize=2, retryCount=0)
        hooked.receiver.always = (500, {})
        hooked.scene.run()
        assert hooked.send().dead == 2
        hooked.receiver.always = (200, {})
        return hooked

    def test_one_is_sent_again(self, dead: Hooked) -> None:
        one, two = dead.pages("?status=DEAD")
        again = dead.scene.api.ok("POST", f"{PAGES}/{two['_id']}/retry", status=202)
        assert (again["status"], again["attempts"]) == ("WAITING", 0)
        assert dead.send().taken == 1
        assert dead.scene.api.ok("GET", f"{PAGES}/{two['_id']}")["status"] == "SENT"
        assert [page["_id"] for page in dead.pages("?status=DEAD")] == [one["_id"]]
        dead.scene.api.refused(409, "POST", f"{PAGES}/{two['_id']}/retry")

    @pytest.mark.parametrize("by", ["templateId", "jobId", "runId", None])
    def test_all_are_sent_again_in_order(self, dead: Hooked, by: str | None) -> None:
        page = dead.pages()[0]
        ids = {
            "templateId": page["_templateId"],
            "jobId": page["_jobId"],
            "runId": page["uploadId"],
        }
        body = {by: ids[by]} if by else {}
        assert dead.scene.api.ok("POST", f"{PAGES}/retry", body, status=202) == {"pages": 2}
        dead.send()
        assert [page["page"] for page in dead.receiver.pages[-2:]] == [1, 2]

    def test_of_another_import_job_none_are(self, dead: Hooked) -> None:
        body = {"jobId": "0" * 24}
        assert dead.scene.api.ok("POST", f"{PAGES}/retry", body, status=202) == {"pages": 0}

    def test_for_a_webhook_that_is_gone_it_is_refused(self, dead: Hooked) -> None:
        dead.scene.change_template(destinations=[{"type": "sql", "table": "products"}])
        page = dead.pages()[0]
        refused = dead.scene.api.refused(409, "POST", f"{PAGES}/{page['_id']}/retry")
        assert "was removed" in refused["message"]

    def test_lists_go_on_behind_a_cursor(self, dead: Hooked) -> None:
        answer = dead.scene.api.call("GET", f"{PAGES}?limit=1")
        cursor = answer.headers["X-Next-Cursor"]
        (second,) = dead.pages(f"?limit=1&cursor={cursor}")
        assert [answer.json()[0]["_id"], second["_id"]] == [p["_id"] for p in dead.pages()]


class TestTemplates:
    def test_defaults(self, hooked: Hooked) -> None:
        hooked.add()
        shown = dict(hooked.webhook)
        assert shown.pop("_id")
        assert shown.pop("signingSecret")
        assert shown == {
            "type": "webhook",
            "callbackUrl": hooked.receiver.url,
            "authHeaderName": None,
            "chunkSize": 500,
            "retryCount": 5,
            "retryInterval": 60,
            "includeInvalid": False,
            "changesOnly": True,
        }

    def test_a_part_is_changed(self, hooked: Hooked) -> None:
        hooked.add(authHeaderName="X-Hook", authHeaderValue="s3cr3t-header", chunkSize=7)
        before = hooked.webhook
        hooked.change(retryCount=2)
        assert hooked.webhook == before | {"retryCount": 2}
        hooked.scene.run()
        hooked.send()
        assert hooked.receiver.requests[0].header("x-hook") == "s3cr3t-header"

    def test_a_header_stays_with_its_origin(self, hooked: Hooked) -> None:
        hooked.add(authHeaderName="X-Hook", authHeaderValue="s3cr3t-header")
        hooked.change(callbackUrl="http://127.0.0.1:9/")
        assert hooked.webhook["authHeaderName"] is None

    def test_userinfo_becomes_a_header(self, hooked: Hooked) -> None:
        hooked.add(callbackUrl=hooked.receiver.url.replace("://", "://ann:s3cr3t-password@"))
        assert hooked.webhook["callbackUrl"] == hooked.receiver.url
        assert "s3cr3t" not in repr(hooked.scene.template)
        hooked.scene.run()
        hooked.send()
        assert (hooked.receiver.requests[0].header("authorization") or "").startswith("Basic ")

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"callbackUrl": None}, "callbackUrl"),
            ({"callbackUrl": "ftp://x.test/"}, "callbackUrl"),
            ({"callbackUrl": "http://nobody.invalid/"}, "callbackUrl"),
            ({"chunkSize": 0}, "chunkSize"),
            ({"retryCount": -1}, "retryCount"),
            ({"retryInterval": 0}, "retryInterval"),
            ({"table": "x"}, "table"),
            ({"mode": "append"}, "mode"),
            ({"authHeaderName": "X-Hook"}, "authHeaderValue"),
            ({"authHeaderName": "Host", "authHeaderValue": "x"}, "authHeaderName"),
            ({"authHeaderName": "X", "authHeaderValue": "a\nb"}, "authHeaderValue"),
            ({"secret": "x"}, "secret"),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_what_is_refused(
        self, scene: Scene, receiver: Receiver, changes: dict[str, Any], field: str
    ) -> None:
        webhook = {"type": "webhook", "callbackUrl": receiver.url} | changes
        body = {"name": "x", "columns": COLUMNS, "destinations": [webhook]}
        refused = scene.api.refused(422, "POST", "/v1/templates", body)
        assert fields(refused) == [f"destinations.0.{field}"]

    def test_a_private_address_is_refused(self, scene: Scene, receiver: Receiver) -> None:
        scene.set(allow_private_addresses=False)
        body = {
            "name": "x",
            "columns": COLUMNS,
            "destinations": [{"type": "webhook", "callbackUrl": receiver.url}],
        }
        with scene.api_with_these_settings() as api:
            assert fields(api.refused(422, "POST", "/v1/templates", body)) == [
                "destinations.0.callbackUrl"
            ]

    def test_an_address_that_became_private_is_not_dialled(self, hooked: Hooked) -> None:
        hooked.add()
        hooked.scene.run()
        hooked.scene.set(allow_private_addresses=False)
        assert hooked.send().failed == 1
        assert "Only public addresses are allowed" in hooked.pages()[0]["error"]
        assert hooked.receiver.requests == []

    def test_secrets_are_sealed(self, hooked: Hooked) -> None:
        hooked.add(authHeaderName="X-Hook", authHeaderValue="s3cr3t-header")
        stored = repr(hooked.scene.sql("SELECT * FROM impler.destinations"))
        assert "s3cr3t" not in stored
        assert hooked.webhook["signingSecret"] not in stored
