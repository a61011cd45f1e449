"""Recognises what an uploaded file is by its content. It reads no records.

What can't be read is refused with what to do about it. A file's name and type are asked only
where the content leaves two answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

from impler_pipelines.errors import FeedUnreadable
from impler_pipelines.extraction.kinds import binary_kind

_READABLE = "Upload a CSV, XLSX, XML or JSON lines file."
_SAVE_AS = "Save it as .xlsx or .csv and upload that."
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLD_SHEETS = (b"\x09\x08\x10\x00", b"\x09\x08\x08\x00", b"\x09\x04\x06\x00", b"\x09\x02\x06\x00")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_OTHER_BINARY = (
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Obj\x01", "an Avro file"),
    (b"{\\rtf", "an RTF document"),
)
_MARKS = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)*[ \t\r\n]*")
_XML = re.compile(rb"<[?!:_A-Za-z\x80-\xff]")
_EBCDIC_XML = "<?xm".encode("cp037")
_JSON_OBJECT = re.compile(r'[ \t\r\n]*\{[ \t\r\n]*["}]')
_JSON_ARRAY = re.compile(r"[ \t\r\n]*\[[ \t\r\n]*[{\]]")


class Container(StrEnum):
    """What a file's bytes show; what text it is, is seen when it is decoded."""

    XML = "xml"
    ZIP = "zip"
    TEXT = "text"


class TextKind(StrEnum):
    """What a file of text holds."""

    JSON_LINES = "json lines"
    JSON_ARRAY = "json array"
    TABLE = "table"


def container(head: bytes, chunks: Iterator[bytes]) -> Container:
    """What begins with ``head``; ``chunks`` is all of it. Raises ``FeedUnreadable``."""
    if head.startswith(_ZIP):
        return Container.ZIP
    if head.startswith(_OLE):
        raise FeedUnreadable(_told_of_ole(chunks))
    if head.startswith(_OLD_SHEETS):
        raise FeedUnreadable(f"The file is an old Excel file (.xls). {_SAVE_AS}")
    others = (what for signature, what in _OTHER_BINARY if head.startswith(signature))
    if what := binary_kind(head) or next(others, None):
        raise FeedUnreadable(f"The file is {what}, not a table. {_READABLE}")
    plain = head.replace(b"\0", b"")  # characters may be wider than a byte
    start = _MARKS.match(plain)
    if head.startswith(_EBCDIC_XML) or _XML.match(plain, start.end() if start else 0):
        return Container.XML
    return Container.TEXT


def text_kind(sample: str) -> TextKind:
    """What a text that begins with ``sample`` is."""
    if _JSON_OBJECT.match(sample):
        return TextKind.JSON_LINES
    if _JSON_ARRAY.match(sample):
        return TextKind.JSON_ARRAY
    return TextKind.TABLE


def tabs_expected(file_name: str | None, content_type: str | None) -> bool:
    """Whether name or type say that the values are separated by tabs."""
    named = (file_name or "").strip().lower().removesuffix(".gz").endswith((".tsv", ".tab"))
    return named or "tab-separated" in (content_type or "").lower()


def refuse_archive(names: set[str], *, encrypted: bool) -> None:
    """Raise ``FeedUnreadable`` if a ZIP archive of these members is no XLSX workbook."""
    if encrypted:
        raise FeedUnreadable(
            "The file is protected by a password. Remove the password and upload it again."
        )
    if any(name.startswith("xl/workbook") and name.endswith(".xml") for name in names):
        return
    if any(name.startswith("xl/workbook") and name.endswith(".bin") for name in names):
        raise FeedUnreadable(f"The file is a binary Excel file (.xlsb). {_SAVE_AS}")
    if {"mimetype", "content.xml"} <= names:
        raise FeedUnreadable(f"The file is an OpenDocument file (.ods). {_SAVE_AS}")
    raise FeedUnreadable(
        f"The file is a ZIP archive, not an Excel file. Unpack it first. {_READABLE}"
    )


def _told_of_ole(chunks: Iterator[bytes]) -> str:
    before = b""
    for chunk in chunks:
        if _ENCRYPTED in before + chunk:
            return (
                "The Excel file is encrypted: it is protected by a password."
                " Remove the password and upload it again."
            )
        before = chunk[-len(_ENCRYPTED) :]
    return f"The file is an old Excel file (.xls). {_SAVE_AS}"
