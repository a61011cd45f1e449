"""Owns what a zone's clocks do over the decades ahead: offsets, and the changes between them.

It never decides when anything is due.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from impler_pipelines.scheduling.zones import DAY_MINUTES, change_between, zone_of

# Nothing ticks before this package existed. Rules such as "the last Sunday of March" take all
# their dates within 28 years and those of the lunar year within 33, so these years show every
# offset and change of every zone, and cron strings don't depend on the day they are made on.
FIRST_YEAR, LAST_YEAR = 2026, 2066
# The two closest changes known (Gaza, 2040) are a week apart.
_STEP = dt.timedelta(days=3)


@dataclass(frozen=True)
class OffsetChange:
    """Clocks changed at the moment ``at`` (UTC). Offsets are minutes east of UTC."""

    at: dt.datetime
    before: int
    after: int

    def touched_walls(self, minutes_of_day: Iterable[int]) -> Iterator[dt.datetime]:
        """Yield those wall times, at any of ``minutes_of_day``, that it skips or repeats."""
        first, last = sorted((self.before, self.after))
        start = self.at.replace(tzinfo=None) + dt.timedelta(minutes=first)
        for minute in minutes_of_day:
            # no change is longer than a day, so each minute of the day is touched once at most
            ahead = (minute - start.hour * 60 - start.minute) % DAY_MINUTES
            if ahead < last - first:
                yield start + dt.timedelta(minutes=ahead)


@dataclass(frozen=True)
class ZoneOffsets:
    """Each offset with the months (of UTC) in which it is in force, and each change.

    ``touched_minutes`` are the minutes of the day that some change skips or repeats.
    """

    months: dict[int, frozenset[int]]
    changes: tuple[OffsetChange, ...]
    touched_minutes: frozenset[int]


@lru_cache(maxsize=1024)
def zone_offsets(name: str, first_year: int = FIRST_YEAR) -> ZoneOffsets:
    """Return the offsets of the zone ``name`` from ``first_year`` to ``LAST_YEAR``."""
    zone = zone_of(name)
    begin, end = (
        dt.datetime(first_year, 1, 1, tzinfo=dt.UTC),
        dt.datetime(LAST_YEAR + 1, 1, 1, tzinfo=dt.UTC),
    )
    probes = [begin + n * _STEP for n in range((end - begin) // _STEP + 1)]
    offsets = [_offset(probe, zone) for probe in probes]
    changes = [
        OffsetChange(change_between(low, high, zone), before, after)
        for (low, before), (high, after) in pairwise(zip(probes, offsets, strict=True))
        if before != after
    ]
    months: dict[int, frozenset[int]] = {}
    starts = [begin, *(change.at for change in changes), end]
    in_force = [offsets[0], *(change.after for change in changes)]
    for (start, stop), offset in zip(pairwise(starts), in_force, strict=True):
        months[offset] = months.get(offset, frozenset()) | _months_of(start, stop)
    walls = (wall for change in changes for wall in change.touched_walls(range(DAY_MINUTES)))
    touched = frozenset(wall.hour * 60 + wall.minute for wall in walls)
    return ZoneOffsets(months, tuple(changes), touched)


def _offset(moment: dt.datetime, zone: dt.tzinfo) -> int:
    offset = moment.astimezone(zone).utcoffset()
    return int(offset.total_seconds()) // 60 if offset is not None else 0


def _months_of(start: dt.datetime, stop: dt.datetime) -> frozenset[int]:
    last = stop - dt.timedelta(minutes=1)
    span = (last.year - start.year) * 12 + last.month - start.month
    return frozenset((start.month - 1 + n) % 12 + 1 for n in range(min(span, 11) + 1))
