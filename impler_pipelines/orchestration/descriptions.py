"""What Dagster's definitions say of an import job, to a person who sees it for the first time.

Texts are Markdown; what users typed is escaped in them. URLs come without user, password, query.
It never fails: a part that can't be read says so.
"""

from __future__ import annotations

from typing import Any

from dagster import MetadataValue

from impler_pipelines.errors import PipelineError
from impler_pipelines.orchestration.assets import asset_key
from impler_pipelines.orchestration.markdown import escaped
from impler_pipelines.orchestration.names import (
    EXTERNAL_USER_TAG,
    IMPORT_JOB_TAG,
    TEMPLATE_TAG,
)
from impler_pipelines.scheduling import describe
from impler_pipelines.store.definitions import Definition


def definition_tags(import_job_id: str, definition: Definition | None) -> dict[str, str]:
    """The tags of a Dagster job and its schedule: ids to filter by."""
    if definition is None:
        return {IMPORT_JOB_TAG: import_job_id}
    return {
        IMPORT_JOB_TAG: import_job_id,
        EXTERNAL_USER_TAG: definition.external_user_id,
        TEMPLATE_TAG: definition.template_id,
    }


def job_description(definition: Definition) -> str:
    """What is imported for whom, when, and where to look next."""
    tables = ", ".join(f"`{destination.table}`" for destination in definition.destinations)
    return (
        f"Imports {_feed(definition)} for user **{escaped(definition.external_user_id)}**"
        f" into the template **{escaped(definition.template_name)}**"
        f"{f' (table {tables})' if tables else ''}."
        f"\n\n{escaped(when(definition))}."
        "\n\nWhere to look:"
        "\n\n- **Runs**: what each run fetched, mapped and loaded, in the metadata of its ops"
        "\n- `map_columns` of a run: records that were rejected, and why"
        "\n- **Catalog**: the table, with its number of rows over time"
        "\n- the schedule's switch: pauses and resumes the import job"
    )


def job_metadata(definition: Definition) -> dict[str, Any]:
    """The same as entries, with links to the tables' assets."""
    entries: dict[str, Any] = {
        "source": MetadataValue.url(_source(definition).removesuffix("?…")),
        "user": definition.external_user_id,
        "template": definition.template_name,
        "runs": when(definition),
    }
    for number, destination in enumerate(definition.destinations, start=1):
        name = "table" if number == 1 else f"table {number}"
        entries[name] = MetadataValue.asset(asset_key(destination))
    return entries


def schedule_description(definition: Definition) -> str:
    """When it runs, and what; in plain text, since it is shown as a hint."""
    return (
        f"{when(definition)}: imports {_source(definition)} into {definition.template_name}"
        f" for user {definition.external_user_id}. A tick at which nothing is due skips and says"
        " why. Switching it off pauses the import job."
    )


def when(definition: Definition) -> str:
    """The interval in words, without a full stop."""
    if definition.timing is None:
        return "Not scheduled yet"
    try:
        return describe(definition.timing)
    except PipelineError as error:
        return f"On a schedule that can't be read ({str(error).rstrip('.')})"


def _feed(definition: Definition) -> str:
    """Path and host apart, since the page does not wrap a long address."""
    _, _, rest = _source(definition).partition("://")
    host, _, path = rest.partition("/")
    return f"the feed `/{path}` of **{escaped(host)}**"


def _source(definition: Definition) -> str:
    # Imported here: a run builds its job without a description, and has no need of an HTTP client.
    from impler_pipelines.sources.urls import public_url

    return public_url(definition.url).replace("`", "%60")
