"""Owns where a heading stands beside its records, and how much its names say of the value there.

It knows no column: what a name stands for there, as a number from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from impler_pipelines.mapping.meanings import MEANINGS, URLS, WHOLE_SEGMENTS, Meaning
from impler_pipelines.mapping.name_words import Name, name_of
from impler_pipelines.mapping.senses import senses_of
from impler_pipelines.mapping.telling_words import ASPECTS, CONTAINERS, FILLERS, FOREIGN, GENERIC
from impler_pipelines.model import Heading

_AROUND = 0.65
_RAREST = 0.8
_REPEATED = 0.97
_DEEPER = 0.95
_BESIDE = 0.6

_Segments = tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """A heading with its names: of its last segment, and of the one before it in the record.

    ``weight`` is the heading's own: 1 for one that every record has once. ``last_weight`` says how
    much the last segment's name alone tells, ``joined_weight`` how much it does with ``parent``.
    """

    heading: Heading
    order: int
    length: int
    within: bool
    last: Name
    parent: Name | None
    weight: float
    last_weight: float
    joined_weight: float


def places_of(headings: Sequence[Heading], record_path: str | None) -> list[Place]:
    """The places of all headings that have a name, in their order."""
    paths = [_segments(heading.path) for heading in headings]
    record = _segments(record_path or "")
    if not any(path[:1] == record[:1] and len(path) > 1 for path in paths):
        record = ()  # the columns of a table stand in no element
    record = record or _common([path[:-1] for path in paths])
    inside = [path[: len(record)] == record for path in paths]
    most = max((h.count for h, within in zip(headings, inside, strict=True) if within), default=1)
    return [
        _place(heading, order, path, record, most)
        for order, (heading, path) in enumerate(zip(headings, paths, strict=True))
        if path
    ]


def _place(heading: Heading, order: int, path: _Segments, record: _Segments, most: int) -> Place:
    shared = len(_common([path, record]))
    own = path[shared:] or path[-1:]
    within = shared == len(record)
    last = _name(own[-1])
    outer = [_name(segment) for segment in own[:-1]]
    telling = [name for name in outer if not FILLERS.issuperset(name.words)]
    outer = telling or [name for name in outer if name.plain]
    grand = _grand_weight(outer)
    told = _last_weight(last, outer[-1], own[-1][:1] == "@") * grand if outer else 1.0
    if outer and not within:  # what lies in a site's logo or link says nothing of the records
        told *= _BESIDE
    return Place(
        heading=heading,
        order=order,
        length=len(path),
        within=within,
        last=last,
        parent=outer[-1] if outer else None,
        weight=_weight(heading, within, most),
        last_weight=told,
        joined_weight=grand,
    )


def _weight(heading: Heading, within: bool, most: int) -> float:
    share = min(1.0, max(heading.count, 0) / max(most, 1))
    weight = _RAREST + (1 - _RAREST) * share
    return weight * (1.0 if within else _AROUND) * (_REPEATED if heading.repeated else 1.0)


def _grand_weight(outer: Sequence[Name]) -> float:
    """What the elements around a heading's last two segments leave of what these say."""
    weight = _DEEPER ** max(0, len(outer) - 1)
    return weight * (0.5 if any(FOREIGN.intersection(name.words) for name in outer[:-1]) else 1.0)


def _last_weight(last: Name, parent: Name, is_attribute: bool) -> float:
    """How much the last segment's name alone says, inside an element that isn't the record."""
    if FOREIGN.intersection(parent.words) - set(last.words):
        return 0.35
    if parent.stem == last.stem:
        return 0.97
    around = [MEANINGS[sense.meaning] for sense in senses_of(parent.stem)]
    if GENERIC.issuperset(last.words):
        return _generic_weight(last, parent, around, is_attribute)
    if ASPECTS.intersection(last.words):
        if is_attribute:
            return 0.45
        if any(meaning.carriers == URLS for meaning in around):
            return 0.6
    return 0.95 if CONTAINERS.issuperset(parent.words) else 0.85


def _generic_weight(
    last: Name, parent: Name, around: Sequence[Meaning], is_attribute: bool
) -> float:
    """The same for a name or an address, which rather is that of the element around it."""
    if any("name" in meaning.carriers for meaning in around):
        return 0.3
    if is_attribute:
        return 0.45 if "url" in last.words else 0.3
    if any(meaning.carriers == URLS for meaning in around):
        return 0.45  # the address of a picture is not the record's
    return 0.85 if CONTAINERS.issuperset(parent.words) else 0.6


def _name(segment: str) -> Name:
    whole = WHOLE_SEGMENTS.get(segment)
    return name_of(segment.lstrip("@").rpartition(":")[2] if whole is None else whole)


def _segments(path: str) -> _Segments:
    return tuple(part for part in map(str.strip, path.split(">")) if part)


def _common(paths: Sequence[_Segments]) -> _Segments:
    """The segments that all paths begin with."""
    if not paths:
        return ()
    low, high = min(paths), max(paths)
    for at, segment in enumerate(low):
        if high[at : at + 1] != (segment,):
            return low[:at]
    return low
