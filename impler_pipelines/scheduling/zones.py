"""Owns time zones: their names, and the moment of a wall time. It never reads a clock."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

MINUTE = dt.timedelta(minutes=1)
DAY_MINUTES = 24 * 60


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Every name of the IANA database, as the ``tzdata`` package lists them.

    The system's own directory is not asked: it also holds copies that count leap seconds
    (``right/…``) and whatever ``localtime`` happens to point at.
    """
    listed = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8")
    return frozenset(listed.split()) - {"Factory"}


def zone_of(name: str) -> dt.tzinfo:
    """Return the zone called ``name``, which must be one of ``zone_names()``."""
    return dt.UTC if name == "UTC" else ZoneInfo(name)


def wall_of(moment: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """Return what a clock on the wall in ``zone`` shows at ``moment``, without a zone."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def moment_of(wall: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """Return the moment (UTC) at which a naive ``wall`` time comes in ``zone``.

    - a time that comes once: that moment
    - a time that comes twice, since clocks went back: the first
    - a time that never comes, since clocks went forward or a day was skipped: the first moment
      after the gap
    So it never decreases as ``wall`` grows.
    """
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)
    if wall_of(moment, zone) == wall:
        return moment
    # In a gap, fold 0 reads the wall time with the offset of before (so the moment lies after
    # the change) and fold 1 with that of after (PEP 495).
    return change_between(wall.replace(tzinfo=zone, fold=1).astimezone(dt.UTC), moment, zone)


def moments_of(wall: dt.datetime, zone: dt.tzinfo) -> tuple[dt.datetime, ...]:
    """Return every moment (UTC, ascending) at which ``wall`` is shown: none, one or two."""
    found = {wall.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1)}
    return tuple(sorted(moment for moment in found if wall_of(moment, zone) == wall))


def change_between(low: dt.datetime, high: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """Return the first moment in ``(low, high]`` with the offset of ``high``.

    Exactly one change lies in between; both are UTC and at whole minutes, as changes since 1973
    are.
    """
    settled = high.astimezone(zone).utcoffset()
    while high - low > MINUTE:
        middle = (low + (high - low) // 2).replace(second=0, microsecond=0)
        if middle.astimezone(zone).utcoffset() == settled:
            high = middle
        else:
            low = middle
    return high
