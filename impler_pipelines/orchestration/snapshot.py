"""The definitions that a process has loaded, and how they differ from the store's now.

They are frozen, since Dagster has been told of them. All that changes is how far back one has to
look for what may differ; that is forgotten with the process, as the definitions are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from impler_pipelines.store.definitions import (
    Definition,
    changed_definitions,
    live_definitions,
)

# How much later than it says a change can show up: by the time that its transaction took, and by
# what the clock of the host that made it is behind.
LATENESS = dt.timedelta(minutes=10)


@dataclass(frozen=True)
class Drift:
    """The ids of import jobs whose definitions differ: ``added`` in the store, ``gone`` from it.

    ``unscheduled`` have no schedule in the snapshot, though they should; new ones among them.
    """

    added: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    unscheduled: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.added or self.gone or self.changed)

    def __str__(self) -> str:
        added, gone, changed = map(len, (self.added, self.gone, self.changed))
        return f"{added} added, {gone} removed, {changed} changed"


class Snapshot:
    """``definitions`` as the store had them at ``read_at``; None: they were not read from it."""

    def __init__(
        self, definitions: Mapping[str, Definition], *, read_at: dt.datetime | None
    ) -> None:
        self.definitions = definitions
        self._agreed_at = read_at

    def drift(self, connection: Connection, *, now: dt.datetime, whole: bool) -> Drift:
        """How the store differs. ``whole`` compares all, otherwise what has changed lately.

        Lately is since the last time that all was compared and nothing differed, or since the
        snapshot was read, and ``LATENESS`` before. While something differs that moment stays, so a
        reload that fails is asked for again.
        """
        if whole or self._agreed_at is None:
            live = live_definitions(connection)
            found = _drift(self.definitions, live)
            if not found:
                self._agreed_at = now
            return found
        changed = changed_definitions(connection, since=self._agreed_at - LATENESS)
        known = {key: self.definitions[key] for key in changed if key in self.definitions}
        return _drift(known, {key: one for key, one in changed.items() if one is not None})


def _drift(loaded: Mapping[str, Definition], live: Mapping[str, Definition]) -> Drift:
    changed = {key for key in loaded.keys() & live.keys() if loaded[key] != live[key]}
    return Drift(
        added=frozenset(live.keys() - loaded.keys()),
        gone=frozenset(loaded.keys() - live.keys()),
        changed=frozenset(changed),
        unscheduled=frozenset(
            key
            for key, one in live.items()
            if one.scheduled and not (key in loaded and loaded[key].scheduled)
        ),
    )
