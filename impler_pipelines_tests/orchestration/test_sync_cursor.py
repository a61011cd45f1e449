from __future__ import annotations

import datetime as dt

import pytest

from impler_pipelines.orchestration.sync_cursor import Reload, SyncCursor

NOW = dt.datetime(2026, 11, 22, 12, 0, 30, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


@pytest.mark.parametrize(
    "cursor",
    [
        pytest.param(SyncCursor(), id="nothing"),
        pytest.param(SyncCursor(NOW), id="swept"),
        pytest.param(SyncCursor(None, Reload(NOW, 1.5)), id="reloaded"),
        pytest.param(SyncCursor(NOW, Reload(NOW, 0.0)), id="both"),
    ],
)
def test_is_read_as_it_was_written(cursor: SyncCursor) -> None:
    assert SyncCursor.read(cursor.write()) == cursor


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "nonsense",
        "null",
        "[1]",
        "2026-11-22T12:00:30+00:00",
        '{"swept_at": 7}',
        '{"swept_at": "2026-11-22T12:00:30"}',
        '{"reload": {"ended_at": "2026-11-22T12:00:30+00:00"}}',
        '{"reload": {"ended_at": "2026-11-22T12:00:30+00:00", "seconds": -1}}',
        '{"reload": {"ended_at": "2026-11-22T12:00:30+00:00", "seconds": NaN}}',
        '{"reload": {"ended_at": "2026-11-22T12:00:30+00:00", "seconds": 1e300}}',
        '{"reload": "soon"}',
    ],
)
def test_anything_else_is_an_empty_one(text: str | None) -> None:
    assert SyncCursor.read(text) == SyncCursor()


@pytest.mark.parametrize(
    ("seconds_ago", "due"),
    [(0, False), (59, False), (60, True), (-1, True)],
    ids=["now", "within the minute", "a minute ago", "the clock was put back"],
)
def test_a_sweep_is_due_once_a_minute(seconds_ago: int, due: bool) -> None:
    assert SyncCursor(NOW - seconds_ago * SECOND).sweep_is_due(NOW) is due
    assert SyncCursor().sweep_is_due(NOW)


@pytest.mark.parametrize(
    ("took", "seconds_ago", "waits"),
    [
        pytest.param(0.0, 0, False, id="no time"),
        pytest.param(1.5, 4, True, id="short, within three times"),
        pytest.param(1.5, 5, False, id="short, by the next tick"),
        pytest.param(15.0, 44, True, id="long, within three times"),
        pytest.param(15.0, 45, False, id="long, after three times"),
        pytest.param(300.0, 59, True, id="very long, within a minute"),
        pytest.param(300.0, 60, False, id="very long, after a minute"),
        pytest.param(15.0, -1, False, id="the clock was put back"),
    ],
)
def test_a_reload_is_followed_by_a_pause(took: float, seconds_ago: int, waits: bool) -> None:
    cursor = SyncCursor(NOW, Reload(NOW - seconds_ago * SECOND, took))
    assert cursor.reload_waits(NOW) is waits
