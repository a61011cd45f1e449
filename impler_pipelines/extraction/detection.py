"""Finds the element that is the record, from a document's shape and what is known of formats.

* A known vocabulary decides, also where a feed holds one record or none: RSS ``item``, Atom
  ``entry``, RDF ``item``, sitemap ``url`` and ``sitemap``, OPML ``outline``, and some more.
* Elsewhere it is the outermost element that repeats and has structure, not the most frequent one:
  a list nested in the records may well outnumber them.
* A repeating element that only groups others (little of its own, a list of richer elements
  inside) is passed through.
* Without repetition, a child named like one of its parent's plural, or like a record, is one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from impler_pipelines.extraction.shapes import Shape
from impler_pipelines.extraction.vocabulary import (
    ATOM,
    ATOM_03,
    GROUP_NAMES,
    RDF,
    RECORD_NAMES,
    VOCABULARIES,
    Vocabulary,
)

_MOST_CANDIDATES = 10
_LEAST_OWN = 0.25  # of an element's values, so that what it has besides a list is no heading of it


@dataclass(frozen=True)
class Candidate:
    """A path that may be the record: how many there are, how sure it is (0 to 1)."""

    path: str
    count: int
    confidence: float = 0.0


@dataclass(frozen=True)
class Detection:
    """What a document is, and its record path; None if nothing in it could be a record."""

    format: str
    record_path: str | None
    candidates: tuple[Candidate, ...]


def known_vocabulary(root: Shape) -> Vocabulary | None:
    """The format that ``root`` begins, or None."""
    for vocabulary in VOCABULARIES:
        if root.local_name == vocabulary.root and _namespace_fits(vocabulary, root):
            return vocabulary
    return None


def _namespace_fits(vocabulary: Vocabulary, root: Shape) -> bool:
    if vocabulary.format == "rdf":
        return root.namespace in {RDF, None}
    if vocabulary.format == "atom":  # "feed" and "entry" are ordinary words elsewhere
        entry = any(child.local_name == "entry" for child in root.children.values())
        return root.namespace in {ATOM, ATOM_03} or entry
    return True


def detect(root: Shape) -> Detection:
    """The format, the record path and what else it could be."""
    vocabulary = known_vocabulary(root)
    found = _known_record(root, vocabulary) if vocabulary else None
    if vocabulary and found is None and (path := _path_of_none(root, vocabulary)):
        return Detection(vocabulary.format, path, (Candidate(path, 0, 1.0),))
    if root.local_name == "entry" and root.namespace in {ATOM, ATOM_03}:
        return Detection("atom", root.name, (Candidate(root.name, root.count, 1.0),))
    certain = found is not None
    record = found or _outermost_record(root)
    kind = vocabulary.format if vocabulary else "xml"
    if record is None:
        return Detection(kind, None, ())
    return Detection(kind, record.path, _candidates(root, record, certain=certain))


def _path_of_none(root: Shape, vocabulary: Vocabulary) -> str | None:
    """Where the records of a feed without any would be; None where that is not certain."""
    if vocabulary.format == "xml":
        return None
    named_alike: Shape | None = root
    if vocabulary.format == "rdf":  # other RDF than RSS 1.0 has no channel
        named_alike = next((c for c in root.children.values() if c.local_name == "channel"), None)
    if named_alike is None:
        return None
    prefix = named_alike.name.rpartition(":")[0]
    below = (f"{prefix}:{name}" if prefix else name for name in vocabulary.paths[0])
    return " > ".join((root.name, *below))


def _known_record(root: Shape, vocabulary: Vocabulary) -> Shape | None:
    found = [shape for path in vocabulary.paths for shape in _at(root, path)]
    if vocabulary.format == "opml":
        return _outline(found)
    return max(found, key=lambda shape: shape.count, default=None)


def _at(shape: Shape, path: tuple[str, ...]) -> Iterator[Shape]:
    if not path:
        yield shape
        return
    for child in shape.children.values():
        if child.local_name == path[0]:
            yield from _at(child, path[1:])


def _outline(found: list[Shape]) -> Shape | None:
    """The level of OPML's nested outlines that holds most subscriptions, else the outermost."""
    levels = [
        shape
        for top in found
        for shape in top.walk()
        if shape.local_name == "outline" and all(s.local_name != "head" for s in shape.above())
    ]
    subscriptions = {shape: _attribute_count(shape, "@xmlUrl") for shape in levels}
    return max(levels, key=lambda shape: subscriptions[shape], default=None)


def _attribute_count(shape: Shape, segment: str) -> int:
    return sum(a.count for a in shape.attributes.values() if a.segment == segment)


@dataclass(frozen=True)
class _Measure:
    """``mass``: values held by all elements of a shape, inner lists included. ``fields``: kinds of
    values an element has of its own, outside inner lists. ``structured``: more than a bare text."""

    mass: int
    fields: int
    structured: bool


def _measures(root: Shape) -> dict[Shape, _Measure]:
    measures: dict[Shape, _Measure] = {}
    for shape in reversed(list(root.walk())):  # children before their parents
        own = sum(a.count for a in shape.attributes.values()) + (
            shape.count if shape.texts and not shape.children else shape.texts
        )
        fields = len(shape.attributes) + bool(shape.texts)
        mass = own
        for child in shape.children.values():
            inner = measures[child]
            mass += inner.mass
            if not (child.repeats and inner.structured):
                fields += inner.fields
        structured = bool(shape.children or shape.attributes)
        measures[shape] = _Measure(mass, fields, structured)
    return measures


