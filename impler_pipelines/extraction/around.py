"""Reads mapped values that stand around the records: the same for every row.

The first element at a path gives its value. Reading stops as soon as all are found, so values
before the first record, the usual place, cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from impler_pipelines.extraction.document import Document
from impler_pipelines.extraction.matching import NameMatcher
from impler_pipelines.extraction.parsing import ElementStream
from impler_pipelines.extraction.paths import Segments, is_attribute, starts_with
from impler_pipelines.extraction.values import BLANK, full_text


def values_around(
    document: Document, paths: Sequence[Segments], record_path: Segments, matcher: NameMatcher
) -> dict[Segments, str]:
    """Path → value of those ``paths`` that the document has.

    The text of an element around the records themselves is not a value: it has none.
    """
    owners = {path: path[:-1] if is_attribute(path[-1]) else path for path in paths}
    wanted = {
        path: owner
        for path, owner in owners.items()
        if owner and (owner != path or not starts_with(record_path, owner))
    }
    found: dict[Segments, str] = {}
    stream = ElementStream(document, wanted.values())
    batches = stream.batches() if wanted else iter(())
    for events in batches:
        for kind, element in events:
            for path, owner in wanted.items():
                if path not in found and matcher.is_at(element, owner):
                    value = _value(kind, element, path, owner, matcher)
                    if value is not None:
                        found[path] = value
        if len(found) == len(wanted):
            break
    return found


def _value(
    kind: str, element: etree._Element, path: Segments, owner: Segments, matcher: NameMatcher
) -> str | None:
    if path == owner:
        return full_text(element) if kind == "end" else None
    if kind != "start":
        return None
    value = matcher.attribute(element, path[-1])
    return None if value is None else value.strip(BLANK)
