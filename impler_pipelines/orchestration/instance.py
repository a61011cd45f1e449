"""Dagster's instance of an installation, for a process that Dagster did not start."""

from __future__ import annotations

import os

from dagster import DagsterInstance

from impler_pipelines.settings import Settings


def dagster_instance(settings: Settings) -> DagsterInstance:
    """The one that ``make run`` has set up; one in memory where it has not.

    Sets the environment's variables that ``dagster.yaml`` names.
    """
    home = settings.dagster_home
    if not (home / "dagster.yaml").exists():
        return DagsterInstance.ephemeral()
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ["IMPLER_DAGSTER_STORAGE_URL"] = settings.dagster_storage_url
    if settings.broker_url:
        os.environ["IMPLER_BROKER_URL"] = settings.broker_url
    return DagsterInstance.from_config(str(home))
