"""Owns how a column of texts becomes a typed column: fast for most, one by one for the rest.

It knows no column type. A *fast* answer comes from Arrow for all texts of a plain form; every
other text goes through the type's parser, once for each distinct text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Refusal:
    """Why a text is not a value: ``reason`` follows the text in a sentence ("is not …")."""

    reason: str


@dataclass(frozen=True)
class Cast:
    """A typed column. ``refusals`` holds, by row, why a text has no value; its value is null."""

    values: pa.Array
    refusals: dict[int, Refusal]


Caster = Callable[[pa.Array], Cast]
Parser = Callable[[str], "int | float | str | Refusal"]


def parse_each(texts: pa.Array, value_type: pa.DataType, parse: Parser) -> Cast:
    """Type every text with ``parse``, which is called once for each distinct text."""
    encoded = texts.dictionary_encode()
    answers = [parse(text) for text in encoded.dictionary.to_pylist()]
    refused = {code for code, answer in enumerate(answers) if isinstance(answer, Refusal)}
    typed = pa.array(
        [None if code in refused else answer for code, answer in enumerate(answers)], value_type
    )
    refusals: dict[int, Refusal] = {}
    if refused:
        for row, code in enumerate(encoded.indices.to_pylist()):
            if code in refused:
                refusals[row] = answers[code]
    return Cast(typed.take(encoded.indices), refusals)


def parse_rest(texts: pa.Array, fast: pa.Array, parse: Parser) -> Cast:
    """Complete ``fast``, whose nulls are texts not yet typed (or missing), with ``parse``."""
    open_rows = pc.and_(pc.is_valid(texts), pc.is_null(fast))
    if not pc.any(open_rows).as_py():
        return Cast(fast, {})
    rest = parse_each(texts.filter(open_rows), fast.type, parse)
    rows = pc.indices_nonzero(open_rows)
    values = pc.replace_with_mask(fast, open_rows, rest.values)
    return Cast(values, {rows[at].as_py(): refusal for at, refusal in rest.refusals.items()})


def only(texts: pa.Array, accepted: pa.Array) -> pa.Array:
    """``texts`` where ``accepted`` holds, null elsewhere."""
    if pc.all(accepted).as_py():  # nulls are skipped, and a missing text stays missing
        return texts
    return pc.if_else(accepted, texts, pa.scalar(None, pa.string()))


def refuse_where(texts: pa.Array, accepted: pa.Array, reason: str) -> Cast:
    """Keep the texts that are ``accepted``; all others that are present have one ``reason``."""
    values = only(texts, accepted)
    if values is texts:
        return Cast(texts, {})
    refusal = Refusal(reason)
    rows = pc.indices_nonzero(pc.invert(pc.fill_null(accepted, True)))
    return Cast(values, dict.fromkeys(rows.to_pylist(), refusal))
