"""What the sync sensor remembers from tick to tick. Dagster keeps it, as the sensor's cursor.

It outlives reloads and restarts, and nothing depends on it: whoever loses it, or writes something
else into it in Dagster's UI, brings about one sweep and perhaps one early reload.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SWEEP_INTERVAL = dt.timedelta(seconds=60)
# Reloads take the code server's time, and the more of it the more import jobs there are: where new
# ones keep coming, it has three times as long for everything else.
PAUSE_AFTER_RELOAD = 3
LONGEST_PAUSE = dt.timedelta(seconds=60)
_LONGEST_RELOAD = 86_400.0


@dataclass(frozen=True)
class Reload:
    """A reload that was asked for, whether or not it worked: its end, and how long it took."""

    ended_at: dt.datetime
    seconds: float

    @property
    def next_at(self) -> dt.datetime:
        """The earliest moment of the next one."""
        pause = dt.timedelta(seconds=PAUSE_AFTER_RELOAD * self.seconds)
        return self.ended_at + min(pause, LONGEST_PAUSE)


@dataclass(frozen=True)
class SyncCursor:
    """``swept_at``: when Dagster's schedules and all definitions were last compared."""

    swept_at: dt.datetime | None = None
    reload: Reload | None = None

    @classmethod
    def read(cls, text: str | None) -> SyncCursor:
        """The cursor that ``text`` is; an empty one where it is none that this version wrote."""
        try:
            stored = json.loads(text or "{}")
            swept, reload = stored.get("swept_at"), stored.get("reload")
            return cls(
                swept_at=_moment(swept) if swept else None,
                reload=_reload(reload) if reload else None,
            )
        except (ValueError, TypeError, LookupError, AttributeError):
            return cls()

    def write(self) -> str:
        """The text that ``read`` takes."""
        stored: dict[str, Any] = {}
        if self.swept_at is not None:
            stored["swept_at"] = self.swept_at.isoformat()
        if self.reload is not None:
            ended_at, seconds = self.reload.ended_at.isoformat(), self.reload.seconds
            stored["reload"] = {"ended_at": ended_at, "seconds": seconds}
        return json.dumps(stored)

    def sweep_is_due(self, now: dt.datetime) -> bool:
        """Once a minute; also where a clock was put back."""
        return self.swept_at is None or not self.swept_at <= now < self.swept_at + SWEEP_INTERVAL

    def reload_waits(self, now: dt.datetime) -> bool:
        """Whether the last reload is so short ago, for what it took, that the next one waits."""
        reload = self.reload
        return reload is not None and reload.ended_at <= now < reload.next_at


def _moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment


def _reload(stored: Mapping[str, Any]) -> Reload:
    seconds = float(stored["seconds"])
    if not 0 <= seconds <= _LONGEST_RELOAD:
        raise ValueError(f"{seconds!r} is not how long a reload takes")
    return Reload(_moment(stored["ended_at"]), seconds)
