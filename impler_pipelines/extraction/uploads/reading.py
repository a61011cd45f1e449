"""Reads an uploaded file as people look at it: where its records are, headings with samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from impler_pipelines.extraction.detection import Candidate
from impler_pipelines.extraction.document import Source
from impler_pipelines.extraction.heading_tally import HeadingTally, Progress
from impler_pipelines.extraction.limits import Limits
from impler_pipelines.extraction.reading import FeedReading, read_feed
from impler_pipelines.extraction.uploads.opening import open_upload
from impler_pipelines.extraction.uploads.records import UploadRecords
from impler_pipelines.extraction.values import Values
from impler_pipelines.model import Heading

_REPORTED_RECORDS = 5000


@dataclass(frozen=True)
class UploadReading:
    """What a file holds. ``format`` is csv, tsv, xlsx or jsonl.

    ``headings`` of a table are all that its header names, also those that no record has.
    ``candidates`` says where else in the file records are, the chosen place first.
    """

    format: str
    record_path: str
    record_count: int
    candidates: tuple[Candidate, ...]
    headings: tuple[Heading, ...]
    warnings: tuple[str, ...]
    _records: UploadRecords = field(repr=False)

    def records(self) -> Iterator[Values]:
        """One dict a record: heading → value, a list where it repeats, absent if missing."""
        return self._records.values()


def read_upload(
    source: Source,
    *,
    file_name: str | None = None,
    content_type: str | None = None,
    record_path: str | None = None,
    limits: Limits = Limits(),  # noqa: B008  a frozen value
    on_progress: Progress | None = None,
) -> UploadReading | FeedReading:
    """Read ``source`` to its end and say what it holds; what kind it is, its content says.

    ``record_path`` chooses another sheet of a workbook, other records of XML. ``file_name`` and
    ``content_type`` decide only where the content leaves two answers. A ``source`` that is a path
    or a stream must stay readable as long as ``records`` is called.

    Raises ``FeedUnreadable`` (``FeedMalformed``, ``FeedHasNoRecords``) and ``LimitExceeded``.
    """
    records = open_upload(
        source,
        file_name=file_name,
        content_type=content_type,
        record_path=record_path,
        limits=limits,
    )
    if records is None:
        return read_feed(
            source,
            content_type=content_type,
            record_path=record_path,
            limits=limits,
            on_progress=on_progress,
        )
    tally = HeadingTally(on_progress)
    for values in records.values():
        tally.add(values)
        if tally.records % _REPORTED_RECORDS == 0:
            tally.report()
    tally.report()
    warnings = records.warnings
    if not tally.records:
        warnings = (*warnings, no_record(records))
    return UploadReading(
        format=records.format,
        record_path=records.record_path,
        record_count=tally.records,
        candidates=records.candidates(tally.records),
        headings=_headings(records, tally),
        warnings=warnings,
        _records=records,
    )


def no_record(records: UploadRecords) -> str:
    """The warning of a file that holds none."""
    below = "below its header" if records.columns else "in it"
    return f"The file has no record: there is nothing {below}."


def _headings(records: UploadRecords, tally: HeadingTally) -> tuple[Heading, ...]:
    counted = {heading.path: heading for heading in tally.headings()}
    if not records.columns:
        return tuple(counted.values())
    return tuple(counted.get(name, Heading(name, (), 0, False)) for name in records.columns)
