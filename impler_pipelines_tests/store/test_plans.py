from __future__ import annotations

from typing import Any

import pytest

from impler_pipelines.errors import NotFound, SecretUnreadable
from impler_pipelines.model import Column, FieldMapping, Filter, ImportPlan, LoadMode, SourceAuth
from impler_pipelines.store import plans, templates
from impler_pipelines.store.destinations import TableSpec
from impler_pipelines.store.secrets import SecretBox
from impler_pipelines_tests.store.shop import COLUMNS, MAPPED, NEW, NOW, Shop


def plan_of(shop: Shop, job_id: str) -> ImportPlan:
    return shop.do(plans.load_plan, shop.box, job_id)


class TestLoadPlan:
    def test_has_all_that_a_run_needs(self, shop: Shop) -> None:
        job = shop.add()
        plan = plan_of(shop, job.id)
        assert (plan.url, plan.auth, plan.record_path) == (NEW.url, NEW.auth, NEW.record_path)
        assert (plan.mappings, plan.columns, plan.extra) == (MAPPED, COLUMNS, NEW.extra)
        assert [d.table for d in plan.destinations] == ["products"]
        assert plan.feed_state.fingerprint is None

    def test_shows_its_secret_in_no_message(self, shop: Shop) -> None:
        assert "s3cret" not in repr(plan_of(shop, shop.add().id))

    def test_unknown(self, shop: Shop) -> None:
        with pytest.raises(NotFound):
            plan_of(shop, "0" * 24)

    def test_with_another_key(self, shop: Shop) -> None:
        job = shop.add()
        shop.box = SecretBox("another key")
        with pytest.raises(SecretUnreadable, match="authentication of the source"):
            plan_of(shop, job.id)


class TestFingerprint:
    @pytest.mark.parametrize(
        "changes",
        [
            pytest.param({"url": "https://shop.example/other.xml"}, id="source"),
            pytest.param({"record_path": "rss > entry"}, id="record path"),
            pytest.param({"mappings": (FieldMapping("title", "rss > item > name"),)}, id="mapping"),
            pytest.param({"filters": (Filter("title", "equals", "Lamp"),)}, id="filters"),
            pytest.param({"auth": SourceAuth("X-Token", "rotated")}, id="login"),
        ],
    )
    def test_differs_where_rows_would(self, shop: Shop, changes: dict[str, Any]) -> None:
        job = shop.add()
        before = plan_of(shop, job.id).fingerprint
        shop.change(job, **changes)
        assert plan_of(shop, job.id).fingerprint != before

    def test_differs_with_the_default_destination(self, shop: Shop) -> None:
        job = shop.add()
        seen = {
            shop.do(plans.load_plan, shop.box, job.id, default_destination=name).fingerprint
            for name in ("", "postgresql://a.test/x", "postgresql://b.test/x")
        }
        assert len(seen) == 3

    def test_differs_with_the_template(self, shop: Shop) -> None:
        job = shop.add()
        seen = {plan_of(shop, job.id).fingerprint}
        shop.require(*COLUMNS, Column("brand", "Brand"))
        seen.add(plan_of(shop, job.id).fingerprint)
        shop.do(
            templates.update_template,
            shop.box,
            project_id=shop.project_id,
            template_id=shop.template_id,
            destination_specs=[TableSpec("products", mode=LoadMode.APPEND)],
            now=NOW,
        )
        seen.add(plan_of(shop, job.id).fingerprint)
        assert len(seen) == 3

    @pytest.mark.parametrize(
        "changes",
        [
            pytest.param({"interval": None, "cron": "0 5 * * *"}, id="schedule"),
            pytest.param({"extra": {}}, id="extra"),
        ],
    )
    def test_is_the_same_where_rows_are(self, shop: Shop, changes: dict[str, Any]) -> None:
        job = shop.add()
        before = plan_of(shop, job.id).fingerprint
        shop.change(job, **changes)
        assert plan_of(shop, job.id).fingerprint == before
