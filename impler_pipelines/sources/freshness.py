"""How long an answer is fresh by its publisher's word (RFC 9111, 4.2). It reads no clock.

* ``max-age``, then ``Expires`` less ``Date``, less the age that the answer had when it came: only
  what is said counts. Freshness is never guessed from Last-Modified, since a user's interval says
  better how often to ask.
* ``no-store``, ``no-cache`` (also for some headers alone), ``Vary: *``, and a number or date that
  can't be read mean: ask. So does ``must-revalidate`` by itself, which is about stale answers.
* ``s-maxage`` is not for us: an import job is one user's client, not a cache that users share.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from impler_pipelines.sources.http_dates import parse_http_date

# A publisher's wrong header, or one wrong clock, must not stop an import for longer.
LONGEST = dt.timedelta(hours=24)
# A feed that is fresh for an hour and due every hour comes due seconds before it goes stale. It is
# asked for then: asking early is always allowed, and waiting would halve how often it is read.
_LEAST_LEFT = dt.timedelta(seconds=60)
_PART_LEFT = 10

_NOTHING = dt.timedelta()
_DIRECTIVE = re.compile(r'([^\s,;="]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,;"]*))?')
_MOST_DIGITS = 10  # 317 years


@dataclass(frozen=True)
class Freshness:
    """Fresh from ``since``, when the answer came, until ``until``; aware."""

    since: dt.datetime
    until: dt.datetime

    def worth_keeping(self, now: dt.datetime) -> bool:
        """Whether the server need not be asked ``now``; never before ``since``: a clock is off."""
        spare = max(_LEAST_LEFT, (self.until - self.since) / _PART_LEFT)
        return self.since <= now < self.until - spare


def freshness(
    headers: Mapping[str, str], *, asked_at: dt.datetime, answered_at: dt.datetime
) -> Freshness | None:
    """What ``headers``, whose names are looked up in any case, say. None: ask each time.

    ``answered_at`` is when the headers had come; both times are aware.
    """
    lifetime = _lifetime(headers, answered_at)
    if lifetime is None:
        return None
    left = min(lifetime - _age(headers, asked_at, answered_at), LONGEST)
    return Freshness(answered_at, answered_at + left) if left > _NOTHING else None


def shortest(found: Iterable[Freshness | None]) -> Freshness | None:
    """Of several answers that led to one: all of them must be fresh."""
    known = list(found)
    every = [one for one in known if one is not None]
    if not every or len(every) < len(known):
        return None
    return Freshness(max(one.since for one in every), min(one.until for one in every))


def may_be_remembered(headers: Mapping[str, str]) -> bool:
    """Whether a permanent redirect with these headers may be followed without asking again."""
    said = _directives(headers.get("Cache-Control"))
    return not said.keys() & {"no-store", "no-cache"} and said.get("max-age") != "0"


def _lifetime(headers: Mapping[str, str], answered_at: dt.datetime) -> dt.timedelta | None:
    said = _directives(headers.get("Cache-Control"))
    if said.keys() & {"no-store", "no-cache"} or headers.get("Vary", "").strip() == "*":
        return None
    if "max-age" in said:
        return _seconds(said["max-age"])
    expires = parse_http_date(headers.get("Expires", ""))
    if expires is None:
        return None
    return expires - (parse_http_date(headers.get("Date", "")) or answered_at)


def _age(
    headers: Mapping[str, str], asked_at: dt.datetime, answered_at: dt.datetime
) -> dt.timedelta:
    """How old the answer was when it came (4.2.3): the most that clocks and caches on the way say.

    A clock that went back while the answer was waited for took no time.
    """
    date = parse_http_date(headers.get("Date", "")) or answered_at
    said = _seconds(headers.get("Age", "").partition(",")[0].strip()) or _NOTHING
    return max(answered_at - date, said + max(answered_at - asked_at, _NOTHING), _NOTHING)


def _directives(value: str | None) -> dict[str, str]:
    """Name in lower case → argument without its quotes; of several the first (4.2.1)."""
    found: dict[str, str] = {}
    for name, argument in _DIRECTIVE.findall(value or ""):
        found.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", argument.strip('"')))
    return found


def _seconds(text: str) -> dt.timedelta | None:
    """delta-seconds (1.2.2): digits alone; None for anything else."""
    if not (text.isascii() and text.isdigit()):
        return None
    return LONGEST * 2 if len(text) > _MOST_DIGITS else dt.timedelta(seconds=int(text))
