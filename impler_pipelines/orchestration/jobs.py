"""The Dagster job of an import job: one shared graph, bound to a name, tags and a description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster import JobDefinition, ResourceDefinition, graph, in_process_executor

from impler_pipelines.orchestration.attempts import record_failure
from impler_pipelines.orchestration.descriptions import (
    definition_tags,
    job_description,
    job_metadata,
)
from impler_pipelines.orchestration.names import (
    MANUAL_JOB,
    MAX_RUNTIME_TAG,
    fetching_host,
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
from impler_pipelines.store.definitions import Definition


@graph
def automated_import() -> None:
    """Fetch a feed, read its records, map them to columns, load the rows."""
    load_rows(map_columns(extract_records(fetch_feed().feed)))


def build_job(
    runtime: Runtime, import_job_id: str, definition: Definition | None = None
) -> JobDefinition:
    """Build the Dagster job. Never fails: without a definition it only lacks its description.

    Reads nothing from the store; the ops do, at run time.
    """
    return _job(
        runtime,
        name=job_name(import_job_id),
        description=job_description(definition) if definition else None,
        metadata=job_metadata(definition) if definition else None,
        tags=definition_tags(import_job_id, definition)
        | (fetching_host(definition.url) if definition else {}),
    )


def build_manual_job(runtime: Runtime) -> JobDefinition:
    """Build the Dagster job of all uploaded files; its runs say by tag whose file it is."""
    return _job(
        runtime,
        name=MANUAL_JOB,
        description=(
            "Imports files that users upload into templates of mode `manual`. Each upload is a run,"
            " told apart by the tags `impler/import_job_id` and `impler/external_user_id`."
        ),
        metadata=None,
        tags=None,
    )


def _job(
    runtime: Runtime,
    *,
    name: str,
    description: str | None,
    metadata: Mapping[str, Any] | None,
    tags: Mapping[str, str] | None,
) -> JobDefinition:
    return automated_import.to_job(
        name=name,
        description=description,
        metadata=metadata,
        tags={**(tags or {}), MAX_RUNTIME_TAG: f"{runtime.settings.max_run_seconds:g}"},
        executor_def=in_process_executor,
        hooks={record_failure},
        resource_defs={
            "runtime": ResourceDefinition.hardcoded_resource(runtime),
            "io_manager": reference_io_manager,
        },
    )