def _outermost_record(root: Shape) -> Shape | None:
    measures = _measures(root)
    best = _best(list(_outermost(root, measures)), measures)
    return _ungrouped(_not_a_part(best, measures), measures) if best else None


def _not_a_part(shape: Shape, measures: dict[Shape, _Measure]) -> Shape:
    """The one element of its kind that ``shape`` is a minor list of, else ``shape``.

    A feed of a single record holds nothing else that repeats than the lists of that record. Where
    ``shape`` is named like a record, and what is around it is not, that is the head of a list.
    """
    within = measures[shape]
    for above in itertools.takewhile(lambda s: not s.repeats and s.parent, shape.above()):
        if _is_named_record(shape) and not _is_named_record(above):
            continue
        around = measures[above]
        own = around.mass - within.mass
        if around.fields >= max(2 * within.fields, 3) and own >= _LEAST_OWN * around.mass:
            return above
    return shape


def _is_named_record(shape: Shape) -> bool:
    return shape.local_name.lower() in RECORD_NAMES


def _ungrouped(outer: Shape, measures: dict[Shape, _Measure]) -> Shape:
    """The records that ``outer``, or what repeats in it, only groups; else ``outer``."""
    inner = _best(list(_outermost(outer)), measures)
    if inner is None:
        return outer
    record = _ungrouped(inner, measures)
    return record if _only_groups(outer, record, measures) else outer


def _outermost(top: Shape, measures: dict[Shape, _Measure] | None = None) -> Iterator[Shape]:
    """The repeating shapes below ``top`` that have no repeating one between.

    With ``measures`` those, too, that come once and look like the one record of their list.
    """
    for child in top.children.values():
        if child.repeats or (measures and _is_hinted(child, measures)):
            yield child
        else:
            yield from _outermost(child, measures)


def _is_hinted(shape: Shape, measures: dict[Shape, _Measure]) -> bool:
    if not shape.children or shape.parent is None:
        return False
    if _is_plural(shape.parent.local_name, shape.local_name):
        return True
    measure = measures[shape]
    most_of_it = measure.fields >= 2 and 2 * measure.mass >= measures[shape.parent].mass
    name = shape.local_name.lower().removeprefix(shape.parent.local_name.lower())
    return most_of_it and name in RECORD_NAMES and name not in GROUP_NAMES


def _is_plural(many: str, one: str) -> bool:
    many, one = many.lower(), one.lower()
    stems = {f"{one}s", f"{one}es", f"{one}list", f"{one}_list", f"list{one}s", f"arrayof{one}"}
    if one.endswith("y"):
        stems.add(f"{one[:-1]}ies")
    return many in stems or (many.endswith(f"{one}s") and len(one) > 2)


def _weight(shape: Shape, measures: dict[Shape, _Measure]) -> float:
    measure = measures[shape]
    weight = float(measure.mass) or 0.5 * shape.count
    if not measure.structured:
        weight *= 0.05
    if _is_named_record(shape):
        weight *= 3
    if shape.parent is not None and _is_plural(shape.parent.local_name, shape.local_name):
        weight *= 2
    return weight


def _best(shapes: list[Shape], measures: dict[Shape, _Measure]) -> Shape | None:
    return max(shapes, key=lambda shape: _weight(shape, measures), default=None)


def _only_groups(outer: Shape, inner: Shape, measures: dict[Shape, _Measure]) -> bool:
    """Whether ``outer`` merely groups records that are ``inner``."""
    around, within = measures[outer], measures[inner]
    if not within.structured or within.fields <= around.fields:
        return False
    if within.mass < 0.6 * around.mass:
        return False
    outer_name, inner_name = outer.local_name.lower(), inner.local_name.lower()
    if inner_name in RECORD_NAMES and outer_name in GROUP_NAMES:
        return True
    if outer_name in RECORD_NAMES and outer_name not in GROUP_NAMES:
        return False
    per_group = inner.count / max(outer.count, 1)
    if outer_name in GROUP_NAMES or inner_name in RECORD_NAMES:
        return around.fields <= 3
    return around.fields <= 2 and within.fields >= around.fields + 2 and per_group >= 4


def _candidates(root: Shape, record: Shape, *, certain: bool) -> tuple[Candidate, ...]:
    measures = _measures(root)
    others = [s for s in root.walk() if s is not record and s.repeats and measures[s].structured]
    others.sort(key=lambda shape: _weight(shape, measures), reverse=True)
    weights = {shape: _weight(shape, measures) for shape in (record, *others)}
    total = sum(sorted(weights.values(), reverse=True)[:3]) or 1.0
    own = 1.0 if certain else round(min(0.95, 0.5 + 0.5 * weights[record] / total), 2)
    return (
        Candidate(record.path, record.count, own),
        *(
            Candidate(s.path, s.count, round((1 - own) * weights[s] / total, 2))
            for s in others[: _MOST_CANDIDATES - 1]
        ),
    )
