"""Destination tables as Dagster's assets: their keys, and what is declared of them at load.

They are external assets: loads of import jobs materialize them, Dagster itself never does. Nothing
is asked of a destination.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dagster import AssetKey, AssetsDefinition, AssetSpec

from impler_pipelines.model import LoadMode, SqlDestination
from impler_pipelines.orchestration.markdown import escaped
from impler_pipelines.orchestration.names import LOCATION, REPOSITORY, TEMPLATE_TAG, job_name
from impler_pipelines.store.definitions import Definition

GROUP = "imports"
_MOST_JOBS = 20
_KINDS = {"postgresql": "postgres", "mariadb": "mysql"}
_MODES = {
    LoadMode.UPSERT: "Each load inserts new rows and updates those that differ.",
    LoadMode.APPEND: "Each load adds all of its rows.",
    LoadMode.MIRROR: "Each load makes the table's rows of its import job those of the feed.",
}


def asset_key(destination: SqlDestination) -> AssetKey:
    """``imports/<table>``; with host and database between for a destination with its own URL."""
    if destination.url is None:
        return AssetKey([GROUP, destination.table])
    from sqlalchemy import make_url

    url = make_url(destination.url)
    place = [part for part in (url.host, url.database) if part]
    return AssetKey([GROUP, *place, destination.table])


def declared_tables(
    definitions: Iterable[Definition], *, default_url: str
) -> Sequence[AssetsDefinition]:
    """The tables that the import jobs load into, each once.

    ``default_url`` is where destinations without a URL lie; only its kind of database is shown.
    """
    jobs: dict[AssetKey, list[Definition]] = {}
    tables: dict[AssetKey, SqlDestination] = {}
    for definition in definitions:
        for destination in definition.destinations:
            key = asset_key(destination)
            tables.setdefault(key, destination)
            jobs.setdefault(key, []).append(definition)
    specs = [_spec(key, tables[key], jobs[key], default_url) for key in tables]
    return [AssetsDefinition(specs=specs)] if specs else []


def _spec(
    key: AssetKey, destination: SqlDestination, jobs: Sequence[Definition], default_url: str
) -> AssetSpec:
    from sqlalchemy import make_url

    backend = make_url(destination.url or default_url).get_backend_name()
    return AssetSpec(
        key,
        description=_description(destination, jobs),
        group_name=GROUP,
        kinds={_KINDS.get(backend, backend), "table"},
        tags={TEMPLATE_TAG: jobs[0].template_id},
        metadata={"template": jobs[0].template_name, "mode": str(destination.mode)},
    )


def _description(destination: SqlDestination, jobs: Sequence[Definition]) -> str:
    shown = [
        f"- [{escaped(job.external_user_id)}]"
        f"(/locations/{REPOSITORY}@{LOCATION}/jobs/{job_name(job.job_id)})"
        for job in sorted(jobs, key=lambda job: (job.external_user_id, job.job_id))[:_MOST_JOBS]
    ]
    if len(jobs) > _MOST_JOBS:
        shown.append(f"- and {len(jobs) - _MOST_JOBS} more")
    return (
        f"The rows of the template **{escaped(jobs[0].template_name)}**, in the table"
        f" `{destination.table}`. {_MODES[destination.mode]}"
        f"\n\nLoaded by the import jobs of:\n\n" + "\n".join(shown)
    )
