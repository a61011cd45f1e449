"""Opens an XLSX workbook: its sheets, the texts they share, what its numbers mean. It reads no row.

The library finds the parts and knows the formats; texts and styles are read here, since it builds
objects of each and refuses workbooks for a colour that it does not know.
"""

from __future__ import annotations

import datetime as dt
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from lxml import etree
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format
from openpyxl.xml.constants import ARC_STYLE, SHARED_STRINGS

from impler_pipelines.errors import FeedUnreadable, PipelineError
from impler_pipelines.extraction.limits import Limits
from impler_pipelines.extraction.uploads.archive import check_workbook
from impler_pipelines.extraction.uploads.cells import unescaped
from impler_pipelines.extraction.uploads.workbook_parts import items, texts_of

# What it warns of concerns who would write the workbook again.
warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")


@dataclass(frozen=True)
class Workbook:
    """``sheets``: title → part, visible ones first. ``moments``: style → format of dates, times."""

    archive: zipfile.ZipFile
    sheets: Mapping[str, str]
    texts: Sequence[str]
    moments: Mapping[str, str]
    epoch: dt.datetime


def open_workbook(file: BinaryIO, limits: Limits) -> Workbook:
    """The workbook in ``file``, which must stay open. Raises ``FeedUnreadable``."""
    check_workbook(file, limits)
    try:
        reader = ExcelReader(file, read_only=True, data_only=True, keep_links=False)
        reader.read_manifest()
        reader.read_workbook()
        return Workbook(
            archive=reader.archive,
            sheets=_sheets(reader),
            texts=_shared_texts(reader, limits),
            moments=_moments(reader.archive),
            epoch=reader.wb.epoch,
        )
    except PipelineError:
        raise
    except Exception as error:
        raise damaged(error) from error


def damaged(error: Exception) -> FeedUnreadable:
    """What is said of a workbook that a library stumbles over."""
    return FeedUnreadable(
        f"The Excel file can't be read ({type(error).__name__})."
        " Open it, save it anew as .xlsx and upload that."
    )


def _sheets(reader: Any) -> dict[str, str]:
    parts = set(reader.archive.namelist())
    found = [
        (sheet.state != "visible", str(sheet.name), relation.target)
        for sheet, relation in reader.parser.find_sheets()
        if relation.target in parts and relation.Type.endswith("/worksheet")
    ]
    found.sort(key=lambda one: one[0])
    return {title: part for _, title, part in found}


def _shared_texts(reader: Any, limits: Limits) -> list[str]:
    part = reader.package.find(SHARED_STRINGS)
    if part is None:
        return []
    found = items(reader.archive, part.PartName[1:], "si", "sst", limits)
    return [unescaped(texts_of(one)) for one in found]


def _moments(archive: zipfile.ZipFile) -> dict[str, str]:
    if ARC_STYLE not in archive.namelist():
        return {}
    root = etree.fromstring(
        archive.read(ARC_STYLE), etree.XMLParser(resolve_entities=False, no_network=True)
    )
    own = {one.get("numFmtId"): one.get("formatCode", "") for one in root.iter("{*}numFmt")}
    formats = {str(number): text for number, text in BUILTIN_FORMATS.items()} | own
    moments = {}
    for style, one in enumerate(root.iterfind("{*}cellXfs/{*}xf")):
        number_format = formats.get(one.get("numFmtId", "0"), "General")
        if is_date_format(number_format):
            moments[str(style)] = number_format
    return moments
