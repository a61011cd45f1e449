"""What holds for any bytes whatever that are given as a feed."""

from __future__ import annotations

from impler_pipelines.errors import PipelineError
from impler_pipelines.extraction import FeedReading, Limits, extract_records, read_feed
from impler_pipelines.extraction.unusual import Unusual
from impler_pipelines.model import FieldMapping, Repeated
from impler_pipelines_tests.extraction import readings
from impler_pipelines_tests.extraction.feeds import RSS_ITEM

CONTENT_TYPES = (
    None,
    "text/xml",
    "application/rss+xml; charset=utf-8",
    "text/xml; charset=iso-8859-1",
    'application/xml; charset="utf-16"',
    "text/xml; charset=shift_jis",
    "text/html; charset=no-such",
    "application/xml; charset=koi8-r",
)
LIMITS = Limits(max_bytes=4 * 1024**2, max_entity_expansion_bytes=64 * 1024)
_MOST_FIELDS = 40


def check(given: bytes) -> None:
    """The properties. The first byte chooses an HTTP content type and the size of blocks."""
    how, body = given[0] if given else 0, given[1:]
    content_type = CONTENT_TYPES[how % len(CONTENT_TYPES)]
    try:
        reading = read_feed(body, content_type=content_type, limits=LIMITS)
    except PipelineError as error:
        _is_fit_to_show(error)
        _rows(body, content_type)
        return
    assert " ".join(reading.warnings).encode() is not None
    records = list(reading.records())
    assert len(records) == reading.record_count
    assert all(value is not None for record in records for value in record.values())
    if records:  # else a run may say that the document is another kind than the one mapped
        _readings_agree(reading, records, 1 + how * 3)


def _rows(body: bytes, content_type: str | None) -> None:
    """What can't be read can't be extracted either, or can: but with our own errors alone."""
    fields = [FieldMapping("a", f"{RSS_ITEM} > a")]
    try:
        list(
            extract_records(
                body,
                record_path=RSS_ITEM,
                fields=fields,
                content_type=content_type,
                limits=LIMITS,
            )
        )
    except PipelineError as error:
        _is_fit_to_show(error)


def _is_fit_to_show(error: PipelineError) -> None:
    assert str(error).encode()


def _readings_agree(
    reading: FeedReading, records: list[dict[str, str | list[str]]], block_bytes: int
) -> None:
    path, document = reading.record_path, reading._document
    inside = [h.path for h in reading.headings if h.path.startswith(f"{path} > ")][:_MOST_FIELDS]
    for repeated in (Repeated.FIRST, Repeated.JSON):
        mapped = [FieldMapping(f"c{n}", p, repeated) for n, p in enumerate(inside)]
        rows = readings.by_tree(document, mapped, path)
        if repeated is Repeated.FIRST and inside:
            assert rows == [[_first(record.get(p)) for record in records] for p in inside]
        try:
            columns = readings.by_bytes(document, mapped, path, block_bytes)
        except Unusual:
            return
        assert columns == rows
    by_tree = readings.headings(document, path, by_bytes=False)
    assert readings.headings(document, path, by_bytes=True) == by_tree


def _first(value: str | list[str] | None) -> str | None:
    if isinstance(value, list):
        return next((text for text in value if text), "")
    return value
