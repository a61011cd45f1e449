"""Runs libxml2 over a document, for its elements or only its verdict.

* Elements arrive complete, and what lies behind them is dropped after each chunk: memory is bound
  by one chunk and one record.
* Undeclared prefixes are no error here: libxml2 keeps such names literally (``g:price``).
* Every other complaint of the parser ends the reading, as ``FeedMalformed`` with line and column
  or, where a cap was hit, as ``LimitExceeded``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TypeAlias
from xml.parsers import expat

from lxml import etree

from impler_pipelines.errors import FeedMalformed, PipelineError
from impler_pipelines.extraction.document import Document
from impler_pipelines.extraction.limits import name_too_long, value_too_large
from impler_pipelines.extraction.names import local_name
from impler_pipelines.extraction.paths import Segments
from impler_pipelines.extraction.tag_guard import TagGuard

_LIBXML2_DEPTH = 256  # above it libxml2 wants huge_tree, which stops at 2048
_UNDECLARED_PREFIX = etree.ErrorTypes.NS_ERR_UNDEFINED_NAMESPACE
# Errors to libxml2 that leave a document well-formed (XML 1.0): they are of other specifications.
_HARMLESS = {
    _UNDECLARED_PREFIX,
    etree.ErrorTypes.WAR_NS_URI,
    etree.ErrorTypes.NS_ERR_COLON,  # in the name of a processing instruction
    etree.ErrorTypes.DTD_XMLID_VALUE,
    etree.ErrorTypes.DTD_ID_REDEFINED,
}
_OUT_OF_BOUNDS = {
    etree.ErrorTypes.ERR_RESOURCE_LIMIT,
    etree.ErrorTypes.ERR_NAME_TOO_LONG,
    etree.ErrorTypes.ERR_NO_MEMORY,
}
_PREFIX_MESSAGE = re.compile(r"Namespace prefix (\S+) (?:for \S+ )?on ")
# What lxml takes as a name; no element of a document that parses has another.
_POSSIBLE_NAME = re.compile(r"[^\x00-\x20{}<>&\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")
_NOT_ASCII = re.compile(rb"[\x80-\xff]+")
_TAIL_BYTES = 1024  # what is looked at for the root's end tag
_LONGEST_LOG = 100  # libxml2 stops writing errors down here, fatal ones too
_SURVEY_SWEEP_BYTES = 1024**2  # when all elements are asked for, text needs its neighbours

Event = tuple[str, etree._Element]
Parser: TypeAlias = "etree.XMLPullParser | etree.XMLParser"


class _Reading:
    """Feeds one document to a parser, and says in our words what it finds wrong.

    ``undeclared`` gathers prefixes without a declaration; ``bytes_read`` counts clean bytes.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._limits = document.limits
        self._guard = TagGuard(document.limits)
        self._tail = b""
        self._end_is_checked = False
        self.undeclared: set[str] = set()
        self.bytes_read = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was recovered while parsing."""
        if not self.undeclared:
            return ()
        names = ", ".join(sorted(self.undeclared)[:5])
        return (f"Prefixes without a namespace declaration are kept as written: {names}.",)

    def _options(self) -> dict[str, bool | str]:
        """What libxml2 may do, and what it never does."""
        return {
            "encoding": "utf-8",
            "huge_tree": self._limits.max_depth > _LIBXML2_DEPTH,
            "no_network": True,
            "load_dtd": False,
            "resolve_entities": False,
            "remove_comments": True,
            "remove_pis": True,
        }

    def _fed(self, parser: Parser) -> Iterator[bytes]:
        """The document's chunks, each when ``parser`` has taken it; then the parser is closed."""
        for chunk in self._document.chunks():
            if not chunk:
                continue
            self._guard.watch(chunk)
            self._feed(parser, chunk)
            self._tail = (self._tail + chunk)[-_TAIL_BYTES:]
            self.bytes_read += len(chunk)
            yield chunk
        self._close(parser)

    def _feed(self, parser: Parser, chunk: bytes) -> None:
        try:
            parser.feed(chunk)
        except etree.XMLSyntaxError as error:
            raise self._explained(parser) from error

    def _close(self, parser: Parser) -> None:
        try:
            parser.close()
        except etree.XMLSyntaxError as error:
            log = parser.feed_error_log
            if not all(map(_is_harmless, log)):
                raise self._explained(parser, cut_short=not self._root_is_closed()) from error
            if len(log) >= _LONGEST_LOG and (opinion := _second_opinion(self._document.chunks())):
                raise opinion from error
        self._check_end(parser)
        for entry in parser.feed_error_log:
            if entry.type == _UNDECLARED_PREFIX and (m := _PREFIX_MESSAGE.match(entry.message)):
                self.undeclared.add(m[1])

    def _check_end(self, parser: Parser) -> None:
        """Once it has complained of a namespace, libxml2 overlooks what stands behind the root."""
        if self._end_is_checked or not len(parser.feed_error_log):
            return
        self._end_is_checked = True
        if opinion := _junk_behind_the_root(self._document.chunks()):
            raise opinion

    def _root_is_closed(self) -> bool:
        """Whether the document's last bytes hold the end of its root element."""
        root = re.escape(self._document.prolog.root.encode(errors="surrogateescape"))
        return re.search(rb"</" + root + rb"\s*>", self._tail) is not None

    def _explained(self, parser: Parser, *, cut_short: bool = False) -> PipelineError:
        entries = [e for e in parser.feed_error_log if not _is_harmless(e)]
        if not entries:
            opinion = _second_opinion(self._document.chunks())
            return opinion or FeedMalformed("it can't be parsed")
        entry = next((e for e in entries if e.level == etree.ErrorLevels.FATAL), entries[0])
        message = " ".join(entry.message.split()) or "it can't be parsed"
        if entry.type not in _OUT_OF_BOUNDS and "too big" not in message:
            message = f"it breaks off before its end ({message})" if cut_short else message
            return FeedMalformed(message, line=entry.line or None, column=entry.column or None)
        if "depth" in message:
            return self._limits.exceeded("max_depth")
        return (
            name_too_long()
            if entry.type == etree.ErrorTypes.ERR_NAME_TOO_LONG
            else value_too_large()
        )


