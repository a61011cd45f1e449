"""What stands before the root element: white space, XML declaration, DOCTYPE. It fetches nothing.

Declaration and DOCTYPE are read here and blanked for the parser, so that line and column of what
follows stay right and no entity or DTD ever reaches libxml2. Recovered:

* white space or byte order marks before the declaration (a warning each);
* an encoding in the declaration that is unknown or wrong (see ``encodings``).

Internal general entities are kept as ``Entities``, attributes as ``Declarations``. External ones,
parameter entities and external subsets are noted and never followed: XML 1.0 (4.4.3) lets a
non-validating reader do so.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field

from impler_pipelines.errors import FeedMalformed
from impler_pipelines.extraction.declared_attributes import Declarations, DeclaredAttribute
from impler_pipelines.extraction.encodings import codec_named
from impler_pipelines.extraction.limits import Limits

_NAME = r"[^\s<>&;%\"'/\[\]=]+"
_BLANK = " \t\r\n"
_DECLARATION = re.compile(
    r"""<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"1\.[0-9]+"|'1\.[0-9]+')"""
    r"""(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*("[^"<>]*"|'[^'<>]*'))?"""
    r"""(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?"""
    r"""[ \t\r\n]*\?>"""
)
_LITERAL = r"""(?:"[^"]*"|'[^']*')"""
_EXTERNAL = rf"(?:SYSTEM\s+{_LITERAL}|PUBLIC\s+{_LITERAL}(?:\s+{_LITERAL})?)"
_DOCTYPE = re.compile(rf"<!DOCTYPE\s+{_NAME}(?:\s+(?P<external>{_EXTERNAL}))?\s*(?P<open>\[|>)")
_SUBSET_ITEM = re.compile(
    rf"""(?P<blank>\s+)
    |(?P<comment><!--.*?-->)
    |(?P<pi><\?.*?\?>)
    |<!ENTITY\s+(?P<name>{_NAME})\s+(?:(?P<value>{_LITERAL})|(?P<outside>{_EXTERNAL})
        (?:\s+NDATA\s+{_NAME})?)\s*>
    |(?P<parameter><!ENTITY\s+%(?:[^"'>]++|{_LITERAL})*+>)
    |(?P<other><!(?:ELEMENT|ATTLIST|NOTATION)(?:[^"'>]++|{_LITERAL})*+>)
    |(?P<reference>%{_NAME};)
    |(?P<end>\]\s*>)""",
    re.DOTALL | re.VERBOSE,
)
_ATTLIST = re.compile(rf"<!ATTLIST\s+({_NAME})")
_DECLARED_ATTRIBUTE = re.compile(
    rf"""\s+(?P<name>{_NAME})\s+(?P<type>(?:NOTATION\s*)?\([^()]*\)|[A-Z]+)
    \s+(?:\#REQUIRED|\#IMPLIED|(?:\#FIXED\s+)?(?P<default>{_LITERAL}))""",
    re.VERBOSE,
)
_ENCODING_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_MISC = re.compile(r"[ \t\r\n]+|<!--.*?-->|<\?(?!xml[ \t\r\n]).*?\?>", re.DOTALL)
_CHARACTER = re.compile(r"&#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}));")
_ROOT = re.compile(r"<([^\s<>/!?]+)")


@dataclass(frozen=True)
class Entities:
    """What the internal subset declares: replacement texts by name, and names kept outside."""

    internal: dict[str, str] = field(default_factory=dict)
    external: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Prolog:
    """The first ``length`` bytes of a document in UTF-8; the parser gets ``blanked`` instead.

    ``doctype`` is all up to its end, without the declaration; empty if there is none.
    """

    length: int
    blanked: bytes
    entities: Entities
    attributes: Declarations
    doctype: bytes
    root: str
    warnings: tuple[str, ...] = ()


def read_prolog(head: bytes, limits: Limits) -> Prolog | None:
    """The prolog of a document in UTF-8 that begins with ``head``; None if more is needed.

    Raises ``FeedMalformed`` for a DOCTYPE or declaration that can't be read, ``LimitExceeded``
    for a prolog that is too long.
    """
    found = None
    with suppress(_Unfinished):
        found = _Reader(head).read()
    if (found.length if found else len(head)) > limits.max_prolog_bytes:
        raise limits.exceeded("max_prolog_bytes")
    return found


def read_whole_prolog(document: bytes, limits: Limits) -> Prolog:
    """The same of a ``document`` that is all there: one that ends in its prolog is malformed."""
    found = read_prolog(document, limits)
    if found is None:
        raise _Reader(document).malformed("it ends before its first element")
    return found


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


class _Unfinished(Exception):
    """The text ends inside the prolog."""


