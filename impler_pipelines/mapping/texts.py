"""Owns the types whose values are texts: String, Any, Email, Regex, Image, Select.

They keep a text as it came, white space around it aside; Select alone puts its canonical one.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from impler_pipelines.mapping.cast import (
    Cast,
    Caster,
    Parser,
    Refusal,
    only,
    parse_rest,
    refuse_where,
)
from impler_pipelines.mapping.patterns import matches
from impler_pipelines.mapping.text import shown, strip
from impler_pipelines.model import Column

# RFC 5321, section 4.1.2, with RFC 6531's letters beyond ASCII: a dot-string of at most 64
# octets, then a domain of at least two labels. Quoted local parts and address literals are legal
# and are refused all the same: in a feed they are mistakes.
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x{80}-\x{10FFFF}-]"
_LABEL = r"[\pL\pN](?:[\pL\pN\pM-]{0,61}[\pL\pN\pM])?"
_EMAIL = (
    rf"^{_ATEXT}+(?:\.{_ATEXT}+)*@(?:{_LABEL}\.)+"
    r"(?:\pL[\pL\pN\pM-]{0,61}[\pL\pN\pM])$"
)
_EMAIL_LOCAL = r"^[^@]{1,64}@"
_LONGEST_EMAIL = 254  # RFC 3696, erratum 1690

# RFC 3986 with RFC 9110, section 4.2: a host, no user information, no white space; letters beyond
# ASCII are taken (RFC 3987).
_IMAGE = (
    r"^(?i:https?)://(?:[\pL\pN_~%!$&'()*+,;=\pM-][\pL\pN._~%!$&'()*+,;=\pM-]*|\[[0-9A-Fa-f:.]+\])"
    r"(?::[0-9]{1,5})?(?:[/?#][^\s\pZ\pC<>\"]*)?$"
)

_SHOWN_CHOICES = 10


def cast_texts(texts: pa.Array) -> Cast:
    """Any text but one with a NUL character, which no database stores."""
    if not _has_nul(texts):
        return Cast(texts, {})
    accepted = pc.invert(pc.match_substring(texts, "\0"))
    return refuse_where(texts, accepted, "holds a NUL character, which no database stores")


def cast_emails(texts: pa.Array) -> Cast:
    """Texts that are one bare email address."""
    accepted = pc.and_(matches(texts, _EMAIL), matches(texts, _EMAIL_LOCAL))
    accepted = pc.and_(accepted, pc.less_equal(pc.binary_length(texts), _LONGEST_EMAIL))
    return refuse_where(
        texts, accepted, "is not an email address: expected one such as ann@example.com, alone"
    )


def cast_images(texts: pa.Array) -> Cast:
    """Texts that are absolute http or https URLs."""
    return refuse_where(
        texts,
        matches(texts, _IMAGE),
        "is not the address of an image: expected a URL such as https://example.com/a.jpg",
    )


def regex_caster(column: Column) -> Caster:
    """The caster of a Regex column, whose message is the column's description of the pattern."""
    pattern = column.regex or ""
    wanted = column.regex_description or f"the pattern {pattern}"
    reason = f"does not match: expected {wanted}"

    def cast_regex(texts: pa.Array) -> Cast:
        cast = cast_texts(texts)
        found = refuse_where(cast.values, matches(cast.values, pattern), reason)
        return Cast(found.values, cast.refusals | found.refusals)

    return cast_regex


def select_caster(column: Column) -> Caster:
    """The caster of a Select column: each value as ``selectValues`` writes it.

    An exact match wins; otherwise case does not matter, unless two select values differ in
    nothing else.
    """
    choices = pa.array(column.select_values, pa.string())
    parse = _many_parser(column) if column.allow_multi_select else _one_parser(column)

    def cast_select(texts: pa.Array) -> Cast:
        return parse_rest(texts, only(texts, pc.is_in(texts, value_set=choices)), parse)

    return cast_select


def _one_parser(column: Column) -> Parser:
    exact = set(column.select_values)
    folded: dict[str, list[str]] = {}
    for choice in column.select_values:
        folded.setdefault(strip(choice).casefold(), []).append(choice)
    offered = ", ".join(column.select_values[:_SHOWN_CHOICES])
    if len(column.select_values) > _SHOWN_CHOICES:
        offered += f" and {len(column.select_values) - _SHOWN_CHOICES} more"

    def parse_choice(text: str) -> str | Refusal:
        if text in exact:
            return text
        candidates = folded.get(text.casefold(), [])
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            return Refusal(f"can be any of {', '.join(candidates)}: write it with its case")
        return Refusal(f"is not one of: {offered}")

    return parse_choice


def _many_parser(column: Column) -> Parser:
    parse_choice = _one_parser(column)

    def parse_choices(text: str) -> str | Refusal:
        chosen: dict[str, None] = {}
        for item in filter(None, map(strip, text.split(column.delimiter))):
            choice = parse_choice(item)
            if isinstance(choice, Refusal):
                return Refusal(f"is refused, since {shown(item)} {choice.reason}")
            chosen[str(choice)] = None
        if not chosen:
            return Refusal(f"names no choice between its delimiters {shown(column.delimiter)}")
        return column.delimiter.join(chosen)

    return parse_choices


def _has_nul(texts: pa.Array) -> bool:
    """Whether any NUL is in the column's bytes, the null rows' included: cheap, rarely true."""
    content = texts.buffers()[2]
    return content is not None and not np.frombuffer(content, dtype=np.uint8).all()
