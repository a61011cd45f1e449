"""Opens an uploaded file as what it is by its content. It gives no value of it.

XML is left to the readers of feeds: for that there is nothing here.
"""

from __future__ import annotations

import tempfile
import weakref
from pathlib import Path
from typing import BinaryIO, cast

from impler_pipelines.errors import FeedHasNoRecords
from impler_pipelines.extraction.document import Source, open_source
from impler_pipelines.extraction.encodings import Chunks
from impler_pipelines.extraction.limits import Limits
from impler_pipelines.extraction.paths import normalise_path
from impler_pipelines.extraction.uploads.delimited import DelimitedRecords
from impler_pipelines.extraction.uploads.json_lines import JsonRecords
from impler_pipelines.extraction.uploads.kinds import (
    Container,
    TextKind,
    container,
    tabs_expected,
    text_kind,
)
from impler_pipelines.extraction.uploads.records import UploadRecords
from impler_pipelines.extraction.uploads.text_file import TextFile

_HEAD_BYTES = 64 * 1024
_IN_MEMORY_BYTES = 8 * 1024**2


def open_upload(
    source: Source,
    *,
    file_name: str | None,
    content_type: str | None,
    record_path: str | None,
    limits: Limits,
) -> UploadRecords | None:
    """What ``source`` holds; None for XML, and a stream, which has to be seekable, is where it was.

    Compressed data is recognised by content.

    Raises ``FeedUnreadable`` (``FileMalformed``, ``FeedHasNoRecords``) and ``LimitExceeded``.
    """
    stream = None if isinstance(source, bytes | bytearray | memoryview | Path) else source
    start = stream.tell() if stream else 0
    again = open_source(source, limits)
    head = _head(again)
    if not head.strip(b" \t\r\n"):
        raise FeedHasNoRecords("The file is empty.")
    found = container(head, again())
    if found is Container.XML:
        if stream:
            stream.seek(start)
        return None
    if found is Container.ZIP:
        return _sheet_records(again, record_path, limits)
    text = TextFile(head, content_type, again, limits)
    records = _text_records(text, tabs=tabs_expected(file_name, content_type))
    if record_path and normalise_path(record_path) not in {"", records.record_path}:
        raise FeedHasNoRecords(
            f"The file has no {record_path!r}: its records are its {records.record_path}."
        )
    return records


def _sheet_records(again: Chunks, sheet: str | None, limits: Limits) -> UploadRecords:
    # Imported here: other files need nothing of the library.
    from impler_pipelines.extraction.uploads.sheets import SheetRecords

    copy = _spooled(again)
    try:
        records = SheetRecords(copy, sheet, limits)
    except BaseException:
        copy.close()
        raise
    weakref.finalize(records, copy.close)  # the copy lives as long as someone may read it
    return records


def _text_records(text: TextFile, *, tabs: bool) -> UploadRecords:
    kind = text_kind(text.sample())
    if kind is TextKind.TABLE:
        return DelimitedRecords(text, tabs_expected=tabs)
    return JsonRecords(text, is_array=kind is TextKind.JSON_ARRAY)


def _head(again: Chunks) -> bytes:
    head = bytearray()
    for chunk in again():
        head += chunk
        if len(head) >= _HEAD_BYTES:
            break
    return bytes(head)


def _spooled(again: Chunks) -> BinaryIO:
    """A copy in which libraries can seek."""
    copy = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115  for the caller
    try:
        for chunk in again():
            copy.write(chunk)
    except BaseException:
        copy.close()
        raise
    copy.seek(0)
    return cast("BinaryIO", copy)
