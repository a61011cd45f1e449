"""Owns cron expressions of five fields: reading them, and when they are due. No intervals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from cronsim import CronSim, CronSimError

from impler_pipelines.errors import RequestInvalid
from impler_pipelines.scheduling.zones import moment_of, moments_of, wall_of

# Every combination of date and weekday comes back within the Gregorian calendar's longest gap
# between 29 Februaries of one weekday (40 years, around 2100); beyond that there is none.
_YEARS = 41
_LONGEST = 200
# No clock has gone back by more than two hours since 1973.
_FOLD = dt.timedelta(hours=3)
_ANY_DATE = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Cron:
    """An expression as Debian's cron reads it (crontab(5), and ``L``, ``LW``, ``#``).

    ``by_the_clock`` tells an expression whose minutes or hours start with a star: it is due
    whenever the clock shows a matching time, so not in a gap, and twice where clocks go back.
    """

    fields: tuple[str, str, str, str, str]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: frozenset[int]
    by_the_clock: bool
    days: CronSim

    @property
    def both_days_must_match(self) -> bool:
        """Whether day and weekday must both match (one starts with a star), or either."""
        return bool(self.days.day_and)

    @property
    def possible_days(self) -> frozenset[int]:
        """Days of the month on which its day field can match (``L`` is any of 28 to 31)."""
        days = {day for day in self.days.days if day > 0}
        if CronSim.LAST in self.days.days:
            days.update(range(28, 32))
        if CronSim.LAST_WEEKDAY in self.days.days:
            days.update(range(26, 32))
        return frozenset(days)

    @property
    def possible_weekdays(self) -> frozenset[int]:
        """Weekdays (Monday is 0) on which its weekday field can match, in some week."""
        named = {day[0] if isinstance(day, tuple) else day for day in self.days.weekdays}
        return frozenset((day - 1) % 7 for day in named)

    @property
    def expression(self) -> str:
        """The five fields, separated by single blanks."""
        return " ".join(self.fields)


@lru_cache(maxsize=1024)
def parse_cron(expression: str) -> Cron:
    """Read a cron expression of five fields.

    Raises RequestInvalid (field ``cron``) for anything else, and for one that never comes, such
    as 30 February.
    """
    fields = expression.upper().split() if len(expression) <= _LONGEST else []
    if len(fields) != 5:
        raise RequestInvalid.of(
            "cron",
            f"takes five fields (minute, hour, day of month, month, day of week), such as"
            f" '30 9 * * MON-FRI'; {expression[:50]!r} is not that",
        )
    minute, hour, day, month, weekday = fields
    try:
        read = CronSim(" ".join(fields), _ANY_DATE)
    except CronSimError as error:
        reason = str(error).lower()
        raise RequestInvalid.of(
            "cron", f"{expression!r} can't be read, or never comes: {reason}"
        ) from error
    cron = Cron(
        fields=(minute, hour, day, month, weekday),
        minutes=tuple(sorted(read.minutes)),
        hours=tuple(sorted(read.hours)),
        months=frozenset(read.months),
        by_the_clock=minute.startswith("*") or hour.startswith("*"),
        days=read,
    )
    if next(_dates_from(cron, _ANY_DATE.date()), None) is None:
        raise RequestInvalid.of("cron", f"{expression!r} never comes: no date matches it")
    return cron


def next_match(cron: Cron, zone: dt.tzinfo, after: dt.datetime) -> dt.datetime:
    """Return the first moment (UTC, at a whole minute) strictly after ``after`` that is due.

    An expression of fixed hours and minutes follows the intervals' rule: a wall time that a
    clock change skips is due at the first moment after the gap, one that comes twice at the
    first. One that runs ``by_the_clock`` is due whenever the clock shows it.
    """
    shown = wall_of(after, zone)
    if not cron.by_the_clock:
        # moment_of never decreases, so walls up to the one shown have come already
        moments = (moment_of(wall, zone) for wall in _walls_after(cron, shown))
        return next(moment for moment in moments if moment > after)
    if len(moments_of(shown.replace(second=0, microsecond=0), zone)) > 1:
        shown -= _FOLD
    return _first_shown(cron, zone, after, shown)


def _first_shown(
    cron: Cron, zone: dt.tzinfo, after: dt.datetime, shown: dt.datetime
) -> dt.datetime:
    """Return the first matching moment after ``after``, among walls later than ``shown``.

    The order of walls is that of moments except around a time that comes twice: there the
    search goes on until a wall that comes once, which nothing later on the wall can precede.
    """
    best: dt.datetime | None = None
    for wall in _walls_after(cron, shown):
        moments = moments_of(wall, zone)
        due = [moment for moment in moments if moment > after]
        if due and (best is None or due[0] < best):
            best = due[0]
        if best is not None and (len(moments) == 1 or wall > wall_of(best, zone) + _FOLD):
            return best
    raise AssertionError(f"{cron.expression!r} was accepted, yet has no date")  # pragma: no cover


def _walls_after(cron: Cron, shown: dt.datetime) -> Iterator[dt.datetime]:
    today = shown.date()
    walls = (
        dt.datetime.combine(date, dt.time(hour, minute))
        for date in _dates_from(cron, today)
        for hour in cron.hours
        if date > today or hour >= shown.hour
        for minute in cron.minutes
    )
    return (wall for wall in walls if wall > shown)


def _dates_from(cron: Cron, first: dt.date) -> Iterator[dt.date]:
    months = (
        dt.date(year, month, 1)
        for year in range(first.year, first.year + _YEARS + 1)
        for month in sorted(cron.months)
    )
    this_month = first.replace(day=1)
    dates = chain.from_iterable(_days_of(month) for month in months if month >= this_month)
    return (date for date in dates if date >= first and cron.days.match_day(date))


def _days_of(month: dt.date) -> Iterator[dt.date]:
    date = month
    while date.month == month.month:
        yield date
        date += dt.timedelta(days=1)
