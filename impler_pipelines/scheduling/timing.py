"""Owns a timing: the interval or cron, zone, end and phase of an import job, and its next runs.

It never reads a clock: every function takes the moment to count from.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from impler_pipelines.errors import FieldProblem, RequestInvalid
from impler_pipelines.model import Interval
from impler_pipelines.scheduling.cron import next_match, parse_cron
from impler_pipelines.scheduling.intervals import anchored, interval_problems, parse_interval
from impler_pipelines.scheduling.recurrence import (
    is_elapsed,
    next_due,
    period_minutes,
)
from impler_pipelines.scheduling.zones import DAY_MINUTES, wall_of, zone_names, zone_of


@dataclass(frozen=True)
class Timing:
    """When an import job runs: exactly one of ``interval`` (anchored) and ``cron``.

    ``timezone`` is an IANA name. ``ends_on`` (aware) is inclusive. ``phase_minutes`` spreads
    intervals without ``at`` (see ``phase_of``); it means nothing to ``cron``.
    """

    interval: Interval | None
    cron: str | None
    timezone: str = "UTC"
    ends_on: dt.datetime | None = None
    phase_minutes: int = 0


def parse_timing(
    *,
    interval: Mapping[str, Any] | None = None,
    cron: str | None = None,
    timezone: str | None = None,
    ends_on: dt.datetime | None = None,
    now: dt.datetime,
    import_job_id: str | None = None,
) -> Timing:
    """Read the timing of a request: ``interval`` in JSON's shape or ``cron``, anchored at ``now``.

    With ``import_job_id`` the timing has that import job's phase, otherwise none. Raises
    RequestInvalid that names each unacceptable field (``interval.every``, ``cron``, ``timezone``,
    ``endsOn``).
    """
    problems: list[FieldProblem] = []
    zone = "UTC" if timezone is None else timezone
    read: Interval | None = None
    if interval is not None:
        try:
            read = parse_interval(interval)
        except RequestInvalid as invalid:
            problems += invalid.problems
    if read is not None and _is_zone(zone):
        read = anchored(read, today=wall_of(now, zone_of(zone)).date())
    if (interval is None) == (cron is None):
        problems.append(_NEITHER_OR_BOTH)
    problems += _zone_problems(zone) + _cron_problems(cron) + _end_problems(ends_on)
    if problems:
        raise RequestInvalid(problems)
    phase = phase_of(import_job_id, read) if read is not None and import_job_id else 0
    return Timing(read, cron, zone, ends_on, phase)


def timing_of(
    import_job_id: str,
    *,
    interval: Interval | None,
    cron: str | None,
    timezone: str,
    ends_on: dt.datetime | None,
) -> Timing | None:
    """Return the timing that an import job is kept with, its own phase included.

    None while it has neither interval nor cron.
    """
    if interval is None and cron is None:
        return None
    phase = phase_of(import_job_id, interval) if interval is not None else 0
    return Timing(interval, cron, timezone, ends_on, phase)


def check_timing(timing: Timing) -> None:
    """Raise RequestInvalid, naming each field, unless ``timing`` can be computed with."""
    problems = _zone_problems(timing.timezone) + _cron_problems(timing.cron)
    problems += _end_problems(timing.ends_on)
    if (timing.interval is None) == (timing.cron is None):
        problems.append(_NEITHER_OR_BOTH)
    if timing.interval is not None:
        problems += interval_problems(timing.interval)
        if timing.interval.starts_on is None:
            problems.append(FieldProblem("interval.startsOn", "is missing: nothing to count from"))
    if problems:
        raise RequestInvalid(problems)


def next_run(timing: Timing, after: dt.datetime) -> dt.datetime | None:
    """Return the first run strictly after ``after`` (aware): UTC, at a whole minute.

    None once it would lie past ``ends_on``; a run at ``ends_on`` itself still happens. Its cost
    does not grow with the time since the start. Raises RequestInvalid for a timing that
    ``check_timing`` refuses.
    """
    check_timing(timing)
    if after.utcoffset() is None:
        raise ValueError(f"after={after} has no time zone")
    after = after.astimezone(dt.UTC)
    zone = zone_of(timing.timezone)
    if timing.cron is not None:
        run = next_match(parse_cron(timing.cron), zone, after)
    else:
        assert timing.interval is not None  # noqa: S101  # check_timing has seen to it
        run = next_due(timing.interval, zone, timing.phase_minutes, after)
    return None if timing.ends_on is not None and run > timing.ends_on else run


def next_runs(timing: Timing, after: dt.datetime, count: int) -> list[dt.datetime]:
    """Return the next ``count`` runs after ``after``, ascending; fewer where ``ends_on`` cuts."""
    runs: list[dt.datetime] = []
    while len(runs) < count:
        run = next_run(timing, runs[-1] if runs else after)
        if run is None:
            break
        runs.append(run)
    return runs


def phase_of(import_job_id: str, interval: Interval) -> int:
    """Return how many minutes after the anchor this import job's runs start.

    It derives from a hash of the id, so that import jobs of one interval are spread evenly, and
    the same import job always has the same: within the period for minutes and hours, within the
    day for days, weeks and months. With ``at`` it is 0, since ``at`` is exact.
    """
    if interval.at is not None:
        return 0
    span = period_minutes(interval) if is_elapsed(interval) else DAY_MINUTES
    digest = hashlib.sha256(import_job_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") % span


_NEITHER_OR_BOTH = FieldProblem("interval", "give either an interval or a cron, not both or none")


def _is_zone(name: object) -> bool:
    return isinstance(name, str) and name in zone_names()


def _zone_problems(name: str) -> list[FieldProblem]:
    if _is_zone(name):
        return []
    takes = "an IANA time zone such as Europe/Berlin or UTC"
    return [FieldProblem("timezone", f"must be {takes}, not {name!r:.50}")]


def _cron_problems(cron: str | None) -> list[FieldProblem]:
    if cron is None:
        return []
    if not isinstance(cron, str):
        return [FieldProblem("cron", f"must be text, not {cron!r:.50}")]
    try:
        parse_cron(cron)
    except RequestInvalid as invalid:
        return list(invalid.problems)
    return []


def _end_problems(ends_on: dt.datetime | None) -> list[FieldProblem]:
    if ends_on is None or ends_on.utcoffset() is not None:
        return []
    return [FieldProblem("endsOn", f"must have a time zone, such as {ends_on.isoformat()}Z")]
