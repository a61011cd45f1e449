from __future__ import annotations

import datetime as dt

import pytest

from impler_pipelines.sources.retry_after import parse_retry_after

NOW = dt.datetime(2026, 11, 2, 10, 0, tzinfo=dt.UTC)


class TestParseRetryAfter:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            (None, None),
            ("120", 120.0),
            (" 0 ", 0.0),
            ("Mon, 02 Nov 2026 10:01:30 GMT", 90.0),
            ("Mon, 02 Nov 2026 10:01:30 -0000", 90.0),
            ("Mon, 02 Nov 2026 09:00:00 GMT", 0.0),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("²", None),
            ("9" * 40, None),
            ("", None),
        ],
    )
    def test_seconds_from_now(self, value: str | None, seconds: float | None) -> None:
        assert parse_retry_after(value, NOW) == seconds
