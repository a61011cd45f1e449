"""Excel workbooks (.xlsx): a sheet is a table, its first row with a value the header.

The whole workbook is in memory while it is read, so it is bound more closely than texts are.
"""

from __future__ import annotations

import datetime as dt
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator, Sequence

from impler_pipelines.errors import FeedHasNoRecords, FeedUnreadable, LimitExceeded
from impler_pipelines.extraction.detection import Candidate
from impler_pipelines.extraction.limits import Limits
from impler_pipelines.extraction.uploads.table import Table, column_names
from impler_pipelines.extraction.values import Values

MOST_BYTES = 256 * 1024**2  # of the workbook's parts, unpacked
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, OSError,
    EOFError, ValueError,
)  # fmt: skip
_EXACT = 1e15  # floats are whole numbers without a gap up to here


def is_workbook(content: bytes) -> bool:
    """Whether a ZIP archive is an Excel workbook of 2007 or later."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def read_table(content: bytes, record_path: str | None, limits: Limits) -> Table:
    """The table of the sheet ``record_path``, or of the first one that has rows.

    Raises ``FeedUnreadable``, ``FeedHasNoRecords`` and ``LimitExceeded``.
    """
    sheets = _sheets(content)
    found = {name: rows for name, rows in sheets.items() if rows}
    if record_path and record_path not in sheets:
        others = ", ".join(map(repr, sheets))
        raise FeedHasNoRecords(f"The workbook has no sheet {record_path!r}. It has: {others}.")
    name = record_path or next(iter(found), None)
    if name is None or not sheets[name]:
        raise FeedHasNoRecords("The workbook has no row: its first one has to name the columns.")
    header, *rows = found[name]
    if len(header) > limits.max_headings:
        raise limits.exceeded("max_headings")
    if len(rows) > limits.max_elements:
        raise limits.exceeded("max_elements")

    def records() -> Iterator[Values]:
        for row in rows:
            yield {
                column: text
                for column, value in zip(columns, row, strict=False)
                if (text := _text(value))
            }

    further = [one for one in found if one != name]
    candidates = tuple(
        Candidate(one, len(found[one]) - 1, 1.0 if one == name else 0.5) for one in [name, *further]
    )
    table = Table("xlsx", name, (), records, candidates)
    table.columns = columns = column_names([_text(cell) for cell in header], table.warn)
    return table


def _sheets(content: bytes) -> dict[str, list[Sequence[object]]]:
    """The rows of each visible sheet that have a value."""
    # Imported here: a workbook is one upload of many.
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    _check_size(content)
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
            names = [
                sheet.name
                for sheet in workbook.sheets_metadata
                if sheet.typ == SheetTypeEnum.WorkSheet
                and sheet.visible == SheetVisibleEnum.Visible
            ]
            return {
                name: [
                    row
                    for row in workbook.get_sheet_by_name(name).iter_rows()
                    if any(cell != "" for cell in row)
                ]
                for name in names
            }
    except (CalamineError, ValueError, OSError) as error:
        raise FeedUnreadable(
            f"The workbook can't be read ({error}): open it, save it as .xlsx or .csv, and upload"
            " that."
        ) from error


def _check_size(content: bytes) -> None:
    """Unpack every part once, and keep none: what an archive says of its sizes need not be true."""
    total = 0
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for part in archive.infolist():
                with archive.open(part) as unpacked:
                    while piece := unpacked.read(1024**2):
                        total += len(piece)
                        if total > MOST_BYTES:
                            raise LimitExceeded(
                                "The workbook is too large", f"{MOST_BYTES} bytes unpacked"
                            )
    except _DAMAGE as error:
        raise FeedUnreadable(
            f"The workbook is damaged or has a password ({error}): save it again, without one."
        ) from error


def _text(value: object) -> str:
    """A cell as it would be typed: dates in ISO 8601, whole numbers without a point."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        whole = value.is_integer()
        return str(int(value)) if whole else repr(value) if abs(value) > _EXACT else f"{value:.15g}"
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time()
        return (value.date() if midnight else value).isoformat()
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return str(value)
    return str(value)
