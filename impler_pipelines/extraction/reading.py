"""Reads a feed as people look at it: record path, headings with samples, records as dicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from impler_pipelines.errors import FeedHasNoRecords, FeedMalformed
from impler_pipelines.extraction.detection import Candidate, Detection, detect, known_vocabulary
from impler_pipelines.extraction.document import Document, Source, read_document
from impler_pipelines.extraction.heading_tally import HeadingTally, Progress
from impler_pipelines.extraction.limits import Limits
from impler_pipelines.extraction.matching import NameMatcher
from impler_pipelines.extraction.paths import (
    Segments,
    join_path,
    normalise_path,
    split_path,
    starts_with,
)
from impler_pipelines.extraction.record_elements import RecordElements
from impler_pipelines.extraction.shapes import Shape
from impler_pipelines.extraction.survey import Survey, survey
from impler_pipelines.extraction.unusual import Unusual
from impler_pipelines.extraction.values import ValueReader, Values
from impler_pipelines.extraction.wanted import Wanted
from impler_pipelines.model import Heading

# From here on records are read by their bytes: for smaller feeds it is not worth the while.
_LARGE_BYTES = 1024**2
# So much of a known format shows what else it holds; all of an unknown one has to be seen.
_SURVEY_BYTES = 2 * 1024**2


def read_feed(
    source: Source,
    *,
    content_type: str | None = None,
    record_path: str | None = None,
    limits: Limits = Limits(),  # noqa: B008  a frozen value
    on_progress: Progress | None = None,
) -> FeedReading:
    """Read ``source`` to its end and say what it holds; compressed data is recognised by content.

    ``content_type`` is HTTP's, for its charset; ``record_path`` overrides the detection.
    ``on_progress`` is told how many records have been read. A ``source`` that is a path or a
    stream must stay readable as long as ``records`` is called.

    Raises ``FeedUnreadable`` (``FeedMalformed``, ``FeedHasNoRecords``) and ``LimitExceeded``.
    """
    document = read_document(source, content_type, limits)
    while True:
        try:
            return _read(document, record_path, on_progress)
        except FeedMalformed:
            closer = document.repaired()
            if closer is None:
                raise
            document = closer


@dataclass(frozen=True)
class FeedReading:
    """What a feed holds. ``headings`` are those of records, then those around them.

    A heading around the records has the same value for every record; its ``count`` is the number
    of records. ``candidates`` says what else the record could be, the chosen path first.
    """

    format: str
    record_path: str
    record_count: int
    candidates: tuple[Candidate, ...]
    headings: tuple[Heading, ...]
    warnings: tuple[str, ...]
    _document: Document = field(repr=False)

    def records(self) -> Iterator[Values]:
        """One dict a record: full heading → value, a list where it repeats, absent if missing."""
        reader = ValueReader(self.record_path, self._document.limits)
        elements = _record_elements(self._document, self.record_path)
        return (reader.read(record) for records in elements.batches() for record in records)


def _read(document: Document, record_path: str | None, on_progress: Progress | None) -> FeedReading:
    seen = survey(document, _enough)
    detection = detect(seen.root)
    path = _chosen_path(record_path, detection, seen)
    large = seen.bytes_read > _LARGE_BYTES
    tally, parser_warnings = _tallied(document, path, on_progress, by_bytes=large)
    warnings = [*document.warnings, *parser_warnings]
    if not tally.records:
        warnings.append(f"The feed has no record: there is no {path!r} in it at present.")
    return FeedReading(
        format=detection.format,
        record_path=path,
        record_count=tally.records,
        candidates=_counted(detection.candidates, path, tally.records),
        headings=(*tally.headings(), *_headings_around(seen.root, split_path(path), tally.records)),
        warnings=tuple(warnings),
        _document=document,
    )


def _tallied(
    document: Document, path: str, on_progress: Progress | None, *, by_bytes: bool
) -> tuple[HeadingTally, tuple[str, ...]]:
    """The records of ``document`` counted, and what was recovered while parsing."""
    tally = HeadingTally(on_progress)
    if by_bytes:
        try:
            return tally, _tally_blocks(document, path, tally)
        except Unusual:
            return _tallied(document, path, on_progress, by_bytes=False)
    reader = ValueReader(path, document.limits)
    elements = _record_elements(document, path)
    for records in elements.batches():
        for record in records:
            tally.add(reader.read(record))
        tally.report()
    return tally, elements.stream.warnings


def _tally_blocks(document: Document, path: str, tally: HeadingTally) -> tuple[str, ...]:
    # Imported here: most feeds are small, and need neither NumPy nor Arrow.
    from impler_pipelines.extraction.columnar_reading import ColumnarReading
    from impler_pipelines.extraction.heading_blocks import HeadingBlocks
    from impler_pipelines.extraction.heading_paths import HeadingPaths
    from impler_pipelines.extraction.wanted_paths import WantedPaths

    segments = split_path(path)
    around = WantedPaths(segments, Wanted(), NameMatcher(segments[0]))
    paths = HeadingPaths(around, path, document.limits.max_headings)
    reading = ColumnarReading(document, around, paths.child)
    blocks = HeadingBlocks(paths, reading.names, tally)
    for block in reading.blocks():
        blocks.add(block)
        tally.report()
    return reading.warnings


def _enough(root: Shape) -> int | None:
    vocabulary = known_vocabulary(root)
    if vocabulary is None or vocabulary.format == "opml":
        return None
    return _SURVEY_BYTES if detect(root).candidates[:1] else None


def _chosen_path(asked: str | None, detection: Detection, seen: Survey) -> str:
    if asked is not None and asked.strip():
        path = normalise_path(asked)
        parents = {shape.path for shape in seen.root.walk()}
        if path in parents or join_path(split_path(path)[:-1]) in parents or not seen.complete:
            return path
        others = ", ".join(repr(c.path) for c in detection.candidates[:3]) or "nothing else either"
        raise FeedHasNoRecords(f"The feed has no {path!r}. What repeats in it: {others}.")
    if detection.record_path is None:
        raise FeedHasNoRecords(
            f"Nothing repeats in the document <{seen.root.name}> that could be a record."
            " If it holds one, name its path (recordPath)."
        )
    return detection.record_path


def _counted(candidates: tuple[Candidate, ...], path: str, count: int) -> tuple[Candidate, ...]:
    """``candidates`` with the chosen path first and its true count."""
    chosen = next((c.confidence for c in candidates if c.path == path), 1.0)
    return (Candidate(path, count, chosen), *(c for c in candidates if c.path != path))


def _record_elements(document: Document, record_path: str) -> RecordElements:
    path = split_path(record_path)
    return RecordElements(document, path, NameMatcher(path[0]))


def _headings_around(root: Shape, record_path: Segments, records: int) -> Iterator[Heading]:
    for shape in root.walk():
        segments = split_path(shape.path)
        if starts_with(segments, record_path):
            continue
        repeated = shape.repeats or any(s.repeats for s in shape.above())
        if shape.texts and not starts_with(record_path, segments):
            yield Heading(shape.path, tuple(shape.samples), records, repeated)
        for attribute in shape.attributes.values():
            path = join_path([*segments, attribute.segment])
            yield Heading(path, tuple(attribute.samples), records, repeated)
