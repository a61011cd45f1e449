"""Owns how well a heading's samples fit a column: its type by its own caster, else its meaning.

It knows no names. Factors are from 0 to 1; 1 says nothing against a heading.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import IntEnum

import pyarrow as pa

from impler_pipelines.mapping.casters import caster_for
from impler_pipelines.mapping.text import strip
from impler_pipelines.model import Column, ColumnType, Heading

_IMAGE_FILE = r"\.(?:jpe?g|png|gif|webp|avif|svg|bmp|tiff?|heic)"
_AUDIO_FILE = r"\.(?:mp3|m4a|m4b|ogg|oga|opus|wav|aac|flac)"
_VIDEO_FILE = r"\.(?:mp4|m4v|mov|webm|mkv|avi|m3u8)"
_OTHER_FILE = rf"(?:{_AUDIO_FILE}|{_VIDEO_FILE}|\.(?:html?|php|aspx?|xml|pdf|zip))(?:[?#]|$)"
_URL = r"(?:https?:)?//\S+$"

LOOKS = {
    "url": re.compile(rf"{_URL}|/\S*$|(?:[\w-]+\.)+[a-z]{{2,}}/\S*$", re.IGNORECASE),
    "image": re.compile(rf"{_URL}|\S+{_IMAGE_FILE}$", re.IGNORECASE),
    "audio": re.compile(_URL, re.IGNORECASE),
    "video": re.compile(_URL, re.IGNORECASE),
    "number": re.compile(r"(?=.*\d)[^<>]{1,30}$"),
    "digits": re.compile(r"[\d -]{6,20}X?$"),
    "code": re.compile(r"\S{1,12}$|[\w ]{1,20}$"),
    "date": re.compile(
        r"\d{1,4}([./ -])\d{1,2}\1 ?\d{1,4}\b|\d{10}(?:\d{3})?$|\d{4}-\d\d"
        r"|\d{8}(?:T|(?:\d{4,6})?(?: ?[+-]\d{4})?$)"
        r"|.{0,16}\b\d{1,2}(?:\.|st|nd|rd|th)?,? *[^\W\d]{3,10}\.?,? *\d{2,4}"
        r"|.{0,12}\b[^\W\d]{3,10}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}"
    ),
    "email": re.compile(r".*\S@\S+\.\S"),
    "person": re.compile(r"(?!https?:)[^<>]{1,120}$"),
}
_FILES = {
    "image": (_IMAGE_FILE, _OTHER_FILE),
    "audio": (_AUDIO_FILE, rf"(?:{_IMAGE_FILE}|{_VIDEO_FILE}|\.html?)(?:[?#]|$)"),
    "video": (_VIDEO_FILE, rf"(?:{_IMAGE_FILE}|{_AUDIO_FILE}|\.html?)(?:[?#]|$)"),
}
_ENDS = {
    looks: (re.compile(rf"{right}(?:[?#&:!/]|$)", re.IGNORECASE), re.compile(wrong, re.IGNORECASE))
    for looks, (right, wrong) in _FILES.items()
}
_LOOKS_OF_TYPE = {
    ColumnType.NUMBER: "number",
    ColumnType.DOUBLE: "number",
    ColumnType.DATE: "date",
    ColumnType.EMAIL: "email",
    ColumnType.IMAGE: "image",
}
_UNFIT = {ColumnType.REGEX: 0.3, ColumnType.SELECT: 0.45}
_ANY_TEXT = (ColumnType.STRING, ColumnType.ANY)
_NUMERIC = (ColumnType.NUMBER, ColumnType.DOUBLE)

# What a column's caster is made from
_Caster = tuple[object, ...]


class Fit(IntEnum):
    """How many of a heading's samples are values of the column."""

    NONE = 0
    ALMOST = 1  # none, but they look like such values as people write them
    SOME = 2
    UNKNOWN = 3  # there are no samples, or the type takes any text
    ALL = 4


class SampleTrials:
    """Samples tried with the casters of columns: once for all columns that have the same caster."""

    def __init__(self, asked: Iterable[tuple[Column, Iterable[Heading]]]) -> None:
        self._fits: dict[_Caster, dict[Heading, Fit]] = {}
        tried: dict[_Caster, tuple[Column, dict[Heading, None]]] = {}
        for column, headings in asked:
            _, known = tried.setdefault(_caster_of(column), (column, {}))
            known.update(dict.fromkeys(headings))
        for caster, (column, known) in tried.items():
            headings = list(known)
            self._fits[caster] = dict(zip(headings, fits_of(column, headings), strict=True))

    def fit(self, column: Column, heading: Heading) -> Fit:
        """How the samples of a heading that was asked for fit."""
        return self._fits[_caster_of(column)][heading]


def _caster_of(column: Column) -> _Caster:
    chosen = (column.allow_multi_select, column.delimiter)
    return column.type, column.date_formats, column.regex, column.select_values, chosen


def factor(column: Column, fit: Fit) -> float:
    """What a fit leaves of the names' word."""
    match fit:
        case Fit.NONE:
            return _UNFIT.get(column.type, 0.2)
        case Fit.ALMOST:
            return 0.6
        case Fit.SOME:
            return 0.9
        case _:
            return 1.0


def fits_of(column: Column, headings: Sequence[Heading]) -> list[Fit]:
    """Try the samples of all ``headings`` with the column's own caster, in one go."""
    if column.type in _ANY_TEXT:
        return [Fit.UNKNOWN] * len(headings)
    texts = [[strip(sample) for sample in heading.samples] for heading in headings]
    texts = [[text for text in samples if text] for samples in texts]
    flat = [text for samples in texts for text in samples]
    refused = caster_for(column)(pa.array(flat, pa.string())).refusals
    fits: list[Fit] = []
    first = 0
    for samples in texts:
        wrong = sum(at in refused for at in range(first, first + len(samples)))
        first += len(samples)
        fits.append(_fit(column, samples, wrong))
    return fits


def _fit(column: Column, samples: Sequence[str], wrong: int) -> Fit:
    if not samples:
        return Fit.UNKNOWN
    looks = _LOOKS_OF_TYPE.get(column.type, "")
    if wrong == len(samples):
        if looks and all(LOOKS[looks].match(text) for text in samples):
            is_date = column.type in _NUMERIC and any(":" in text for text in samples)
            return Fit.NONE if is_date else Fit.ALMOST
        return Fit.NONE
    if looks == "image" and ends(samples, looks) < 0:
        return Fit.NONE
    return Fit.SOME if wrong else Fit.ALL


def looks_like(samples: Iterable[str], looks: str) -> float:
    """What a meaning's usual form leaves of its word: for columns that take any text."""
    texts = [text for sample in samples if (text := strip(sample))]
    if not looks or not texts:
        return 1.0
    if looks in _ENDS and ends(texts, looks) < 0:
        return 0.3
    share = sum(LOOKS[looks].match(text) is not None for text in texts) / len(texts)
    return 0.3 if share == 0 else 0.8 + 0.2 * share


def ends(samples: Sequence[str], looks: str) -> int:
    """1 if addresses end as files of that kind do, -1 if as others do, 0 if they don't say."""
    right, wrong = _ENDS[looks]
    if any(right.search(text) for text in samples):
        return 1
    return -1 if any(wrong.search(text) for text in samples) else 0
