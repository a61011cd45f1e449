"""Feeds that are kept for their rejects: those of each import job's last load, to map them again.

Uploaded files need none of this: they are kept as they are.
"""

from __future__ import annotations

from dataclasses import replace

from pydantic import TypeAdapter

from impler_pipelines.errors import StateConflict
from impler_pipelines.orchestration.artifacts import Artifacts
from impler_pipelines.orchestration.references import FetchedFeed

KEPT = "kept-"


def keep_feed(artifacts: Artifacts, import_job_id: str, run_id: str, feed: FetchedFeed) -> None:
    """Keep a run's feed in place of the one before."""
    directory = f"{KEPT}{import_job_id}"
    former = artifacts.names(directory)
    path = f"{directory}/{run_id}.feed"
    if feed.path != path:
        artifacts.move(feed.path, path)
    with artifacts.open(f"{directory}/{run_id}.json", "wb") as file:
        file.write(TypeAdapter(FetchedFeed).dump_json(feed))
    for name in former:
        if not name.startswith(run_id):
            artifacts.remove(f"{directory}/{name}")


def kept_feed(artifacts: Artifacts, import_job_id: str, run_id: str) -> FetchedFeed:
    """The feed that was kept for the rejects of a run. Raises ``StateConflict`` if it is gone."""
    directory = f"{KEPT}{import_job_id}"
    path = f"{directory}/{run_id}.feed"
    if not artifacts.exists(path):
        raise StateConflict(
            "The feed that these rejects are from is no longer kept (IMPLER_KEEP_REJECTS_DAYS): run"
            " the import job as usual."
        )
    with artifacts.open(f"{directory}/{run_id}.json") as file:
        feed = TypeAdapter(FetchedFeed).validate_json(file.read())
    return replace(feed, path=path)


def forget_feed(artifacts: Artifacts, import_job_id: str) -> None:
    """Keep none for the import job."""
    artifacts.remove(f"{KEPT}{import_job_id}")
