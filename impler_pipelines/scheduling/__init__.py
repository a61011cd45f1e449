"""Interval or cron -> next runs, cron strings for Dagster, plain English. No clock, no I/O."""

from impler_pipelines.scheduling.intervals import anchored, interval_to_json, parse_interval
from impler_pipelines.scheduling.text import describe
from impler_pipelines.scheduling.ticks import TickPlan, ticks
from impler_pipelines.scheduling.timing import (
    Timing,
    check_timing,
    next_run,
    next_runs,
    parse_timing,
    phase_of,
    timing_of,
)

__all__ = [
    "TickPlan",
    "Timing",
    "anchored",
    "check_timing",
    "describe",
    "interval_to_json",
    "next_run",
    "next_runs",
    "parse_interval",
    "parse_timing",
    "phase_of",
    "ticks",
    "timing_of",
]
