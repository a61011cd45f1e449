"""Destinations of every kind that is supported, real and empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from impler_pipelines.destinations.sql import open_destination

KINDS = ("postgresql", "mariadb", "sqlite", "duckdb")


def url_of(kind: str, request: pytest.FixtureRequest, directory: Path) -> str:
    if kind == "postgresql":
        return str(request.getfixturevalue("database_url"))
    if kind in ("mariadb", "mysql"):
        return str(request.getfixturevalue("mariadb_url")).replace("mariadb:", f"{kind}:", 1)
    return f"{kind}:///{directory / 'out.db'}"


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_destination(url_of(request.param, request, tmp_path))
    yield engine
    engine.dispose()


@pytest.fixture
def postgres(database_url: str) -> Iterator[sa.Engine]:
    engine = open_destination(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def mariadb(mariadb_url: str) -> Iterator[sa.Engine]:
    engine = open_destination(mariadb_url)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_destination(f"sqlite:///{tmp_path / 'out.db'}")
    yield engine
    engine.dispose()
