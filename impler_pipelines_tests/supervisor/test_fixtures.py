"""The fixtures that every room leans on hold what they promise."""

from __future__ import annotations

import urllib.error
import urllib.request

import psycopg
import pytest
from sqlalchemy import Engine, text

from impler_pipelines.store.projects import create_access_key
from impler_pipelines_tests.feed_server import FeedServer


class TestDatabaseUrl:
    @pytest.mark.parametrize("turn", [1, 2])
    def test_it_is_empty_and_owned_each_time(self, database_url: str, turn: int) -> None:
        with psycopg.connect(database_url) as connection:
            connection.execute("CREATE SCHEMA mine")
            connection.execute("CREATE TABLE mine.t (n int)")
            privileged = "SELECT usesuper FROM pg_user WHERE usename = current_user"
            assert connection.execute(privileged).fetchone() == (False,)


class TestFeedServer:
    def test_it_records_and_answers(self, feed_server: FeedServer) -> None:
        url = feed_server.serve("/a.xml", "<a/>", etag='"1"')
        with urllib.request.urlopen(f"{url}?x=1") as answer:
            assert (answer.status, answer.read()) == (200, b"<a/>")
        assert [r.target for r in feed_server.requests_for("/a.xml")] == ["/a.xml?x=1"]

    def test_it_knows_what_the_client_has(self, feed_server: FeedServer) -> None:
        url = feed_server.serve("/a.xml", "<a/>", etag='"1"')
        request = urllib.request.Request(url, headers={"If-None-Match": '"1"'})
        with pytest.raises(urllib.error.HTTPError) as answer:
            urllib.request.urlopen(request)
        assert answer.value.code == 304
        answer.value.close()


class TestStoreEngine:
    @pytest.mark.parametrize("turn", [1, 2])
    def test_it_has_the_tables_and_no_rows(self, store_engine: Engine, turn: int) -> None:
        with store_engine.begin() as connection:
            assert connection.scalar(text("SELECT count(*) FROM impler.projects")) == 0
            create_access_key(connection, "mine")
