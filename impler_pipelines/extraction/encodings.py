"""Decides which encoding a document is in, and says when a label contradicts the bytes.

Order of belief: byte order mark, HTTP charset (RFC 7303), declaration, UTF-8, what the text looks
like if it is not Latin (``guessed_encoding``), Windows-1252.

* A label that the bytes contradict is left for the next one, with a warning.
* Any bytes decode as a single-byte encoding; bytes that are valid UTF-8 beyond ASCII are taken as
  UTF-8 whatever such a label says: text in another encoding is never valid UTF-8 by accident for
  more than a few characters.
* ``iso-8859-1`` with bytes from 0x80 to 0x9F is Windows-1252, as in the WHATWG encoding standard.
* A label of a Latin encoding on text that is none is not believed, nor one of another encoding of
  the same script in which the text makes no sense: Russian as KOI8-R and as Windows-1251.
* UTF-8 with a few foreign bytes stays UTF-8, and those bytes are read as Windows-1252.
"""

from __future__ import annotations

import codecs
import re
import string
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from email.message import Message

from impler_pipelines.errors import FeedMalformed
from impler_pipelines.extraction.guessed_encoding import TextSample

UTF_8 = "utf-8"
WINDOWS_1252 = "cp1252"
_MIXED = "impler-windows-1252"