class _Reader:
    """Reads one prolog from left to right; ``parts`` is what the parser gets of it."""

    def __init__(self, head: bytes) -> None:
        self.text = head.decode(errors="surrogateescape")
        self.at = 0
        self.parts: list[str] = []
        self.warnings: list[str] = []
        self.entities: dict[str, str] = {}
        self.external: set[str] = set()
        self.attributes: dict[bytes, dict[bytes, DeclaredAttribute]] = {}
        self._references = False

    def read(self) -> Prolog:
        self._leading_blank()
        self._declaration()
        self._misc()
        doctype = b""
        if self.text.startswith("<!DOCTYPE", self.at):
            before, begin = "".join(self.parts), self.at
            self._doctype()
            doctype = _bytes(before + self.text[begin : self.at])
            self._misc()
        root = self._root()
        return Prolog(
            length=len(_bytes(self.text[: self.at])),
            blanked=_bytes("".join(self.parts)),
            entities=Entities(self.entities, frozenset(self.external)),
            attributes=self.attributes,
            doctype=doctype,
            root=root,
            warnings=tuple(self.warnings),
        )

    def malformed(self, reason: str) -> FeedMalformed:
        line = self.text.count("\n", 0, self.at) + 1
        column = self.at - (self.text.rfind("\n", 0, self.at) + 1) + 1
        return FeedMalformed(reason, line=line, column=column)

    def _leading_blank(self) -> None:
        rest = self.text.lstrip(_BLANK + "\ufeff")
        blank = self.text[: len(self.text) - len(rest)]
        if len(rest) < len("<?xml ") and not rest:
            raise _Unfinished
        declared = re.match(r"<\?xml[ \t\r\n]", rest) is not None
        if "\ufeff" in blank:
            self.warnings.append("A stray byte order mark before the document was skipped.")
        if declared and blank.strip("\ufeff"):
            self.warnings.append("White space before the XML declaration was skipped.")
        self._blank(len(blank))

    def _declaration(self) -> None:
        if not re.match(r"<\?xml[ \t\r\n]", self.text[self.at : self.at + 6]):
            return
        end = self.text.find("?>", self.at)
        if end < 0:
            raise _Unfinished
        if not (found := _DECLARATION.match(self.text, self.at)):
            raise self.malformed("its XML declaration can't be read")
        encoding = (found[1] or "")[1:-1]
        if codec_named(encoding) and not _ENCODING_NAME.fullmatch(encoding):
            self.warnings.append(
                f"The declaration spells its encoding {encoding!r}, as XML does not allow."
            )
        self._blank(len(found[0]))

    def _misc(self) -> None:
        while found := _MISC.match(self.text, self.at):
            self.parts.append(found[0])
            self.at = found.end()
        rest = self.text[self.at : self.at + 9]
        if not rest or ("<!DOCTYPE".startswith(rest) and rest != "<!DOCTYPE"):
            raise _Unfinished
        unclosed = rest.startswith("<!--") or (
            rest.startswith("<?") and not re.match(r"<\?xml[ \t\r\n]", rest)
        )
        if unclosed:
            raise _Unfinished

    def _root(self) -> str:
        found = _ROOT.match(self.text, self.at)
        if self.text.startswith("&", self.at):
            raise self.malformed("a reference stands where its first element should")
        if found is None:
            return ""  # the parser says what is wrong
        if found.end() == len(self.text):
            raise _Unfinished
        return found[1]

    def _doctype(self) -> None:
        found = _DOCTYPE.match(self.text, self.at)
        if found is None:
            if "]" in self.text[self.at :] or ">" in self.text[self.at :]:
                raise self.malformed("its DOCTYPE can't be read")
            raise _Unfinished
        self._blank(len(found[0]))
        if found["open"] == "[":
            while self._subset_item():
                pass

    def _subset_item(self) -> bool:
        found = _SUBSET_ITEM.match(self.text, self.at)
        if found is None:
            rest = self.text[self.at : self.at + 10]
            if rest and not rest.startswith(("<", "%", "]")):
                raise self.malformed("its DOCTYPE can't be read")
            raise _Unfinished
        name = found["name"]
        if name and name not in self.entities and name not in self.external:
            if found["value"]:  # the first declaration of a name counts (XML 1.0, 4.2)
                self.entities[name] = self._replacement(found["value"][1:-1])
            else:
                self.external.add(name)
        if found["reference"]:
            self._references = True
        elif attlist := _ATTLIST.match(found["other"] or ""):
            self._attlist(attlist)
        self._blank(len(found[0]))
        return found["end"] is None

    def _attlist(self, attlist: re.Match[str]) -> None:
        """Keep what an ATTLIST declares; the first declaration of a name counts (XML 1.0, 3.3)."""
        declared = self.attributes.setdefault(_bytes(attlist[1]), {})
        for found in _DECLARED_ATTRIBUTE.finditer(attlist.string, attlist.end()):
            default = None if found["default"] is None else _bytes(found["default"])
            attribute = DeclaredAttribute(_bytes(found["name"]), found["type"] != "CDATA", default)
            if not self._references:
                declared.setdefault(attribute.name, attribute)
            elif attribute.tokens or attribute.default is not None:
                self._warn_once(
                    "Attributes declared behind a parameter entity are not applied: it is not read."
                )

    def _replacement(self, literal: str) -> str:
        return _CHARACTER.sub(self._character, literal)

    def _character(self, found: re.Match[str]) -> str:
        code = int(found[1], 16) if found[1] else int(found[2])
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise self.malformed(f"&#{code}; is not a character")
        return chr(code)

    def _warn_once(self, warning: str) -> None:
        if warning not in self.warnings:
            self.warnings.append(warning)

    def _blank(self, length: int) -> None:
        self.parts.append(re.sub(r"[^\r\n]", " ", self.text[self.at : self.at + length]))
        self.at += length
