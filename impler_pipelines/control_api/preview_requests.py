"""Drafts as requests for previews describe them: checked as they are when they are saved.

It reads no feed: what only the feed can tell is left to be found out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from impler_pipelines.control_api.gathering import Gathered
from impler_pipelines.control_api.import_job_requests import filters_of, mappings_of, still_meant
from impler_pipelines.control_api.kept_feeds import FeedSource
from impler_pipelines.control_api.previewing import Draft
from impler_pipelines.control_api.schemas.previews import FeedPreviewBody, ImportJobPreviewBody
from impler_pipelines.control_api.source_requests import read_source
from impler_pipelines.errors import RequestInvalid
from impler_pipelines.mapping import check_filters
from impler_pipelines.model import Column, ImportJob, ImportPlan
from impler_pipelines.store.import_jobs import check_mappings


def read_feed_preview(
    body: FeedPreviewBody, columns: tuple[Column, ...], project_id: str
) -> tuple[FeedSource, Draft]:
    """The feed to look at, and what to make of it. Raises ``RequestInvalid``."""
    gathered = Gathered()
    url, auth = body.url, None
    with gathered.check():
        url, auth = read_source(body)
    draft = Draft(
        columns,
        mappings_of(body.mappings),
        filters_of(body.filters),
        body.record_path,
        fits=False,
    )
    with gathered.check():
        check_filters(draft.filters, columns)
    with gathered.check():
        check_mappings(draft.mappings, columns=columns, headings=None)
    gathered.raise_any()
    return FeedSource(project_id, url, auth), draft


def saved_draft(plan: ImportPlan, loaded: Iterable[Sequence[str]]) -> Draft:
    """What a run of the import job would do; ``loaded`` as ``Draft`` has it."""
    return Draft(
        plan.columns, plan.mappings, plan.filters, plan.record_path, fits=True, loaded=loaded
    )


def changed_draft(body: ImportJobPreviewBody, job: ImportJob, saved: Draft) -> Draft:
    """The same with what ``body`` has in place of what is ``saved``.

    Mapped paths have to be among the headings that the import job has, as when they are saved.
    Raises ``RequestInvalid``.
    """
    gathered = Gathered()
    draft = saved
    if "record_path" in body.given and body.record_path != saved.record_path:
        draft = _at_another_path(body.record_path, draft)
    with gathered.check():
        if job.upload is not None and "record_path" in body.given:
            raise RequestInvalid.of("recordPath", "is nothing that uploaded files have")
    with gathered.check():
        body.refuse_null("mappings")
        if body.mappings is not None:
            draft = replace(draft, mappings=mappings_of(body.mappings))
            headings = job.headings if draft.fits else None
            check_mappings(draft.mappings, columns=draft.columns, headings=headings)
    with gathered.check():
        if "filters" in body.given:
            draft = replace(draft, filters=filters_of(body.filters))
            check_filters(draft.filters, draft.columns)
    gathered.raise_any()
    return draft


def _at_another_path(record_path: str | None, draft: Draft) -> Draft:
    mappings = still_meant(draft.mappings, draft.columns)
    return replace(draft, record_path=record_path, mappings=mappings, fits=False)
