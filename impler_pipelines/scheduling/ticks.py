"""Owns the cron strings of an import job's Dagster schedule: a few ticks more than it has runs.

It never decides whether a run is due: a tick's evaluation compares ``nextRun``.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache

from impler_pipelines.model import Interval, Unit
from impler_pipelines.scheduling.cron import Cron, parse_cron
from impler_pipelines.scheduling.cron_strings import (
    ALL_DAYS,
    ALL_MONTHS,
    ALL_WEEKDAYS,
    DayRule,
    TickTable,
)
from impler_pipelines.scheduling.intervals import WEEKDAYS
from impler_pipelines.scheduling.offsets import FIRST_YEAR, ZoneOffsets, zone_offsets
from impler_pipelines.scheduling.recurrence import (
    anchor_of,
    is_elapsed,
    period_minutes,
    start_of,
    time_of_day,
)
from impler_pipelines.scheduling.timing import Timing, check_timing
from impler_pipelines.scheduling.zones import DAY_MINUTES, zone_of

WEEK_MINUTES = 7 * DAY_MINUTES
# Beyond as many months the dates of changes wander through the year (Morocco's follow the
# moon); a string for each month would cost more than the ticks it saves.
_MONTHS_APART = 4


@dataclass(frozen=True)
class TickPlan:
    """Cron strings, all read in ``timezone``, that together tick at every due moment."""

    cron_strings: tuple[str, ...]
    timezone: str


@dataclass(frozen=True)
class _Walls:
    """Wall times: minutes of the day on the dates of any of the rules."""

    minutes_of_day: frozenset[int]
    rules: tuple[DayRule, ...]
    gaps_are_made_up: bool = True

    def fall_on(self, day: dt.date) -> bool:
        """Return whether ``day`` is one of their dates."""
        return any(rule.matches(day) for rule in self.rules)


def ticks(timing: Timing) -> TickPlan:
    """Return cron strings whose ticks, as Dagster steps through them, include every due moment.

    - minutes and hours: elapsed time, so in UTC, at every place of the day that a run can take
    - wall times that no change of clocks ever touches: in the import job's zone
    - other wall times: in UTC, once for each offset of the zone in the months that have it, and
      at the end of each gap that they fall into. Dagster in the zone itself would take the
      second of two equal wall times, and knows only gaps of whole hours in the small hours.

    The same timing always gives the same strings. Raises RequestInvalid as ``check_timing``.
    """
    check_timing(timing)
    if timing.interval is None:
        walls = _cron_walls(parse_cron(timing.cron or ""))
        return _wall_plan(walls, timing.timezone, FIRST_YEAR)
    if is_elapsed(timing.interval):
        return _elapsed_plan(timing.interval, timing)
    at = time_of_day(timing.interval, timing.phase_minutes)
    walls = _Walls(frozenset({at.hour * 60 + at.minute}), (_interval_rule(timing.interval),))
    first_year = min(start_of(timing.interval).year, FIRST_YEAR)
    return _wall_plan(walls, timing.timezone, first_year)


def _elapsed_plan(interval: Interval, timing: Timing) -> TickPlan:
    anchor = anchor_of(interval, zone_of(timing.timezone), timing.phase_minutes)
    period = period_minutes(interval)
    step = math.gcd(period, DAY_MINUTES)
    first = (anchor.hour * 60 + anchor.minute) % step
    weekdays = ALL_WEEKDAYS if period % WEEK_MINUTES else frozenset({anchor.weekday()})
    return _elapsed_ticks(first, step, weekdays)


@lru_cache(maxsize=4096)
def _elapsed_ticks(first: int, step: int, weekdays: frozenset[int]) -> TickPlan:
    table = TickTable()
    table.add(range(first, DAY_MINUTES, step), DayRule(weekdays=weekdays))
    return TickPlan(table.strings(), "UTC")


def _interval_rule(interval: Interval) -> DayRule:
    start = start_of(interval)
    if interval.unit is Unit.WEEKS:
        weekdays = {WEEKDAYS.index(day) for day in interval.weekdays}
        return DayRule(weekdays=frozenset(weekdays or {start.weekday()}))
    if interval.unit is Unit.MONTHS:
        step = math.gcd(interval.every, 12)
        months = frozenset((start.month - 1 + n) % 12 + 1 for n in range(0, 12, step))
        day = interval.day_of_month or start.day
        return DayRule(months=months, days=frozenset(range(min(day, 28), day + 1)))
    if interval.every % 7 == 0:
        return DayRule(weekdays=frozenset({start.weekday()}))
    return DayRule()


def _cron_walls(cron: Cron) -> _Walls:
    minutes = frozenset(hour * 60 + minute for hour in cron.hours for minute in cron.minutes)
    by_day = DayRule(cron.months, days=cron.possible_days)
    by_weekday = DayRule(cron.months, weekdays=cron.possible_weekdays)
    rules: tuple[DayRule, ...]
    if not cron.both_days_must_match:
        free = by_day.days == ALL_DAYS or by_weekday.weekdays == ALL_WEEKDAYS
        rules = (DayRule(cron.months),) if free else (by_day, by_weekday)
    elif len(by_day.days) * len(ALL_WEEKDAYS) < len(by_weekday.weekdays) * len(ALL_DAYS):
        rules = (by_day,)
    else:
        rules = (by_weekday,)
    return _Walls(minutes, rules, gaps_are_made_up=not cron.by_the_clock)


# Thousands of import jobs share few zones and times of day, and all are asked at each load.
@lru_cache(maxsize=4096)
def _wall_plan(walls: _Walls, timezone: str, first_year: int) -> TickPlan:
    offsets = zone_offsets(timezone, first_year)
    table = TickTable()
    if not offsets.touched_minutes & walls.minutes_of_day:
        for rule in walls.rules:
            table.add(walls.minutes_of_day, rule)
        return TickPlan(table.strings(), timezone)
    _add_by_offset(table, walls, offsets)
    if walls.gaps_are_made_up:
        _add_gap_ends(table, walls, offsets)
    return TickPlan(table.strings(), "UTC")


def _add_by_offset(table: TickTable, walls: _Walls, offsets: ZoneOffsets) -> None:
    """Add the wall times as UTC has them, for each offset in its months."""
    for offset, in_months in offsets.months.items():
        by_shift: dict[int, set[int]] = defaultdict(set)
        for minute in walls.minutes_of_day:
            shift, minute_of_day = divmod(minute - offset, DAY_MINUTES)
            by_shift[shift].add(minute_of_day)
        for shift, minutes in by_shift.items():
            for rule in walls.rules:
                table.add(minutes, rule, shift=shift, in_months=in_months)


def _add_gap_ends(table: TickTable, walls: _Walls, offsets: ZoneOffsets) -> None:
    """Add the ends of the gaps that hide one of the wall times."""
    dates: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for change in offsets.changes:
        skips = change.after > change.before
        if skips and any(map(walls.fall_on, change.touched_walls(walls.minutes_of_day))):
            dates[change.at.hour * 60 + change.at.minute].add((change.at.month, change.at.day))
    for minute_of_day, found in dates.items():
        months = {month for month, _ in found}
        if len(months) > _MONTHS_APART:
            days = {day for _, day in found}
            found = {(month, day) for month in ALL_MONTHS for day in days}
        table.add_dates({minute_of_day}, found)
