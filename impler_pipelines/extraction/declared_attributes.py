"""Applies what a DOCTYPE declares of attributes to the start tags in UTF-8 chunks.

* An attribute that an element lacks gets its default (XML 1.0, 3.3.2). What that adds is capped
  before it is built: a tag of four bytes may ask for a default of a megabyte.
* Values of any type but CDATA lose white space around them, and have one space inside (3.3.3).
* Only the internal subset counts, and of it what stands before the first parameter entity's
  reference: that is never read, and may have declared otherwise (5.1).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from impler_pipelines.extraction.limits import Limits, defaults_too_long, value_too_large

_NAME = rb"[^\s<>/!?&;'\"=]+"
_OPENINGS = (b"<![CDATA[", b"<!--", b"<?")
_INSIDE = rb"(?:[^\"'<>]++|\"[^\"<]*+\"|'[^'<]*+')*+"
# A start tag, or a passage in which there is none; of what does not end, its beginning.
_TOKEN = re.compile(
    rb"<(" + _NAME + rb")(" + _INSIDE + rb")>"
    rb"|<!\[CDATA\[.*?\]\]>|<!--.*?-->|<\?.*?\?>|<!\[CDATA\[|<!--|<\?",
    re.DOTALL,
)
_UNFINISHED_TAG = re.compile(rb"<" + _NAME + _INSIDE + rb"(?:\"[^\"<]*|'[^'<]*)?\Z")
_ATTRIBUTE = re.compile(rb"(\s+(" + _NAME + rb")\s*=\s*)(\"[^\"]*\"|'[^']*')")
_SPACES = re.compile(rb"(?:[ \t\r\n]|&#0*32;|&#x0*20;)+")
_MOST_HELD_BYTES = 10_000_000  # where libxml2 ends as well


@dataclass(frozen=True)
class DeclaredAttribute:
    """``default`` is as written, with its quotation marks; None where there is none."""

    name: bytes
    tokens: bool
    default: bytes | None


Declarations = Mapping[bytes, Mapping[bytes, DeclaredAttribute]]


class DeclaredAttributes:
    """One pass over one document. ``declarations`` are by element and attribute.

    ``with_entities`` replaces the entities of a default.
    """

    def __init__(
        self,
        declarations: Declarations,
        with_entities: Callable[[Iterable[bytes]], Iterator[bytes]],
        limits: Limits,
    ) -> None:
        self._declarations = declarations
        self._with_entities = with_entities
        self._limits = limits
        self._cap = limits.max_entity_expansion_bytes
        self._added = 0
        self._defaults: dict[DeclaredAttribute, bytes] = {}

    def applied(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """``chunks`` with all start tags as they are meant. Raises ``LimitExceeded``."""
        held: list[bytes] = []
        size, wanted = 0, 0
        for chunk in chunks:
            held.append(chunk)
            size += len(chunk)
            if size < wanted:
                continue
            out, rest = self._step(b"".join(held))
            self._check(rest)
            held, size = [rest], len(rest)
            wanted = 2 * size  # what does not end is looked at a few times, not once a chunk
            if out:
                yield out
        yield b"".join(held)

    def _check(self, held: bytes) -> None:
        """Nothing that does not end is held for ever, and no tag of too many attributes."""
        if len(held) > _MOST_HELD_BYTES:
            raise value_too_large()
        if held.startswith(_OPENINGS):
            return
        if held.count(b'="') + held.count(b"='") > self._limits.max_attributes:
            raise self._limits.exceeded("max_attributes")

    def _step(self, data: bytes) -> tuple[bytes, bytes]:
        """``data`` with its tags rewritten, and what of it the next chunk may complete."""
        out: list[bytes] = []
        done = end = 0
        for found in _TOKEN.finditer(data):
            if found[0] in _OPENINGS:
                end = found.start()
                break
            end = found.end()
            if found[1] and (declared := self._declarations.get(found[1])):
                out += (data[done : found.start()], self._tag(found, declared))
                done = end
        else:
            last = data.rfind(b"<", end)
            end = last if last >= 0 and _may_go_on(data, last) else len(data)
        return b"".join([*out, data[done:end]]), data[end:]

    def _tag(self, tag: re.Match[bytes], declared: Mapping[bytes, DeclaredAttribute]) -> bytes:
        inside, slash = tag[2].removesuffix(b"/"), tag[2][-1:] == b"/"
        written: set[bytes] = set()

        def normalised(found: re.Match[bytes]) -> bytes:
            written.add(found[2])
            attribute = declared.get(found[2])
            tokens = attribute is not None and attribute.tokens
            return found[1] + _tokens(found[3]) if tokens else found[0]

        inside = _ATTRIBUTE.sub(normalised, inside)
        added = [
            self._default(attribute, attribute.default)
            for attribute in declared.values()
            if attribute.default is not None and attribute.name not in written
        ]
        return b"".join([b"<", tag[1], inside, *added, b"/>" if slash else b">"])

    def _default(self, attribute: DeclaredAttribute, value: bytes) -> bytes:
        if attribute not in self._defaults:
            replaced = b"".join(self._with_entities([value]))
            replaced = _tokens(replaced) if attribute.tokens else replaced
            self._defaults[attribute] = b" " + attribute.name + b"=" + replaced
        text = self._defaults[attribute]
        self._added += len(text)
        if self._added > self._cap:
            raise defaults_too_long(self._cap)
        return text


def _may_go_on(data: bytes, at: int) -> bool:
    """Whether more data may end what begins at ``at``."""
    start = data[at : at + 9]
    if any(opening.startswith(start) for opening in _OPENINGS):
        return True
    return _UNFINISHED_TAG.match(data, at) is not None


def _tokens(literal: bytes) -> bytes:
    """The value in its quotation marks, its tokens with one space between them."""
    return literal[:1] + _SPACES.sub(b" ", literal[1:-1]).strip(b" ") + literal[-1:]
