"""Mapping: raw texts to typed rows with row keys and reasons, against two conversions of pandas."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from benchmarks.feeds import COLUMNS, FIELDS, ITEM, feed_of
from benchmarks.measuring import Measured, measure, measured, medians
from benchmarks.results import Result

Batches = list[Any]  # of Arrow record batches


def extracted(megabytes: int) -> Batches:
    from impler_pipelines.extraction import extract_records

    with feed_of(megabytes).open("rb") as source:
        return list(extract_records(source, record_path=ITEM, fields=FIELDS))


def ours(batches: Batches) -> int:
    from impler_pipelines.mapping import map_batches

    mapped = list(map_batches(batches, columns=COLUMNS))
    rejected = sum(len(batch.rejects) for batch in mapped)
    if rejected:
        raise SystemExit(f"{rejected} records of a clean feed were rejected")
    return sum(batch.rows.num_rows for batch in mapped)


def pandas(batches: Batches) -> int:
    import pandas as pd
    import pyarrow as pa

    frame = pa.Table.from_batches(batches).to_pandas()
    frame["price"] = pd.to_numeric(frame["price"], errors="coerce")
    frame["published"] = pd.to_datetime(
        frame["published"], format="%a, %d %b %Y %H:%M:%S GMT", errors="coerce", utc=True
    )
    return len(frame)


_VARIANTS: dict[str, Callable[[Batches], int]] = {"ours": ours, "pandas": pandas}


def results(megabytes: int, runs: int) -> list[Result]:
    """Rows a CPU second."""

    def run(variant: str) -> Measured:
        return measured("benchmarks.mapping", variant, megabytes)

    rate = {
        variant: one.amount / one.cpu_seconds
        for variant, one in medians(list(_VARIANTS), run, runs).items()
    }
    name = "map 8 columns, unique keys and all, against to_numeric and to_datetime of pandas"
    command = f"python -m benchmarks mapping --megabytes {megabytes}"
    return [Result(name, rate["ours"], "rows/CPU s", rate["pandas"], command)]


if __name__ == "__main__":
    given = extracted(int(sys.argv[2]))
    work = _VARIANTS[sys.argv[1]]
    work(given[:1])  # imports, and what is compiled once
    measure(lambda: work(given))
