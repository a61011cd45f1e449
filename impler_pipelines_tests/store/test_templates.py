from __future__ import annotations

from typing import Any

import pytest

from impler_pipelines.errors import NotFound, RequestInvalid, SecretUnreadable, StateConflict
from impler_pipelines.model import LoadMode, Template, TemplateMode
from impler_pipelines.store import plans, templates
from impler_pipelines.store.destinations import TableSpec, destinations_of
from impler_pipelines.store.secrets import SecretBox
from impler_pipelines_tests.store.shop import COLUMNS, HOUR, MINUTE, NOW, Shop, race

URL = "postgresql://writer:p%40ss@db.example:5433/warehouse"
PUBLIC = "postgresql://db.example:5433/warehouse"


def tables(template: Template) -> list[str]:
    return [destination.table for destination in template.destinations]


def update(shop: Shop, template: Template, **changes: Any) -> Template:
    return shop.do(
        templates.update_template,
        shop.box,
        project_id=shop.project_id,
        template_id=template.id,
        now=NOW + HOUR,
        **changes,
    )


def read(shop: Shop, template: Template) -> Template:
    return shop.do(
        templates.get_template, shop.box, project_id=shop.project_id, template_id=template.id
    )


def delete(shop: Shop, template: Template) -> Template:
    return shop.do(
        templates.delete_template,
        shop.box,
        project_id=shop.project_id,
        template_id=template.id,
        now=NOW,
    )


class TestCreate:
    def test_comes_back_as_it_was_given(self, shop: Shop) -> None:
        made = shop.add_template(TableSpec("x", table="stock", mode=LoadMode.MIRROR))
        assert (made.name, made.mode, made.columns) == ("Products", TemplateMode.AUTOMATIC, COLUMNS)
        (destination,) = made.destinations
        assert (destination.table, destination.mode) == ("stock", LoadMode.MIRROR)
        assert destination.url is None
        assert read(shop, made) == made

    def test_destinations_keep_their_order(self, shop: Shop) -> None:
        specs = [TableSpec("x", table=name) for name in ("zebra", "ant", "mule")]
        assert tables(shop.add_template(*specs)) == ["zebra", "ant", "mule"]


class TestRead:
    def test_of_another_project(self, shop: Shop) -> None:
        made = shop.add_template()
        shop.project_id = shop.add_project("rival")
        for call in (read, delete, update):
            with pytest.raises(NotFound, match="template"):
                call(shop, made)

    @pytest.mark.parametrize("size", [1, 2, 3])
    def test_pages_over_equal_times_lose_and_repeat_nothing(self, shop: Shop, size: int) -> None:
        made = {shop.template_id} | {shop.add_template().id for _ in range(4)}
        seen: list[str] = []
        before = None
        while page := shop.do(
            templates.list_templates,
            shop.box,
            project_id=shop.project_id,
            limit=size,
            before=before,
        ):
            seen += [template.id for template in page]
            before = (page[-1].created_at, page[-1].id)
        assert len(seen) == len(made)
        assert set(seen) == made


class TestSecrets:
    def test_a_template_never_holds_user_and_password(self, shop: Shop) -> None:
        made = shop.add_template(TableSpec("x", table="stock", url=URL))
        everything = shop.do(
            templates.list_templates, shop.box, project_id=shop.project_id, limit=9
        )
        (listed,) = [one for one in everything if one.id == made.id]
        for seen in (made, read(shop, made), listed):
            assert seen.destinations[0].url == PUBLIC
            assert "writer" not in repr(seen)
            assert "ss@" not in repr(seen)

    def test_a_run_gets_the_whole_url(self, shop: Shop) -> None:
        made = shop.add_template(TableSpec("x", table="stock", url=URL))
        (opened,) = shop.do(destinations_of, shop.box, made.id)
        assert (opened.url, opened.table) == (URL, "stock")

    def test_with_another_key_everything_but_a_run_works(self, shop: Shop) -> None:
        made = shop.add_template(TableSpec("x", table="stock", url=URL))
        shop.template_id = made.id
        job = shop.add()
        shop.box = SecretBox("another key")
        assert read(shop, made) == made
        assert shop.read(job) == job
        kept = TableSpec("x", id=made.destinations[0].id, table="stock", keep_url=True)
        assert update(shop, made, destination_specs=[kept]).destinations == made.destinations
        with pytest.raises(SecretUnreadable, match="IMPLER_SECRET_KEY"):
            shop.do(plans.load_plan, shop.box, job.id)


