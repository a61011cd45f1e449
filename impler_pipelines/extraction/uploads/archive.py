"""Checks the ZIP archive of a workbook before a library opens it. It parses nothing.

* The sizes that the archive's directory promises, and those of what really comes out, are bound.
* What has to be held in memory as a whole (styles, shared texts) is bound more tightly.
* Damaged or encrypted members and DOCTYPEs (which no workbook has) are refused.
"""

from __future__ import annotations

import zipfile
import zlib
from typing import BinaryIO

from impler_pipelines.errors import FeedUnreadable, LimitExceeded
from impler_pipelines.extraction.limits import Limits, setting_of
from impler_pipelines.extraction.uploads.kinds import refuse_archive

_CHUNK_BYTES = 256 * 1024
_MOST_MEMBERS = 10_000
_SHARED_TEXTS = 8  # times max_record_bytes: 512 MB by default
_ENCRYPTED = 1
_DOCTYPE = b"<!DOCTYPE"
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError)


def check_workbook(file: BinaryIO, limits: Limits) -> None:
    """Raise ``FeedUnreadable`` or ``LimitExceeded`` if ``file`` is no workbook fit to be opened."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check_directory(members, limits)
            for member in members:
                if member.filename.lower().endswith((".xml", ".rels")):
                    _check_member(archive, member)
    except _DAMAGE as error:
        raise FeedUnreadable(
            f"The Excel file is damaged: {error}. Open it, save it anew and upload that."
        ) from error
    finally:
        file.seek(0)


def _check_directory(members: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(members) > _MOST_MEMBERS:
        raise too_many_parts()
    if sum(member.file_size for member in members) > limits.max_bytes:
        raise limits.exceeded("max_bytes")
    names = [member.filename for member in members]
    refuse_archive(
        {name.lower() for name in names},
        encrypted=any(member.flag_bits & _ENCRYPTED for member in members),
    )
    if len(set(names)) < len(names):
        raise FeedUnreadable("The Excel file is damaged: two of its parts have the same name.")
    for member in members:
        _check_held(member, limits)


def _check_held(member: zipfile.ZipInfo, limits: Limits) -> None:
    """A sheet is read row by row; all else is held in memory as a whole."""
    name = member.filename.lower()
    if name.startswith("xl/worksheets/") or not name.endswith((".xml", ".rels")):
        return
    most = limits.max_record_bytes * (_SHARED_TEXTS if "sharedstrings" in name else 1)
    if member.file_size > most:
        raise texts_too_large(most)


def texts_too_large(most: int) -> LimitExceeded:
    """A workbook's texts and formats are bound by the limit of records, which are held too."""
    return LimitExceeded(
        "The Excel file's texts or formats are too large",
        f"{most} bytes",
        setting=setting_of("max_record_bytes"),
    )


def too_many_parts() -> LimitExceeded:
    """An archive's directory costs memory for each of its entries."""
    return LimitExceeded("The Excel file has too many parts", f"{_MOST_MEMBERS} parts")


def _check_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    left, before = member.file_size, b""
    with archive.open(member) as content:
        while chunk := content.read(_CHUNK_BYTES):
            left -= len(chunk)
            if left < 0:
                raise FeedUnreadable("The Excel file is damaged: a part is larger than it says.")
            if _DOCTYPE in before + chunk:
                raise FeedUnreadable("The Excel file holds a DOCTYPE, which no workbook has.")
            before = chunk[-len(_DOCTYPE) :]
    if left:
        raise FeedUnreadable("The Excel file is damaged: a part is smaller than it says.")
