"""The fetch of one run: whether the server is asked at all, in its turn, and what is to be said.

It decides nothing about redirects, freshness or turns: ``sources`` and ``store`` do.
"""

from __future__ import annotations

import datetime as dt
from contextlib import AbstractContextManager
from dataclasses import replace

from impler_pipelines import logs
from impler_pipelines.errors import StateConflict
from impler_pipelines.model import FeedState, ImportPlan, Trigger
from impler_pipelines.orchestration.attempts import Attempt
from impler_pipelines.orchestration.kept_feeds import kept_feed
from impler_pipelines.orchestration.limits import fetch_policy
from impler_pipelines.orchestration.references import FetchedFeed
from impler_pipelines.sources import FetchResult, Freshness, fetch, public_url


def source_at_hand(attempt: Attempt, plan: ImportPlan) -> FetchedFeed | None:
    """What need not be fetched: a file that was uploaded, or the feed whose rejects are run again.

    Raises ``StateConflict`` where it is no longer kept.
    """
    run, artifacts = attempt.run, attempt.runtime.artifacts
    if run.upload is not None:
        if not artifacts.exists(run.upload.path):
            raise StateConflict(
                f"The file {run.upload.file_name!r} is no longer kept (IMPLER_KEEP_UPLOADS_DAYS):"
                " upload it again."
            )
        return FetchedFeed(run.upload.path, None, plan.feed_state, upload=run.upload)
    if run.rejects_of is None:
        return None
    # What was last read stays what it was: this run looks at no newer feed.
    return replace(kept_feed(artifacts, run.import_job_id, run.rejects_of), read=plan.feed_state)


def reason_not_to_ask(
    attempt: Attempt, plan: ImportPlan, known: FeedState, *, now: dt.datetime
) -> str | None:
    """Why the server need not be asked at present, in words for the Run; None: ask.

    Whoever asks for a run wants to know, and so does a first run. After a failure the server has
    said something newer, or something else is to be set right.
    """
    if attempt.run.trigger is not Trigger.SCHEDULE or plan.failing:
        return None
    if known.fresh_since is None or known.fresh_until is None:
        return None
    if not Freshness(known.fresh_since, known.fresh_until).worth_keeping(now):
        return None
    said, until = (f"{at:%Y-%m-%d %H:%M} UTC" for at in (known.fresh_since, known.fresh_until))
    return (
        f"Not fetched: the server said at {said} that its answer stays fresh until {until}."
        " A run that is asked for by hand fetches all the same."
    )


def fetch_to_artifact(
    attempt: Attempt, plan: ImportPlan, known: FeedState, path: str
) -> FetchResult:
    """Write the feed's bytes to ``path``, unless ``known`` is still what there is.

    Raises what ``fetch`` raises, ``HostBusy`` included.
    """
    runtime = attempt.runtime

    def waiting(host: str) -> None:
        attempt.say(f"Waiting for another request to {host} to end.")
        logs.note("fetch.waiting", feed_host=host)

    def turn(host: str, seconds: float) -> AbstractContextManager[None]:
        return runtime.host_turns.turn(host, seconds, waiting=waiting)

    with runtime.artifacts.open(path, "wb") as into:
        return fetch(
            plan.url,
            into,
            policy=fetch_policy(runtime.settings),
            auth=plan.auth,
            state=known,
            turn=turn,
            on_progress=lambda done, _total: attempt.report(done, "bytes"),
        )


def fetch_warnings(result: FetchResult) -> tuple[str, ...]:
    """What the import job's user should know of where the feed was found."""
    if result.moved_to is None:
        return ()
    moved = f"The feed has moved for good to {public_url(result.moved_to)}"
    return (f"{moved} and is fetched from there: give the import job the new address.",)