# Labels that promise a subset of what is really sent (WHATWG encoding standard, "labels").
_WIDER = {
    "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949",
    "big5": "cp950", "iso8859-9": "cp1254", "tis-620": "cp874", "iso8859-11": "cp874",
    "ascii": UTF_8,
}  # fmt: skip
# Codecs of Python that are no character encodings, or not of documents.
_NO_ENCODINGS = {
    "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem",
    "charmap", "palmos",
}  # fmt: skip
_BOMS = (  # UTF-32's little endian mark begins with that of UTF-16
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SPACE = rb"[ \t\r\n]"
# XML 1.0, appendix F: how "<" looks where characters are wider than a byte.
_PATTERNS = (
    (re.compile(rb"(?:[ \t\r\n]\0\0\0)*<\0\0\0"), "utf-32-le"),
    (re.compile(rb"(?:\0\0\0[ \t\r\n])*\0\0\0<"), "utf-32-be"),
    (re.compile(rb"(?:[ \t\r\n]\0)*<\0"), "utf-16-le"),
    (re.compile(rb"(?:\0[ \t\r\n])*\0<"), "utf-16-be"),
)
_DECLARED = re.compile(
    r"""[ \t\r\n\ufeff]*<\?xml[ \t\r\n][^>]*?encoding[ \t\r\n]*=[ \t\r\n]*["']([^"'<>]*)["']"""
)
_EBCDIC_DECLARATION = "<?xm".encode("cp037")
# So many characters of a Chinese, Japanese or Korean text are never valid UTF-8 by accident.
_CERTAIN_SEQUENCES = 6
_LONGEST_LABEL = 40
# What the beginning of any document holds, if it is decoded rightly.
_XML_SIGNS = "<"
_TEXT_SIGNS = string.printable + bytes(range(0x80, 0x100)).decode(WINDOWS_1252, "ignore")
# Encodings that write everything in ASCII bytes, with escapes.
_ESCAPED = ("iso2022", "hz", "utf-7")


@dataclass(frozen=True)
class Decoding:
    """How to read the bytes: ``codec`` of Python, its error handler, the mark's length to skip.

    ``trusted`` means that nobody has looked at the whole document yet: it is read as UTF-8, and
    looked at again if that fails.
    """

    codec: str
    errors: str = "strict"
    skip: int = 0
    trusted: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Label:
    text: str
    where: str
    codec: str | None


def http_charset(content_type: str | None) -> str | None:
    """The charset parameter of a Content-Type, or None."""
    if not content_type:
        return None
    message = Message()
    message["Content-Type"] = content_type.replace("\n", " ").replace("\r", " ")
    charset = message.get_param("charset")
    text = charset if isinstance(charset, str) else None
    return text.strip(" \t\"';") or None if text else None


def codec_named(label: str) -> str | None:
    """Python's name of the codec behind ``label``, widened as the web does; None if unknown."""
    if len(label) > _LONGEST_LABEL:
        return None
    try:
        name = codecs.lookup(label.strip().lower().removeprefix("x-").removeprefix("cs")).name
    except (LookupError, ValueError):
        return None
    if name.replace("-", "_") in _NO_ENCODINGS or not _is_of_text(name):
        return None
    if name in {"utf-8-sig", "utf-16", "utf-32"}:
        return name.removesuffix("-sig")
    return _WIDER.get(name, name)


def _is_of_text(codec: str) -> bool:
    """Whether a codec turns bytes into text: Python has some that turn bytes into bytes."""
    try:
        b"<".decode(codec, "ignore")
    except (LookupError, ValueError):
        return False
    return True


def first_decoding(head: bytes, content_type: str | None, again: Chunks) -> Decoding:
    """How to read a document that begins with ``head``; ``again`` reads it from its start.

    UTF-8 is believed unseen, any other label only after the whole document was looked at.
    """
    for mark, codec in _BOMS:
        if head.startswith(mark):
            return _marked(head, codec, len(mark), content_type)
    for pattern, codec in _PATTERNS:
        if pattern.match(head):
            return Decoding(codec)
    labels = _labels(head, content_type)
    if all(label.codec == UTF_8 for label in labels):
        return Decoding(UTF_8, trusted=True)
    return weighed_decoding(labels, again)


def second_decoding(head: bytes, content_type: str | None, again: Chunks) -> Decoding:
    """How to read a document that turned out not to be UTF-8 although it was trusted to be."""
    skip = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    labels = () if skip else _labels(head, content_type)
    otherwise = _Label(UTF_8, "the byte order mark" if skip else "XML's default", UTF_8)
    decoding = weighed_decoding(labels or (otherwise,), again)
    return Decoding(decoding.codec, decoding.errors, skip, False, decoding.warnings)


Chunks = Callable[[], Iterator[bytes]]


def _marked(head: bytes, codec: str, skip: int, content_type: str | None) -> Decoding:
    family = codec.rsplit("-", 1)[0] if codec != UTF_8 else codec
    text = head[skip:4096].decode(codec, "ignore")
    warnings = [
        f"{label.where} says the encoding is {label.text!r}, but the byte order mark says {family}:"
        f" read as {family}."
        for label in _labels(text.encode(), content_type)
        if label.codec is not None and not label.codec.startswith(family)
    ]
    return Decoding(codec, skip=skip, trusted=codec == UTF_8, warnings=tuple(warnings))


def _labels(head: bytes, content_type: str | None) -> tuple[_Label, ...]:
    found: list[_Label] = []
    if charset := http_charset(content_type):
        found.append(_Label(charset, "HTTP", codec_named(charset)))
    ebcdic = head.startswith(_EBCDIC_DECLARATION)
    text = head[:4096].decode("cp037" if ebcdic else "latin-1")
    if declared := _DECLARED.match(text):
        label = declared[1].strip()
        found.append(_Label(label, "the declaration", codec_named(label) if label else None))
    elif ebcdic:
        found.append(_Label("cp037", "the first bytes", "cp037"))
    return tuple(found)


@dataclass
class _Survey:
    ascii_only: bool = True
    utf8: bool = True
    sequences: int = 0  # characters beyond ASCII that are valid UTF-8
    strays: int = 0  # bytes that are not part of any
    controls: bool = False  # bytes 0x80-0x9F: never meant in ISO 8859
    sample: TextSample = field(default_factory=TextSample)


def _survey(chunks: Iterable[bytes]) -> _Survey:
    """Look at a whole document. What an incremental decoder leaves out are the strays."""
    seen = _Survey()
    size = decoded = 0
    decoder = codecs.getincrementaldecoder(UTF_8)("ignore")
    for chunk in chunks:
        text = decoder.decode(chunk)
        size += len(chunk)
        decoded += len(text.encode())
        if chunk.isascii():
            continue
        seen.ascii_only = False
        seen.controls = seen.controls or re.search(rb"[\x80-\x9f]", chunk) is not None
        seen.sample.add(chunk)
        seen.sequences += len(text) - len(text.encode("ascii", "ignore"))
    decoder.decode(b"", final=True)
    seen.strays = size - decoded
    seen.utf8 = not seen.strays
    return seen


def text_decoding(head: bytes, content_type: str | None, again: Chunks) -> Decoding:
    """How to read a table or other plain text that begins with ``head``, looked at as a whole.

    Raises ``FeedMalformed`` for bytes that are text in no encoding.
    """
    for mark, codec in _BOMS:
        if head.startswith(mark) and codec != UTF_8:
            return _marked(head, codec, len(mark), None)
    for codec, first in (("utf-16-le", 1), ("utf-16-be", 0)):
        if head[first::2].count(0) > len(head) // 5 and not head[1 - first :: 2].count(0):
            return Decoding(codec)
    skip = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    charset = None if skip else http_charset(content_type)
    label = _Label(charset, "HTTP", codec_named(charset)) if charset else None
    usual = _Label(UTF_8, "the byte order mark" if skip else "The default", UTF_8)
    decoding = weighed_decoding((label or usual,), again, _TEXT_SIGNS)
    return Decoding(decoding.codec, decoding.errors, skip, False, decoding.warnings)


def weighed_decoding(
    labels: tuple[_Label, ...], again: Chunks, signs: str = _XML_SIGNS
) -> Decoding:
    """The first label that the whole document agrees with, else UTF-8, else Windows-1252.

    A document of which the beginning has none of ``signs`` is in another encoding.
    Raises ``FeedMalformed`` for bytes that are text in none of them.
    """
    seen = _survey(again())
    wide = [lb for lb in labels if lb.codec is not None and not _covers_ascii(lb.codec)]
    warnings = [
        f"{label.where} names an unknown encoding, {label.text!r}."
        for label in labels
        if label.codec is None
    ]
    escaped = any(lb.codec is not None and lb.codec.startswith(_ESCAPED) for lb in labels)
    if seen.ascii_only and not escaped:
        warnings += [_contradiction(label, UTF_8) for label in wide]
        return Decoding(UTF_8, warnings=tuple(warnings))
    chosen: Decoding | None = None
    passed: list[_Label] = []
    for label in labels:
        if label.codec is None:
            continue
        chosen = _agreed(label.codec, seen, again, signs)
        if chosen is not None:
            if chosen.codec != label.codec and not _same_family(label, chosen):
                passed.append(label)
            break
        passed.append(label)
    if chosen is None:
        chosen = _unlabelled(seen, again, signs)
    name = "utf-8" if chosen.codec == UTF_8 else chosen.codec.replace("cp125", "windows-125")
    warnings += [_contradiction(label, name) for label in passed if label.codec != chosen.codec]
    warnings += _disputed(labels, passed, chosen)
    if chosen.errors == _MIXED:
        text = f"{seen.strays} bytes of the feed are not valid UTF-8: read as Windows-1252."
        warnings.append(text)
    return Decoding(chosen.codec, chosen.errors, warnings=tuple(warnings))


def _contradiction(label: _Label, name: str) -> str:
    return (
        f"{label.where} says the encoding is {label.text!r}, which the bytes contradict:"
        f" read as {name}."
    )


def _disputed(labels: tuple[_Label, ...], passed: list[_Label], chosen: Decoding) -> list[str]:
    """A warning where two labels differ and the bytes can't tell which is right."""
    rest = [lb for lb in labels if lb.codec and lb not in passed and lb.codec != chosen.codec]
    believed = [lb for lb in labels if lb.codec == chosen.codec]
    if not rest or not believed or chosen.codec == UTF_8:
        return []
    first, second = believed[0], rest[0]
    return [
        (
            f"{first.where} says the encoding is {first.text!r}, {second.where} says"
            f" {second.text!r}: read as {first.text!r}."
        )
    ]


def _same_family(label: _Label, chosen: Decoding) -> bool:
    return label.codec == "iso8859-1" and chosen.codec == WINDOWS_1252


def _covers_ascii(codec: str) -> bool:
    try:
        return b"<?xml>".decode(codec) == "<?xml>"
    except UnicodeError:
        return False


def _agreed(codec: str, seen: _Survey, again: Chunks, signs: str) -> Decoding | None:
    """How to read the document if ``codec`` is believed; None if its bytes contradict that."""
    if codec == UTF_8:
        return Decoding(UTF_8) if seen.utf8 else None
    if not _is_multibyte(codec):
        if seen.utf8 and not seen.ascii_only and _covers_ascii(codec):
            return Decoding(UTF_8)
        if not seen.utf8 and seen.sample.guess_against(codec):
            return None
        if codec == "iso8859-1" and seen.controls and _decodes(again(), WINDOWS_1252, signs):
            return Decoding(WINDOWS_1252)
    elif seen.utf8 and seen.sequences >= _CERTAIN_SEQUENCES:
        return Decoding(UTF_8)
    return Decoding(codec) if _decodes(again(), codec, signs) else None


def _is_multibyte(codec: str) -> bool:
    return codec.startswith(
        ("gb", "big5", "cp932", "cp949", "cp950", "euc", "shift", "iso2022", "hz", "johab", "utf")
    )


def _unlabelled(seen: _Survey, again: Chunks, signs: str) -> Decoding:
    if seen.utf8:
        return Decoding(UTF_8)
    guess = seen.sample.guess() if seen.strays > seen.sequences else None
    codec = codec_named(guess) if guess else None
    if codec and _decodes(again(), codec, signs):
        return Decoding(codec)
    if seen.sequences:
        return Decoding(UTF_8, _MIXED)
    if _decodes(again(), WINDOWS_1252, signs):
        return Decoding(WINDOWS_1252)
    raise FeedMalformed("its bytes are neither UTF-8 nor Windows-1252 text")


def _decodes(chunks: Iterable[bytes], codec: str, signs: str) -> bool:
    decoder = codecs.getincrementaldecoder(codec)("strict")
    try:
        for number, chunk in enumerate(chunks):
            text = decoder.decode(chunk)
            if number == 0 and not any(sign in text for sign in signs):
                return False
        decoder.decode(b"", final=True)
    except (UnicodeError, ValueError):
        return False
    return True


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    stray = error.object[error.start : error.start + 1]
    try:
        return stray.decode(WINDOWS_1252), error.start + 1
    except UnicodeDecodeError:
        return "\ufffd", error.start + 1


codecs.register_error(_MIXED, _as_windows_1252)


def recoded(chunks: Iterable[bytes], decoding: Decoding) -> Iterator[bytes]:
    """``chunks`` as UTF-8. Bytes that do not decode raise ``FeedMalformed`` with their line."""
    skip = decoding.skip
    if decoding.trusted or (decoding.codec == UTF_8 and decoding.errors == "strict"):
        for chunk in chunks:
            yield chunk[skip:] if skip else chunk
            skip = max(0, skip - len(chunk))
        return
    decoder = codecs.getincrementaldecoder(decoding.codec)(decoding.errors)
    line = 1
    try:
        for chunk in chunks:
            text = decoder.decode(chunk[skip:] if skip else chunk)
            skip = max(0, skip - len(chunk))
            line += text.count("\n")
            yield text.encode(UTF_8)
        yield decoder.decode(b"", final=True).encode(UTF_8)
    except (UnicodeError, ValueError) as error:
        raise FeedMalformed(
            f"its bytes are not valid {decoding.codec}", line=line, column=1
        ) from error
