"""Fixtures of the store's tests: a project with a template, on a database of its own."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from impler_pipelines.store.secrets import SecretBox
from impler_pipelines_tests.store.shop import Shop


@pytest.fixture
def shop(store_engine: Engine) -> Shop:
    """A project and its template, whose only required column is ``title``."""
    made = Shop(store_engine, SecretBox("a key"), project_id="", template_id="")
    made.project_id = made.add_project("shop")
    made.template_id = made.add_template().id
    return made
