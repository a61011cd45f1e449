"""Small files for the tests, written here, and what the readers make of them."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import openpyxl

from impler_pipelines.extraction import Limits
from impler_pipelines.extraction.uploads import UploadReading, extract_upload, read_upload
from impler_pipelines.model import FieldMapping, Repeated

Rows = list[list[str | None]]
Cell = str | int | float | bool | dt.date | dt.time | dt.timedelta | None


def reading(content: bytes, **how: Any) -> UploadReading:
    found = read_upload(content, **how)
    assert isinstance(found, UploadReading)
    return found


def paths(content: bytes, **how: Any) -> list[str]:
    return [heading.path for heading in reading(content, **how).headings]


def rows(content: bytes, **how: Any) -> Rows:
    """The values of all headings, record by record."""
    found = reading(content, **how)
    headings = [heading.path for heading in found.headings]
    got = extracted(content, headings, **{**how, "record_path": found.record_path})
    assert len(got) == found.record_count
    return got


def extracted(
    content: bytes,
    headings: Sequence[str],
    *,
    record_path: str,
    repeated: Repeated = Repeated.FIRST,
    **how: Any,
) -> Rows:
    fields = [FieldMapping(f"c{n}", path, repeated) for n, path in enumerate(headings)]
    stream = extract_upload(content, record_path=record_path, fields=fields, **how)
    got: Rows = []
    for batch in stream:
        assert batch.schema == stream.schema
        got += [list(row.values()) for row in batch.to_pylist()]
    assert stream.records == len(got) or not fields
    return got


def written(table: Sequence[Sequence[str]], **dialect: Any) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, **dialect).writerows(table)
    return text.getvalue()


def workbook(*tables: Sequence[Sequence[Cell]], **sheets: Sequence[Sequence[Cell]]) -> bytes:
    """An XLSX file of sheets "Sheet1", …, then those with names."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    named = {f"Sheet{n}": table for n, table in enumerate(tables, 1)}
    for name, table in {**named, **sheets}.items():
        sheet = book.create_sheet(name)
        for row in table:
            sheet.append(list(row))
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def archive(members: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return content.getvalue()


def repacked(content: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """A workbook with its members changed."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        return archive({name: change(name, packed.read(name)) for name in packed.namelist()})


def raw_workbook(rows: str, texts: str) -> bytes:
    """A workbook as Excel writes it: the XML of its rows, and of the texts that they share."""
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"

    def change(name: str, data: bytes) -> bytes:
        text = data.decode()
        if name == "xl/worksheets/sheet1.xml":
            start, end = text.index("<sheetData"), text.index("<pageMargins")
            return f"{text[:start]}<sheetData>{rows}</sheetData>{text[end:]}".encode()
        part = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'
        return text.replace("</Types>", part).encode()

    with zipfile.ZipFile(io.BytesIO(workbook([]))) as packed:
        members = {name: change(name, packed.read(name)) for name in packed.namelist()}
    return archive(
        {**members, "xl/sharedStrings.xml": f'<sst xmlns="{space}">{texts}</sst>'.encode()}
    )


SMALL = Limits(max_bytes=4 * 1024**2, max_record_bytes=1024**2)
