"""Parses the parts of a workbook piece by piece, in bounded memory. It knows no values.

Only as much of a part is held as lies between the ends of two of its items.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator

from lxml import etree

from impler_pipelines.extraction.limits import Limits

_CHUNK_BYTES = 64 * 1024


def items(
    archive: zipfile.ZipFile, member: str, tag: str, last: str, limits: Limits
) -> Iterator[etree._Element]:
    """The elements of that ``tag``, up to the end of the element ``last``.

    An item is gone when the next is asked for. Raises ``etree.XMLSyntaxError``.
    """
    item, end = f"{{*}}{tag}", f"{{*}}{last}"
    parser = etree.XMLPullParser(
        events=("end",),
        tag=(item, end),
        resolve_entities=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
    )
    held = 0
    with archive.open(member) as content:
        while chunk := content.read(_CHUNK_BYTES):
            held += len(chunk)
            if held > limits.max_record_bytes:
                raise limits.exceeded("max_record_bytes")
            parser.feed(chunk)
            for _, element in parser.read_events():
                held = 0
                if element.tag.endswith(f"}}{last}"):
                    return
                yield element
                _drop(element)
    parser.close()


def _drop(element: etree._Element) -> None:
    """Free an item and what stands before it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and parent[0] is not element:
        del parent[0]


def texts_of(element: etree._Element) -> str:
    """The text of a shared or inline string: plain, or of runs; not how it is pronounced."""
    found = []
    for child in element:
        if child.tag.endswith("}t"):
            found.append(child.text or "")
        elif child.tag.endswith("}r"):
            found += [one.text or "" for one in child if one.tag.endswith("}t")]
    return "".join(found)
