"""How an error reads in the Run, its import job and the Dagster run. It decides no retries.

A message names the thing, the value and what to do; what will happen by itself is added here.
"""

from __future__ import annotations

import datetime as dt

from impler_pipelines.errors import FeedUnreadable, MappingInvalid, PipelineError, TransientError
from impler_pipelines.model import ImportPlan
from impler_pipelines.sources.urls import public_url

LONGEST_WAIT_SECONDS = 60.0  # a longer Retry-After ends the run and moves nextRun instead
LONGEST_PAUSE_SECONDS = 7 * 24 * 3600.0  # a wrong Retry-After must not stop an import for ever


def waits_too_long(error: TransientError) -> bool:
    """Whether the other side asks for a longer pause than a run may wait."""
    return (error.retry_after or 0) > LONGEST_WAIT_SECONDS


def asked_pause(error: TransientError) -> float:
    """The seconds for which the other side is left alone: as it asks, up to a week."""
    return min(error.retry_after or 0, LONGEST_PAUSE_SECONDS)


def told(error: PipelineError, *, plan: ImportPlan | None, tries: int, now: dt.datetime) -> str:
    """The words for an error that ends a run after so many ``tries`` of its op."""
    words = str(error).rstrip(".")
    if isinstance(error, FeedUnreadable | MappingInvalid) and plan:
        words = f"{public_url(plan.url)}: {words}"
    if not isinstance(error, TransientError):
        return f"{words}."
    if waits_too_long(error):
        until = now + dt.timedelta(seconds=asked_pause(error))
        pause = f"It asks to be left alone until {until:%Y-%m-%d %H:%M} UTC"
        return f"{words}. {pause}: no run is due before that."
    return f"{words}. Tried {tries} times; the next run tries again."


def without_cause(error: PipelineError) -> PipelineError:
    """The error without what caused it, which Dagster would print.

    Foreign exceptions hold what must not be shown: HTTP clients the URL with its query string,
    databases the values of rows. What may be told of them is in our own message.
    """
    error.__cause__ = None
    error.__suppress_context__ = True
    return error