class TestUpdate:
    def test_only_what_is_given(self, shop: Shop) -> None:
        made = shop.add_template()
        changed = update(shop, made, name="Stock")
        assert (changed.name, changed.columns) == ("Stock", made.columns)
        assert (changed.destinations, changed.mode) == (made.destinations, made.mode)
        assert (changed.created_at, changed.updated_at) == (NOW, NOW + HOUR)

    def test_a_kept_url_goes_on_opening(self, shop: Shop) -> None:
        made = shop.add_template(TableSpec("x", table="stock", url=URL))
        kept = TableSpec("x", id=made.destinations[0].id, table="stock", keep_url=True)
        assert update(shop, made, destination_specs=[kept]).destinations == made.destinations
        (opened,) = shop.do(destinations_of, shop.box, made.id)
        assert opened.url == URL

    def test_a_destination_of_another_template(self, shop: Shop) -> None:
        made, other = shop.add_template(), shop.add_template()
        stolen = TableSpec("x", id=other.destinations[0].id, keep_url=True)
        with pytest.raises(RequestInvalid) as refused:
            update(shop, made, destination_specs=[stolen])
        assert refused.value.problems[0].field == "destinations.0._id"
        assert read(shop, made) == made

    def test_while_it_is_deleted(self, shop: Shop) -> None:
        made = shop.add_template()
        key = {"project_id": shop.project_id, "template_id": made.id, "now": NOW}
        _, outcome = race(
            shop.engine,
            lambda c: templates.delete_template(c, shop.box, **key),
            lambda c: templates.update_template(c, shop.box, **key, name="Stock"),
        )
        assert isinstance(outcome, NotFound)


class TestDelete:
    def test_hides_it(self, shop: Shop) -> None:
        made = shop.add_template()
        assert delete(shop, made) == made
        for call in (read, delete):
            with pytest.raises(NotFound):
                call(shop, made)
        assert shop.do(templates.columns_of, made.id) == COLUMNS

    def test_not_while_it_has_live_import_jobs(self, shop: Shop) -> None:
        job = shop.add()
        key = {"project_id": shop.project_id, "template_id": shop.template_id, "now": NOW}
        with pytest.raises(StateConflict, match="1 live"):
            shop.do(templates.delete_template, shop.box, **key)
        shop.delete(job)
        assert shop.do(templates.delete_template, shop.box, **key).id == shop.template_id

    def test_of_two_at_once_one_is_told_that_it_is_gone(self, shop: Shop) -> None:
        made = shop.add_template()
        key = {"project_id": shop.project_id, "template_id": made.id, "now": NOW}
        _, outcome = race(
            shop.engine,
            lambda c: templates.delete_template(c, shop.box, **key),
            lambda c: templates.delete_template(c, shop.box, **key),
        )
        assert isinstance(outcome, NotFound)


