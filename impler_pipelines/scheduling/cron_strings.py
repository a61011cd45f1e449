"""Owns the writing of cron strings from minutes of the day and dates. It knows no zone.

What it writes means the same to every reader of cron: lists of numbers and stars only, and
never both a day of the month and a day of the week.
"""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

ALL_MONTHS = frozenset(range(1, 13))
ALL_DAYS = frozenset(range(1, 32))
ALL_WEEKDAYS = frozenset(range(7))
# One of the two has every date of any year.
_LEAP_YEAR, _COMMON_YEAR = 2024, 2023


@dataclass(frozen=True)
class DayRule:
    """Dates of the calendar: by month, and by day of the month or by weekday (Monday is 0)."""

    months: frozenset[int] = ALL_MONTHS
    days: frozenset[int] = ALL_DAYS
    weekdays: frozenset[int] = ALL_WEEKDAYS

    def __post_init__(self) -> None:
        if self.days != ALL_DAYS and self.weekdays != ALL_WEEKDAYS:
            raise ValueError("a rule restricts days of the month or weekdays, never both")

    def matches(self, date: dt.date) -> bool:
        """Return whether ``date`` is one of the rule's."""
        return (
            date.month in self.months and date.day in self.days and date.weekday() in self.weekdays
        )


@dataclass(frozen=True)
class _Days:
    """Days within some month, as two fields of cron have them."""

    days: frozenset[int] = ALL_DAYS
    weekdays: frozenset[int] = ALL_WEEKDAYS


class TickTable:
    """Minutes of the day to tick at, by month and day. ``strings`` writes it as few strings."""

    def __init__(self) -> None:
        self._minutes: dict[tuple[int, _Days], set[int]] = defaultdict(set)

    def add(
        self,
        minutes: Iterable[int],
        rule: DayRule,
        *,
        shift: int = 0,
        in_months: frozenset[int] = ALL_MONTHS,
    ) -> None:
        """Add ``minutes`` of the day on the rule's dates moved by ``shift`` days (-1, 0, 1).

        Of the moved dates only those in the months ``in_months`` are kept. A rule of weekdays
        in some months keeps a few days too many where months meet.
        """
        minutes = set(minutes)
        for month, days in _by_month(rule, shift):
            if month in in_months:
                self._minutes[month, days] |= minutes

    def add_dates(self, minutes: Iterable[int], dates: Iterable[tuple[int, int]]) -> None:
        """Add ``minutes`` of the day on these pairs of month and day."""
        minutes = set(minutes)
        for month, days in _days_by_month(dates):
            self._minutes[month, days] |= minutes

    def strings(self) -> tuple[str, ...]:
        """Return cron strings that tick exactly at what was added, the same for equal tables."""
        alike: dict[tuple[_Days, frozenset[int]], set[int]] = defaultdict(set)
        for (month, days), minutes in self._minutes.items():
            alike[days, frozenset(minutes)].add(month)
        months_of: dict[tuple[_Days, int], set[int]] = defaultdict(set)
        for (days, minutes_alike), months_alike in alike.items():
            for minute in minutes_alike:
                months_of[days, minute] |= months_alike
        minutes_of: dict[tuple[_Days, frozenset[int]], set[int]] = defaultdict(set)
        for (days, minute), months in months_of.items():
            minutes_of[days, frozenset(months)].add(minute)
        return tuple(
            sorted(
                f"{time} {date}"
                for (days, months), minutes in minutes_of.items()
                for date in (_date_fields(days, months),)
                for time in _time_fields(minutes)
            )
        )


def _by_month(rule: DayRule, shift: int) -> Iterable[tuple[int, _Days]]:
    """Yield each month of the moved dates with its days."""
    if rule.weekdays != ALL_WEEKDAYS:
        weekdays = frozenset((weekday + shift) % 7 for weekday in rule.weekdays)
        months = {(month - 1 + near) % 12 + 1 for month in rule.months for near in {0, shift}}
        return [(month, _Days(weekdays=weekdays)) for month in months]
    if rule.months == ALL_MONTHS and rule.days == ALL_DAYS:
        return [(month, _Days()) for month in ALL_MONTHS]
    if shift == 0:
        # Days that a month lacks may stay, unless it would be left without any
        held = [month for month in rule.months if min(rule.days) <= _length(month)]
        return [(month, _Days(rule.days)) for month in held]
    moved = (
        date + dt.timedelta(days=shift)
        for year in (_LEAP_YEAR, _COMMON_YEAR)
        for date in _dates_of(year)
        if rule.matches(date)
    )
    return _days_by_month((date.month, date.day) for date in moved)


def _days_by_month(dates: Iterable[tuple[int, int]]) -> Iterator[tuple[int, _Days]]:
    days_of: dict[int, set[int]] = defaultdict(set)
    for month, day in dates:
        days_of[month].add(day)
    for month, days in days_of.items():
        yield month, _Days(ALL_DAYS if len(days) == _length(month) else frozenset(days))


def _length(month: int) -> int:
    return monthrange(_LEAP_YEAR, month)[1]


def _dates_of(year: int) -> Iterator[dt.date]:
    first = dt.date(year, 1, 1)
    dates = (first + dt.timedelta(days=n) for n in range(366))
    return (date for date in dates if date.year == year)


def _time_fields(minutes_of_day: Iterable[int]) -> Iterator[str]:
    """Yield the ``minute hour`` fields that together name these minutes of the day."""
    minutes_of: dict[int, set[int]] = defaultdict(set)
    for minute_of_day in minutes_of_day:
        hour, minute = divmod(minute_of_day, 60)
        minutes_of[hour].add(minute)
    hours_of: dict[frozenset[int], set[int]] = defaultdict(set)
    for hour, minutes in minutes_of.items():
        hours_of[frozenset(minutes)].add(hour)
    for common, hours in hours_of.items():
        yield f"{_field(common, range(60))} {_field(hours, range(24))}"


def _date_fields(days: _Days, months: frozenset[int]) -> str:
    """Return the ``day month weekday`` fields."""
    of_month = days.days
    if months == {2} and of_month & set(range(1, 30)) == {29}:
        # Dagster steps through "29 2" by way of the 28ths (cron_string_iterator), and so loses
        # the leap day to a daemon that starts in between.
        of_month = frozenset({28, 29})
    # cron counts weekdays from Sunday
    weekdays = {(weekday + 1) % 7 for weekday in days.weekdays}
    return (
        f"{_field(of_month, range(1, 32))} {_field(months, range(1, 13))}"
        f" {_field(weekdays, range(7))}"
    )


def _field(values: Iterable[int], all_values: range) -> str:
    listed = sorted(values)
    return "*" if listed == list(all_values) else ",".join(map(str, listed))
