"""What goes wrong in an ordinary week: how each fault comes about, and how it goes away again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import make_url

from impler_pipelines.supervisor.ports import free_port
from impler_pipelines_tests.orchestration.feeds import ITEM
from impler_pipelines_tests.orchestration.scene import PATH, SECOND, Scene, cut

PAGE = "<!doctype html><html><head><title>Sorry</title></head><body>We moved.</body></html>"

Change = Callable[[Scene], object]


@dataclass(frozen=True)
class Fault:
    """``does`` it and ``undoes`` it; the message that a run fails with in ``step`` ``says`` this.

    A transient fault is tried four times. ``requests`` is how often the feed's server is asked:
    once for each try of ``fetch_feed`` unless given. ``status`` is what the API answers at once
    where such a feed is inspected.
    """

    does: Change
    says: tuple[str, ...]
    step: str = "fetch_feed"
    transient: bool = False
    requests: int | None = None
    status: int = 502
    undoes: Change = lambda _: None

    @property
    def tries(self) -> int:
        """How often the op is tried."""
        return 4 if self.transient else 1

    @property
    def expected_requests(self) -> int:
        """How often the feed's server is asked in the run that fails."""
        if self.requests is not None:
            return self.requests
        return self.tries if self.step == "fetch_feed" else 1


def answers(status: int, **headers: str) -> Change:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda scene: scene.answer((status, named, "<rss/>"))


def serves(content: str) -> Change:
    return lambda scene: scene.serve(content, '"bad"')


def nobody_at(host: str) -> Change:
    return lambda scene: scene.move_feed(f"http://{host}:{free_port()}{PATH}?key=s3cr3t-query")


def comes_back(scene: Scene) -> None:
    scene.move_feed(str(scene.job["url"]))


def sets(**settings: Any) -> Change:
    return lambda scene: scene.set(**settings)


def destination(**changes: Any) -> Change:
    """The default destination, told apart from the store by these parts of its URL."""

    def change(scene: Scene) -> None:
        url = make_url(scene.settings.store_url).set(**changes)
        scene.set(destination_url=url.render_as_string(hide_password=False))

    return change


def by_hand(*statements: str) -> Change:
    def change(scene: Scene) -> None:
        for statement in statements:
            scene.sql(statement)

    return change


NOWHERE = {"host": "127.0.0.1", "query": {}, "password": "s3cr3t-password"}
DEFAULT = sets(destination_url="")
TABLE = "imports.products"

FEED_FAULTS = {
    "unknown host": Fault(
        nobody_at("shop.invalid"),
        ("http://shop.invalid:", "/feed.xml?…", "host name 'shop.invalid'", "typing mistake"),
        transient=True,
        requests=0,
        undoes=comes_back,
    ),
    "refused connection": Fault(
        nobody_at("127.0.0.1"),
        ("http://127.0.0.1:", "/feed.xml?…", "(connection refused)", "whether the server runs"),
        transient=True,
        requests=0,
        undoes=comes_back,
    ),
    "401": Fault(answers(401), ("/feed.xml?…", "401 Unauthorized", "login")),
    "404": Fault(answers(404), ("/feed.xml?…", "404 Not Found", "ask the publisher")),
    "410": Fault(answers(410), ("/feed.xml?…", "410 Gone", "use another address")),
    "500": Fault(answers(500), ("/feed.xml?…", "500 Internal Server Error"), transient=True),
    "503": Fault(answers(503, Retry_After="0"), ("503 Service Unavailable",), transient=True),
    "429": Fault(answers(429, Retry_After="0"), ("429 Too Many", "less often"), transient=True),
    "429 for an hour": Fault(
        answers(429, Retry_After="3600"), ("429 Too Many", "left alone until", "UTC")
    ),
    "a body that stops half way": Fault(
        lambda scene: scene.answer(cut(SECOND)), ("/feed.xml?…", "broke off"), transient=True
    ),
    "a chunked body that stops half way": Fault(
        lambda scene: scene.answer(cut(SECOND, chunked=True)), ("broke off",), transient=True
    ),
    "HTML": Fault(serves(PAGE), ("/feed.xml?…", "web page"), "extract_records"),
    "JSON": Fault(serves("{}"), ("JSON", "RSS, Atom or XML"), "extract_records"),
    "truncated XML": Fault(
        serves(SECOND[:-30]), ("line 1, column", "breaks off", "repair"), "extract_records"
    ),
    "malformed XML": Fault(
        serves(SECOND.replace("</link>", "", 1)), ("line 1, column", "repair"), "extract_records"
    ),
    "0 bytes": Fault(serves(""), ("empty", "ask the publisher"), "extract_records"),
    "white space alone": Fault(serves(" \n"), ("empty",), "extract_records"),
    "a loopback address without the development setting": Fault(
        sets(allow_private_addresses=False),
        ("it leads to a loopback address", "IMPLER_ALLOW_PRIVATE_ADDRESSES"),
        requests=0,
        status=422,
        undoes=sets(allow_private_addresses=True),
    ),
}

