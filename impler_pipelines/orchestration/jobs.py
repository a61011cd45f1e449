"""The Dagster job of an import job: one shared graph, bound to a name, tags and a description."""

from __future__ import annotations

from dagster import JobDefinition, ResourceDefinition, graph, in_process_executor

from impler_pipelines.orchestration.attempts import record_failure
from impler_pipelines.orchestration.names import (
    EXTERNAL_USER_TAG,
    IMPORT_JOB_TAG,
    TEMPLATE_TAG,
    job_name,
)
from impler_pipelines.orchestration.ops import (
    extract_records,
    fetch_feed,
    load_rows,
    map_columns,
)
from impler_pipelines.orchestration.references import reference_io_manager
from impler_pipelines.orchestration.runtime import Runtime
from impler_pipelines.scheduling import describe
from impler_pipelines.sources.urls import public_url
from impler_pipelines.store.sync import Definition


@graph
def automated_import() -> None:
    """Fetch a feed, read its records, map them to columns, load the rows."""
    load_rows(map_columns(extract_records(fetch_feed())))


def build_job(
    runtime: Runtime, import_job_id: str, definition: Definition | None = None
) -> JobDefinition:
    """Build the Dagster job. Never fails: without a definition it only lacks its description.

    Reads nothing from the store; the ops do, at run time.
    """
    tags = {IMPORT_JOB_TAG: import_job_id}
    if definition is not None:
        tags[EXTERNAL_USER_TAG] = definition.external_user_id
        tags[TEMPLATE_TAG] = definition.template_id
    return automated_import.to_job(
        name=job_name(import_job_id),
        description=_description(definition),
        tags=tags,
        executor_def=in_process_executor,
        hooks={record_failure},
        resource_defs={
            "runtime": ResourceDefinition.hardcoded_resource(runtime),
            "io_manager": reference_io_manager,
        },
    )


def _description(definition: Definition | None) -> str | None:
    if definition is None:
        return None
    return (
        f"Imports **{public_url(definition.url)}** into the template"
        f" **{definition.template_name}** for user {definition.external_user_id}."
        f"\n\n{describe(definition.timing) if definition.timing else 'Not scheduled'}."
    )
