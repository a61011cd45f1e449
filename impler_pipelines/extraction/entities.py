"""Replaces entity references in UTF-8 chunks. It never fetches, and counts what it adds.

* HTML's named entities (``&nbsp;``) become character references.
* Entities of the document's own DOCTYPE become their replacement text, nested ones too; what that
  adds is capped before it is built, so a billion laughs costs nothing.
* References inside CDATA sections, comments and processing instructions are text, and stay.
* External or unknown entities raise ``FeedMalformed``: their meaning is not certain.
"""

from __future__ import annotations

import html.entities
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from impler_pipelines.errors import FeedMalformed, LimitExceeded
from impler_pipelines.extraction.limits import setting_of
from impler_pipelines.extraction.prolog import Entities
from impler_pipelines.extraction.well_formed import is_content

_PREDEFINED = {"lt", "gt", "amp", "apos", "quot"}
# A reference, or a passage in which there are none. A stray & before one must not make another.
_REFERENCE = re.compile(
    r"<!\[CDATA\[.*?\]\]>|<!--.*?-->|<\?.*?\?>|(?<!&)&([^\s<>&;#%\"']+);", re.DOTALL
)
_TOKEN = re.compile(rb"(?<!&)&(?!(?:lt|gt|amp|apos|quot);)([^\s<>&;#%\"']+);")
_OPENING = re.compile(rb"<!\[CDATA\[|<!--|<\?")
_ENDS = {b"<![CDATA[": b"]]>", b"<!--": b"-->", b"<?": b"?>"}
_LONGEST_REFERENCE = 1024
_DEEPEST = 100  # entities inside entities
_MANY = 1000  # from so many references to one entity on, they are replaced all at once
_AS_THEY_ARE = "surrogateescape"  # bytes in no encoding so far: the parser stumbles over them


# What comes before the text that a reference stands in, and the reference.
_Where = tuple[list[bytes], re.Match[bytes]]


class EntityFilter:
    """One pass over one document. ``html_references`` counts what was recovered."""

    def __init__(self, entities: Entities, max_expansion_bytes: int) -> None:
        self._entities = entities
        self._cap = max_expansion_bytes
        self._added = 0
        self._line = 1
        self._texts: dict[str, bytes] = {}
        self._sizes: dict[str, int] = {}
        self._html: dict[str, bytes] = {}
        self._end: bytes | None = None  # what ends the section that is being passed through
        self.html_references: Counter[str] = Counter()

    def filtered(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """``chunks`` with every reference replaced."""
        held = b""
        for chunk in chunks:
            out, held = self._step(held + chunk)
            yield out
        if held:
            yield held

    def _step(self, data: bytes) -> tuple[bytes, bytes]:
        out: list[bytes] = []
        at = 0
        while True:
            if self._end is not None:
                end = data.find(self._end, at)
                if end < 0:
                    keep = max(at, len(data) - len(self._end) + 1)
                    out.append(data[at:keep])
                    return self._emit(out), data[keep:]
                out.append(data[at : end + len(self._end)])
                at = end + len(self._end)
                self._end = None
            found = _OPENING.search(data, at)
            if found is None:
                keep = self._safe_end(data, at)
                out.append(self._with_references(data[at:keep], out))
                return self._emit(out), data[keep:]
            out.append(self._with_references(data[at : found.start()], out))
            out.append(found[0])
            at = found.end()
            self._end = _ENDS[found[0]]

    def _with_references(self, text: bytes, before: list[bytes]) -> bytes:
        """``text``, in which there is no section, with its references replaced."""
        for name, count in self.html_references.items():
            if count >= _MANY and (found := text.count(reference := b"&%s;" % name.encode())):
                text = text.replace(reference, self._html[name])
                self.html_references[name] += found
        return _TOKEN.sub(
            lambda found: self._replaced(found[1].decode(errors=_AS_THEY_ARE), (before, found)),
            text,
        )

    def _emit(self, out: list[bytes]) -> bytes:
        joined = b"".join(out)
        self._line += joined.count(b"\n")
        return joined

    @staticmethod
    def _safe_end(data: bytes, at: int) -> int:
        """Where a token that the next chunk may complete begins, else the end of ``data``."""
        reference = data.rfind(b"&", max(at, len(data) - _LONGEST_REFERENCE))
        if reference >= 0 and b";" not in data[reference:]:
            return reference - (data[max(at, reference - 1) : reference] == b"&")
        opening = data.rfind(b"<", max(at, len(data) - len(b"<![CDATA[") + 1))
        return opening if opening >= 0 else len(data)

    def _replaced(self, name: str, where: _Where) -> bytes:
        if name in self.html_references:
            self.html_references[name] += 1
            return self._html[name]
        if name in self._entities.internal:
            text = self._text_of(name, where)
            self._added += len(text)
            if self._added > self._cap:
                raise self._too_much()
            return text
        character = None if name in self._entities.external else html.entities.html5.get(f"{name};")
        if character is None:
            raise self._unknown(name, where)
        self.html_references[name] = 1
        self._html[name] = "".join(f"&#{ord(c)};" for c in character).encode()
        return self._html[name]

    def _text_of(self, name: str, where: _Where) -> bytes:
        if name not in self._texts:
            if self._size_of(name, (), where) > self._cap:
                raise self._too_much()
            text = self._expanded(name, where)
            if re.search("[<&]", text) and not is_content(text.encode(errors=_AS_THEY_ARE)):
                reason = f"the entity &{_shown(name)}; is not well-formed by itself"
                raise self._malformed(reason, where)
            if "<" not in text:  # a quotation mark must not end the attribute it stands in
                text = text.replace('"', "&#34;").replace("'", "&#39;")
            self._texts[name] = text.encode(errors=_AS_THEY_ARE)
        return self._texts[name]

    def _size_of(self, name: str, above: tuple[str, ...], where: _Where) -> int:
        if name in above:
            raise self._malformed(f"the entity &{_shown(name)}; contains itself", where)
        if len(above) > _DEEPEST:
            raise self._malformed(f"the entity &{_shown(name)}; is inside too many others", where)
        if name not in self._sizes:
            text = self._entities.internal[name]
            size = len(text.encode(errors=_AS_THEY_ARE))
            for inner in _REFERENCE.findall(text):
                if inner in self._entities.internal:
                    size += self._size_of(inner, (*above, name), where)
            self._sizes[name] = size
        return self._sizes[name]

    def _expanded(self, name: str, where: _Where) -> str:
        def inner(found: re.Match[str]) -> str:
            if found[1] is None:
                return found[0]
            if found[1] in _PREDEFINED:
                return found[0]
            if found[1] in self._entities.internal:
                return self._expanded(found[1], where)
            return self._replaced(found[1], where).decode()

        return _REFERENCE.sub(inner, self._entities.internal[name])

    def _too_much(self) -> LimitExceeded:
        return LimitExceeded(
            "The feed's entities expand too far",
            f"{self._cap} bytes",
            setting=setting_of("max_entity_expansion_bytes"),
        )

    def _unknown(self, name: str, where: _Where) -> FeedMalformed:
        kind = (
            "is external and never fetched"
            if name in self._entities.external
            else ("is not declared")
        )
        return self._malformed(f"the entity &{_shown(name)}; {kind}", where)

    def _malformed(self, reason: str, where: _Where) -> FeedMalformed:
        before, found = where
        text = b"".join(before) + found.string[: found.start()]
        line = self._line + text.count(b"\n")
        return FeedMalformed(reason, line=line, column=len(text) - text.rfind(b"\n"))


def _shown(name: str) -> str:
    return name.encode(errors=_AS_THEY_ARE).decode(errors="replace")
