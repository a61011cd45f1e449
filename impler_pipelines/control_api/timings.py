"""The timing that a request asks for: interval or cron, time zone and end. It computes no run."""

from __future__ import annotations

import datetime as dt
import re

from impler_pipelines.control_api.gathering import Gathered
from impler_pipelines.control_api.schemas.import_jobs import ImportJobCreate, ImportJobUpdate
from impler_pipelines.control_api.schemas.schedules import SchedulePreviewBody
from impler_pipelines.errors import RequestInvalid
from impler_pipelines.model import ImportJob
from impler_pipelines.scheduling import Timing, check_timing, parse_timing
from impler_pipelines.scheduling.zones import moment_of, zone_names, zone_of

DEFAULT_ZONE = "UTC"
TIMING_FIELDS = frozenset({"interval", "cron", "timezone", "ends_on"})

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_END_OF_DAY = dt.time(23, 59, 59)


def read_timing(
    body: ImportJobCreate | SchedulePreviewBody, *, now: dt.datetime, schedule_required: bool
) -> Timing:
    """The timing of a new import job or of a preview, checked and anchored at ``now``.

    Without a schedule, where none is required, both its interval and its cron are None. Raises
    ``RequestInvalid`` that names each unacceptable field.
    """
    zone = DEFAULT_ZONE if body.timezone is None else body.timezone
    gathered = Gathered()
    ends_on = None
    with gathered.check():
        ends_on = parse_ends_on(body.ends_on, zone)
    with gathered.check():
        if schedule_required or body.interval is not None or body.cron is not None:
            timing = parse_timing(
                interval=body.interval, cron=body.cron, timezone=zone, ends_on=ends_on, now=now
            )
        else:
            check_zone(zone)
            timing = Timing(None, None, zone, ends_on)
    gathered.raise_any()
    return timing


def changed_timing(body: ImportJobUpdate, job: ImportJob, *, now: dt.datetime) -> Timing:
    """The import job's timing after a partial update; an interval and a cron oust each other.

    Raises ``RequestInvalid`` that names each unacceptable field.
    """
    zone = job.timezone
    if "timezone" in body.given:
        zone = DEFAULT_ZONE if body.timezone is None else body.timezone
    gathered = Gathered()
    ends_on = job.ends_on
    with gathered.check():
        if "ends_on" in body.given:
            ends_on = parse_ends_on(body.ends_on, zone)
            check_end_ahead(ends_on, now=now)
    with gathered.check():
        if body.interval is not None or body.cron is not None:
            timing = parse_timing(
                interval=body.interval, cron=body.cron, timezone=zone, ends_on=ends_on, now=now
            )
        else:
            timing = Timing(
                None if "interval" in body.given else job.interval,
                None if "cron" in body.given else job.cron,
                zone,
                ends_on,
            )
            _check_kept(timing)
    gathered.raise_any()
    return timing


def parse_ends_on(text: str | None, zone: str) -> dt.datetime | None:
    """Read an end in ISO 8601, as a moment in UTC.

    * a date is the last second of that day in the time zone
    * a time without an offset is one of the time zone

    Raises ``RequestInvalid`` (field ``endsOn``).
    """
    if text is None:
        return None
    tz = zone_of(zone) if zone in zone_names() else dt.UTC  # a bad zone is told by itself
    try:
        if _DATE.fullmatch(text):
            return moment_of(dt.datetime.combine(dt.date.fromisoformat(text), _END_OF_DAY), tz)
        moment = dt.datetime.fromisoformat(text)
        return moment.astimezone(dt.UTC) if moment.tzinfo else moment_of(moment, tz)
    except (ValueError, OverflowError) as error:
        raise RequestInvalid.of(
            "endsOn",
            f"must be a date or time in ISO 8601, such as 2027-01-31T12:00:00Z; not {text!r}",
        ) from error


def check_end_ahead(ends_on: dt.datetime | None, *, now: dt.datetime) -> None:
    """Raise ``RequestInvalid`` for an end that is past already."""
    if ends_on is not None and ends_on <= now:
        raise RequestInvalid.of("endsOn", f"must be in the future, not {ends_on.isoformat()}")


def check_zone(zone: str) -> None:
    """Raise ``RequestInvalid`` unless ``zone`` is an IANA time zone."""
    if zone not in zone_names():
        raise RequestInvalid.of(
            "timezone", f"must be an IANA time zone such as Europe/Berlin or UTC, not {zone!r}"
        )


def _check_kept(timing: Timing) -> None:
    check_zone(timing.timezone)
    if timing.interval is not None or timing.cron is not None:
        check_timing(timing)