def _is_harmless(entry: etree._LogEntry) -> bool:
    return entry.level == etree.ErrorLevels.WARNING or entry.type in _HARMLESS


class _Nothing:
    """Takes nothing of what libxml2 reads: no tree is built."""

    def close(self) -> None:
        """The document has been read."""


class CheckedChunks(_Reading):
    """The chunks of a document as they are, each after libxml2 has found no fault with it.

    Raises like ``ElementStream``; what only the end of the document can show, after the last one.
    A document that was found well-formed before is not parsed again.
    """

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was recovered while parsing."""
        return self._document.recovered or super().warnings

    def __iter__(self) -> Iterator[bytes]:
        if self._document.recovered is not None:
            yield from self._document.chunks()
            return
        parser = etree.XMLParser(target=_Nothing(), **self._options())
        for chunk in self._fed(parser):
            self._check_end(parser)  # not only when all has been passed on
            yield chunk
        self._document.well_formed(self.warnings)


class ElementStream(_Reading):
    """Start and end of the elements at some paths in one reading, in document order.

    ``paths`` None means all elements. Namesakes of the elements asked for come too: the caller
    looks at where they stand. Elements of the paths ``also`` are not kept whole.
    """

    def __init__(
        self,
        document: Document,
        paths: Iterable[Segments] | None,
        also: Iterable[Segments] = (),
    ) -> None:
        super().__init__(document)
        self._whole = frozenset((len(p), local_name(p[-1])) for p in paths or ())
        self._names = None if paths is None else _names([*paths, *also], document.prolog.root)
        self._unswept = 0
        self._root: etree._Element | None = None
        self._kept_bytes = self._kept_tags = 0  # since there was something to drop

    def batches(self) -> Iterator[list[Event]]:
        """Lists of (``start`` or ``end``, element), one for each chunk.

        At its end an element is complete; it is gone when the next list is asked for.
        """
        parser = etree.XMLPullParser(
            events=("start", "end"),
            tag=None if self._names is None else [f"{{*}}{n}" for n in self._names],
            **self._options(),
        )
        for chunk in self._fed(parser):
            events: list[Event] = list(parser.read_events())
            if events:
                if self._root is None:
                    self._root = events[0][1].getroottree().getroot()
                yield events
            self._sweep(chunk, bool(events))
        # A document of a few bytes (``<r/>``) is parsed at its end only.
        events = list(parser.read_events())
        if events:
            yield events

    def _sweep(self, chunk: bytes, progressed: bool) -> None:
        """Drop all elements that are complete and were handed out, or never will be."""
        self._unswept += len(chunk)
        self._kept_bytes += len(chunk)
        self._kept_tags += chunk.count(b"<")
        if self._names is None and self._unswept < _SURVEY_SWEEP_BYTES:
            return
        self._unswept = 0
        node, depth = self._root, 1
        while node is not None and (depth, local_name(node.tag)) not in self._whole and len(node):
            if len(node) > 1:
                del node[:-1]
                progressed = True
            node, depth = node[-1], depth + 1
        if progressed:
            self._kept_bytes = self._kept_tags = 0
        if self._kept_bytes > self._limits.max_record_bytes:
            raise self._limits.exceeded("max_record_bytes")
        if self._kept_tags > 2 * self._limits.max_record_elements:
            raise self._limits.exceeded("max_record_elements")


def _names(paths: Iterable[Segments], root: str) -> frozenset[str]:
    """The names libxml2 is asked for: local ones, and as written for undeclared prefixes."""
    written = {root, *(path[-1] for path in paths)}
    names = (name for w in written for name in (w, local_name(w)))
    return frozenset(name for name in names if _POSSIBLE_NAME.fullmatch(name))


def _second_opinion(chunks: Iterable[bytes]) -> FeedMalformed | None:
    """What expat finds wrong, for documents with more complaints than libxml2 keeps in its log."""
    return _expats_opinion(expat.ParserCreate("utf-8"), chunks)


def _junk_behind_the_root(chunks: Iterable[bytes]) -> FeedMalformed | None:
    """What expat finds wrong behind the root; what it finds before that, libxml2 found right."""
    parser = expat.ParserCreate("utf-8")
    depth, ended = 0, False

    def start(_name: str, _attributes: object) -> None:
        nonlocal depth
        depth += 1

    def end(_name: str) -> None:
        nonlocal depth, ended
        depth -= 1
        ended = not depth

    parser.StartElementHandler, parser.EndElementHandler = start, end
    opinion = _expats_opinion(parser, map(_in_ascii, chunks))
    return opinion if ended else None


def _in_ascii(chunk: bytes) -> bytes:
    """``chunk`` with letters for all else: expat knows fewer names than XML has by now."""
    return _NOT_ASCII.sub(lambda found: b"X" + found[0].hex("X").encode(), chunk)


def _expats_opinion(parser: expat.XMLParserType, chunks: Iterable[bytes]) -> FeedMalformed | None:
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code)
        return FeedMalformed(reason, line=error.lineno, column=error.offset + 1)
    return None