class TestTables:
    def test_a_default_that_is_taken_gets_a_suffix(self, shop: Shop) -> None:
        assert [tables(shop.add_template()) for _ in range(2)] == [["products_2"], ["products_3"]]

    def test_a_long_one_stays_within_what_postgresql_keeps(self, shop: Shop) -> None:
        long = "a" * 63
        made = [shop.add_template(TableSpec(long)) for _ in range(2)]
        assert [tables(t) for t in made] == [[long], ["a" * 61 + "_2"]]

    @pytest.mark.parametrize("table", ["products", "PRODUCTS"])
    def test_one_of_another_template(self, shop: Shop, table: str) -> None:
        rival = shop.add_project("rival")
        for project_id in (shop.project_id, rival):
            with pytest.raises(RequestInvalid) as refused:
                shop.add_template(TableSpec("x", table=table), project_id=project_id)
            assert refused.value.problems[0].field == "destinations.0.table"

    def test_another_database_has_its_own(self, shop: Shop) -> None:
        made = shop.add_template(TableSpec("products", url=URL))
        assert tables(made) == ["products"]

    @pytest.mark.parametrize(
        ("one", "same"),
        [
            pytest.param(
                "postgresql://a:b@db.example/x",
                "postgresql://c:d@DB.example.:5432/x",
                id="login, port and case",
            ),
            pytest.param("mysql://a:b@h/x", "mariadb://a:b@h:3306/x", id="two names of MySQL"),
        ],
    )
    def test_the_same_database_by_another_url(self, shop: Shop, one: str, same: str) -> None:
        shop.add_template(TableSpec("x", table="stock", url=one))
        with pytest.raises(RequestInvalid, match="belongs to another"):
            shop.add_template(TableSpec("x", table="stock", url=same))

    def test_two_destinations_of_one_template_are_two_tables(self, shop: Shop) -> None:
        made = shop.add_template(TableSpec("stock"), TableSpec("stock"))
        assert tables(made) == ["stock", "stock_2"]
        with pytest.raises(RequestInvalid) as refused:
            shop.add_template(TableSpec("a", table="b"), TableSpec("a", table="B"))
        assert refused.value.problems[0].field == "destinations.1.table"

    def test_it_stays_its_owners(self, shop: Shop) -> None:
        made = shop.add_template(TableSpec("x", table="stock"))
        moved = update(shop, made, destination_specs=[TableSpec("x", table="other")])
        assert tables(moved) == ["other"]
        with pytest.raises(RequestInvalid):
            shop.add_template(TableSpec("x", table="stock"))
        back = update(shop, made, destination_specs=[TableSpec("x", table="stock")])
        assert tables(back) == ["stock"]

    def test_of_a_deleted_template_it_goes_on_in_its_project(self, shop: Shop) -> None:
        delete(shop, shop.add_template(TableSpec("x", table="stock")))
        rival = shop.add_project("rival")
        with pytest.raises(RequestInvalid):
            shop.add_template(TableSpec("x", table="stock"), project_id=rival)
        assert tables(shop.add_template(TableSpec("x", table="stock"))) == ["stock"]

    def test_two_templates_at_once_get_two_names(self, shop: Shop) -> None:
        def add(connection: Any) -> Template:
            return templates.create_template(
                connection,
                shop.box,
                project_id=shop.project_id,
                name="Stock",
                mode=TemplateMode.AUTOMATIC,
                columns=COLUMNS,
                destination_specs=[TableSpec("stock")],
                now=NOW + MINUTE,
            )

        one, other = race(shop.engine, add, add)
        assert isinstance(other, Template)
        assert (tables(one), tables(other)) == (["stock"], ["stock_2"])

    def test_two_templates_that_want_each_others_tables(self, shop: Shop) -> None:
        one = shop.add_template(TableSpec("x", table="one"))
        two = shop.add_template(TableSpec("x", table="two"))

        def change(template: Template, table: str) -> Any:
            return lambda c: templates.update_template(
                c,
                shop.box,
                project_id=shop.project_id,
                template_id=template.id,
                destination_specs=[TableSpec("x"), TableSpec(table)],
                now=NOW,
            )

        changed, other = race(shop.engine, change(one, "two"), change(two, "one"))
        assert tables(changed) == ["x", "two_2"]
        assert isinstance(other, Template)
        assert tables(other) == ["x_2", "one_2"]