MAPPING_FAULTS = {
    "the path of a required column is gone": Fault(
        serves(SECOND.replace("title>", "name>")),
        ("/feed.xml?…", repr(f"{ITEM} > title"), "column 'title'", "map the column"),
        "extract_records",
    ),
    "records have another name": Fault(
        serves(SECOND.replace("item>", "product>")),
        ("/feed.xml?…", repr(ITEM), "'rss > channel > product'", "record path"),
        "extract_records",
    ),
    "another kind of document": Fault(
        serves("<error><code>7</code></error>"),
        ("/feed.xml?…", repr(ITEM), "another kind of document", "record path"),
        "extract_records",
    ),
    "the secret key has changed": Fault(
        sets(secret_key="another"),
        ("authentication of the source", "IMPLER_SECRET_KEY", "enter the secret again"),
        requests=0,
        undoes=sets(secret_key="k"),
    ),
}

DESTINATION_FAULTS = {
    "refuses connections": Fault(
        destination(**NOWHERE, port=1, database="shop"),
        ("postgresql://127.0.0.1:1/shop", "can't be reached", "refused"),
        "load_rows",
        transient=True,
        undoes=DEFAULT,
    ),
    "unknown host": Fault(
        destination(**{**NOWHERE, "host": "db.invalid"}, database="shop"),
        ("postgresql://db.invalid/shop", "can't be reached", "'db.invalid'"),
        "load_rows",
        transient=True,
        undoes=DEFAULT,
    ),
    "a wrong password": Fault(
        destination(password="s3cr3t-password"),
        ("password authentication failed", "user and password in the destination's URL"),
        "load_rows",
        undoes=DEFAULT,
    ),
    "a database that is gone": Fault(
        destination(database="gone"),
        ("postgresql:///gone", "does not exist", "destination's URL"),
        "load_rows",
        undoes=DEFAULT,
    ),
    "a column of another type": Fault(
        by_hand(f"ALTER TABLE {TABLE} ALTER price TYPE text"),
        (f"'{TABLE}'", "'price' as TEXT", "DOUBLE PRECISION", "rename that column"),
        "load_rows",
        undoes=by_hand(f"ALTER TABLE {TABLE} ALTER price TYPE double precision USING price::float"),
    ),
    "no primary key": Fault(
        by_hand(f"ALTER TABLE {TABLE} DROP CONSTRAINT products_pkey"),
        (f"'{TABLE}'", "no primary key", "(_import_job_id, _row_key)", "restore it"),
        "load_rows",
        undoes=by_hand(f"ALTER TABLE {TABLE} ADD PRIMARY KEY (_import_job_id, _row_key)"),
    ),
    "another primary key": Fault(
        by_hand(
            f"ALTER TABLE {TABLE} DROP CONSTRAINT products_pkey",
            f"ALTER TABLE {TABLE} ADD PRIMARY KEY (link)",
        ),
        (f"'{TABLE}'", "the primary key (link)", "(_import_job_id, _row_key)", "another table"),
        "load_rows",
        undoes=by_hand(
            f"ALTER TABLE {TABLE} DROP CONSTRAINT products_pkey",
            f"ALTER TABLE {TABLE} ADD PRIMARY KEY (_import_job_id, _row_key)",
        ),
    ),
    "a column of ours dropped": Fault(
        by_hand(f"ALTER TABLE {TABLE} DROP _external_user_id"),
        (f"'{TABLE}'", "lacks _external_user_id", "put it back"),
        "load_rows",
        undoes=by_hand(f"ALTER TABLE {TABLE} ADD _external_user_id text NOT NULL DEFAULT 'ann'"),
    ),
    "a column that must not be null": Fault(
        by_hand(
            f"ALTER TABLE {TABLE} ADD note text NOT NULL DEFAULT ''",
            f"ALTER TABLE {TABLE} ALTER note DROP DEFAULT",
        ),
        ('"products"', '"note"', "not-null", "Remove that rule"),
        "load_rows",
        undoes=by_hand(f"ALTER TABLE {TABLE} DROP note"),
    ),
    "a unique index that new rows violate": Fault(
        by_hand(f"CREATE UNIQUE INDEX one_priced ON {TABLE} ((price IS NULL))"),
        ('"one_priced"', "unique", "Remove that rule"),
        "load_rows",
        undoes=by_hand("DROP INDEX imports.one_priced"),
    ),
    "no right to write": Fault(
        by_hand(f"REVOKE INSERT ON {TABLE} FROM impler"),
        ("permission denied", "products", "that right"),
        "load_rows",
        undoes=by_hand(f"GRANT INSERT ON {TABLE} TO impler"),
    ),
    "a view in its place": Fault(
        by_hand(
            f"ALTER TABLE {TABLE} RENAME TO kept",
            f"CREATE VIEW {TABLE} AS SELECT * FROM imports.kept",
        ),
        (f"'{TABLE}'", "no primary key", "rename"),
        "load_rows",
        undoes=by_hand(f"DROP VIEW {TABLE}", "ALTER TABLE imports.kept RENAME TO products"),
    ),
}

ALL_FAULTS = {
    **{f"feed: {name}": fault for name, fault in FEED_FAULTS.items()},
    **{f"mapping: {name}": fault for name, fault in MAPPING_FAULTS.items()},
    **{f"destination: {name}": fault for name, fault in DESTINATION_FAULTS.items()},
}
