"""URLs that are opened, URLs that are refused, and what is dialled."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from impler_pipelines.destinations.sql import (
    address_check,
    check_destination_url,
    default_schema,
    open_destination,
    table_exists,
)
from impler_pipelines.errors import (
    AddressRefused,
    DestinationRefused,
    DestinationUnavailable,
    RequestInvalid,
)
from impler_pipelines_tests.destinations.tables_at_hand import load, row

WAIT = 30  # seconds


class TestOpenDestination:
    @pytest.mark.parametrize("scheme", ["mysql", "mariadb"])
    def test_speaks_pymysql_to_mysql_and_mariadb(self, scheme: str) -> None:
        engine = open_destination(f"{scheme}://ann@db.test/shop")
        assert (engine.dialect.name, engine.dialect.driver) == (scheme, "pymysql")
        assert default_schema(engine) is None

    @pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
    def test_speaks_psycopg_3_to_postgresql(self, scheme: str) -> None:
        engine = open_destination(f"{scheme}://ann@db.test/shop")
        assert (engine.dialect.name, engine.dialect.driver) == ("postgresql", "psycopg")
        assert default_schema(engine) == "imports"

    def test_creates_a_sqlite_file_at_the_first_load(self, tmp_path: Path) -> None:
        engine = open_destination(f"sqlite:///{tmp_path / 'new.db'}")
        assert not (tmp_path / "new.db").exists()
        load(engine, [row("a")])
        assert (tmp_path / "new.db").exists()
        assert default_schema(engine) is None
        engine.dispose()

    @pytest.mark.parametrize(
        ("url", "says"),
        [
            pytest.param("s3cr3t", "takes an SQLAlchemy URL", id="no URL"),
            pytest.param("postgresql://a:s3cr3t@h:port/d", "takes an SQLAlchemy URL", id="port"),
            pytest.param("nosql://a:s3cr3t@h/d", "No driver for nosql://", id="unknown"),
            pytest.param("oracle://a:s3cr3t@h/d", "install the package", id="missing driver"),
            pytest.param("sqlite://", "forgets its rows", id="in memory"),
            pytest.param("sqlite:////nowhere/at/all/x.db", "/nowhere/at/all does not", id="parent"),
        ],
    )
    def test_refuses_what_it_cannot_open(self, url: str, says: str) -> None:
        with pytest.raises(DestinationRefused, match=says) as caught:
            open_destination(url)
        assert "s3cr3t" not in str(caught.value)


class TestCheckDestinationUrl:
    @pytest.mark.parametrize(
        "url", ["postgresql://ann:pw@db.test:5432/shop", "mysql://ann:pw@db.test/shop"]
    )
    def test_takes_servers(self, url: str) -> None:
        assert check_destination_url(url) == url

    @pytest.mark.parametrize(
        ("url", "says"),
        [
            pytest.param("sqlite:////etc/passwd", "can't be a destination", id="file"),
            pytest.param("postgresql+psycopg2://a@h/d", "can't be a destination", id="driver"),
            pytest.param("postgresql://a@h/d?passfile=/x", "options are refused", id="options"),
            pytest.param("postgresql:///d", "missing", id="socket"),
            pytest.param("postgresql://h/d", "missing", id="no user"),
            pytest.param("postgresql://a@h", "missing", id="no database"),
            pytest.param("postgresql://a@h1,h2/d", "not one host", id="two hosts"),
            pytest.param("postgresql://a@%2Ftmp/d", "not one host", id="socket as host"),
            pytest.param("not a url", "it takes postgresql", id="no URL"),
        ],
    )
    def test_refuses_everything_else(self, url: str, says: str) -> None:
        with pytest.raises(RequestInvalid, match=says) as caught:
            check_destination_url(url, "destinations.1.url")
        assert caught.value.problems[0].field == "destinations.1.url"


class TestAddressCheck:
    @pytest.mark.parametrize("scheme", ["postgresql", "mysql", "mariadb"])
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "169.254.169.254"])
    def test_refuses_private_addresses_on_connecting(self, scheme: str, host: str) -> None:
        engine = open_destination(
            f"{scheme}://ann:pw@{host}:1/shop", check_address=address_check(allow_private=False)
        )
        with pytest.raises(DestinationRefused, match="is not fetched"):
            table_exists(engine, "products")

    def test_says_that_a_name_is_unknown(self) -> None:
        engine = open_destination(
            "postgresql://ann:pw@nowhere.invalid/shop",
            check_address=address_check(allow_private=False),
        )
        with pytest.raises(DestinationUnavailable, match=r"nowhere\.invalid:5432 can't be reached"):
            table_exists(engine, "products")

    @pytest.mark.parametrize("url", ["sqlite:////tmp/x.db", "postgresql:///shop?host=/tmp"])
    def test_takes_servers_alone(self, url: str) -> None:
        with pytest.raises(DestinationRefused, match="only PostgreSQL and MySQL servers"):
            open_destination(url, check_address=address_check(allow_private=True))

    @pytest.mark.parametrize("scheme", ["postgresql", "mysql", "mariadb"])
    def test_the_checked_address_is_dialled_whatever_the_name_means(self, scheme: str) -> None:
        dialled = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as server:

            def accept() -> None:
                server.accept()[0].close()
                dialled.set()

            threading.Thread(target=accept, daemon=True).start()
            engine = open_destination(
                f"{scheme}://ann:pw@db.invalid:{server.getsockname()[1]}/shop",
                check_address=lambda host, port: ["127.0.0.1"],
            )
            with pytest.raises(DestinationUnavailable):
                table_exists(engine, "products")
            assert dialled.wait(WAIT)

    def test_is_asked_before_every_connection(self, tmp_path: Path) -> None:
        asked: list[tuple[str, int]] = []

        def check(host: str, port: int) -> list[str]:
            asked.append((host, port))
            raise AddressRefused(host, "10.0.0.1", "a private address")

        engine = open_destination("postgresql://ann:pw@db.test/shop", check_address=check)
        for _ in range(2):
            with pytest.raises(AddressRefused):
                table_exists(engine, "products")
        assert asked == [("db.test", 5432)] * 2


def test_load_needs_no_engine_options(tmp_path: Path) -> None:
    """Reading through an engine of one's own sees what a load committed."""
    engine = open_destination(f"sqlite:///{tmp_path / 'out.db'}")
    load(engine, [row("a")])
    plain = sa.create_engine(f"sqlite:///{tmp_path / 'out.db'}")
    with plain.connect() as connection:
        assert connection.exec_driver_sql("select title from products").scalar_one() == "Lamp"
    plain.dispose()
    engine.dispose()


def test_a_connection_that_is_not_in_use_is_closed(postgres: sa.Engine, database_url: str) -> None:
    """Runs share the engine, and nobody disposes of it; a place on the server is somebody's."""
    asks = sa.text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
    with postgres.connect() as connection:
        pid = connection.scalar(sa.text("SELECT pg_backend_pid()"))
    other = open_destination(database_url)
    deadline = time.monotonic() + 10  # a server process ends a moment after its client
    with other.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while connection.scalar(asks, {"pid": pid}):
            assert time.monotonic() < deadline, "it is still open"
            time.sleep(0.05)
