"""Owns how texts become Number (64-bit integers) and Double (64-bit floats) values.

It never guesses: a text with two readings that are both possible in the column's type is refused.
The readings are a table in ``docs/mapping.md``.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from impler_pipelines.mapping.cast import Cast, Refusal, only, parse_rest
from impler_pipelines.mapping.currencies import CURRENCY_CODES
from impler_pipelines.mapping.text import WHITE_SPACE, western_digits

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

_NOT_WHOLE = "is not a whole number: write digits such as 1299 or 1,299"
_NOT_NUMBER = "is not a number: write digits with a decimal point such as 1299.50"
_LONGEST_NUMERAL = 400  # the longest decimal that a double can need has about 310 digits

_CODES = "|".join(CURRENCY_CODES)
_PLAIN_WHOLE = r"^-?[0-9]{1,18}$"
_PLAIN_DECIMAL = r"^-?[0-9]{1,15}(?:\.[0-9]{1,17})?$"
_GROUPED = r"[1-9][0-9]{0,2}(?:,[0-9]{3})"
_PRICED_WHOLE = rf"^-?[$€£¥]? ?(?:[0-9]{{1,15}}|{_GROUPED}{{1,4}})(?: ?(?:{_CODES}))?$"
_PRICED_DECIMAL = (
    rf"^-?[$€£¥]? ?(?:[0-9]{{1,15}}|{_GROUPED}{{1,4}}\.[0-9]{{1,2}}|[0-9]{{1,15}}\.[0-9]{{1,2}})"
    rf"(?: ?(?:{_CODES}))?$"
)
_DRESSING = r"[^0-9.\-]"

# Other scripts' punctuation, as what it means: U+066B is always a decimal sign, U+066C always
# separates thousands (as a space does); marks of direction mean nothing here.
_SIGNS = str.maketrans(
    dict.fromkeys(WHITE_SPACE, " ")
    | {"−": "-", "－": "-", "﹣": "-", "＋": "+", "．": ".", "，": ",", "٫": ".", "٬": " "}
    | {"’": "'", "ʼ": "'", "＇": "'"}
    | dict.fromkeys("\u200e\u200f\u061c\u2066\u2067\u2068\u2069", None)
)
_DRESSED = re.compile(
    r"(?P<sign>[+-]?) *(?P<before>[^0-9\s.,'+-]{1,4})? *(?P<inner>[+-]?)"
    r"(?P<numeral>[0-9.,' ]*[0-9.,])(?P<exponent>[eE][+-]?[0-9]{1,4})? *"
    r"(?P<after>[^0-9\s.,'+-]{1,4})?"
)
_WHOLE = re.compile(r"[0-9]+")
_POINT = re.compile(r"(?P<whole>[0-9]*)\.(?P<fraction>[0-9]*)")
_COMMA = re.compile(r"(?P<whole>[0-9]*),(?P<fraction>[0-9]*)")
_SEPARATED = (
    re.compile(r"(?P<whole>[1-9][0-9]{0,2}(?:,[0-9]{3})+)\.(?P<fraction>[0-9]*)"),
    re.compile(r"(?P<whole>[1-9][0-9]{0,2}(?:\.[0-9]{3})+),(?P<fraction>[0-9]*)"),
    re.compile(r"(?P<whole>[1-9][0-9]{0,2}(?:,[0-9]{3}){2,})(?P<fraction>)"),
    re.compile(r"(?P<whole>[1-9][0-9]{0,2}(?:\.[0-9]{3}){2,})(?P<fraction>)"),
    re.compile(r"(?P<whole>[1-9][0-9]{0,2}(?: [0-9]{3})+)(?:[.,](?P<fraction>[0-9]*))?"),
    re.compile(r"(?P<whole>[1-9][0-9]{0,2}(?:'[0-9]{3})+)(?:[.,](?P<fraction>[0-9]*))?"),
    # Indian grouping: lakhs and crores
    re.compile(r"(?P<whole>[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3})(?:\.(?P<fraction>[0-9]*))?"),
)
_ONE_GROUP = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")


@dataclass(frozen=True)
class _Numeral:
    """A number read from a text. ``one_group`` is its only separator if that has two readings."""

    negative: bool
    whole: str
    fraction: str
    exponent: str
    one_group: str = ""

    def decimal(self) -> str:
        sign = "-" if self.negative else ""
        return f"{sign}{self.whole or '0'}.{self.fraction or '0'}{self.exponent}"


def cast_numbers(texts: pa.Array) -> Cast:
    """Texts as int64. Fractions of zero are whole (``10.00``); anything lost is a refusal."""
    plain = only(texts, pc.match_substring_regex(texts, _PLAIN_WHOLE))
    values = plain.cast(pa.int64())
    if plain.null_count != texts.null_count:
        values = pc.coalesce(values, _undressed(texts, _PRICED_WHOLE).cast(pa.int64()))
    return parse_rest(texts, values, parse_number)


def cast_doubles(texts: pa.Array) -> Cast:
    """Texts as float64, the nearest one; never NaN, infinite or minus zero."""
    plain = only(texts, pc.match_substring_regex(texts, _PLAIN_DECIMAL))
    values = plain.cast(pa.float64())
    if plain.null_count != texts.null_count:
        values = pc.coalesce(values, _undressed(texts, _PRICED_DECIMAL).cast(pa.float64()))
    cast = parse_rest(texts, values, parse_double)
    # minus zero equals zero but has other bits, and row keys are made from the bits
    return Cast(pc.add(cast.values, 0.0), cast.refusals)


def _undressed(texts: pa.Array, pattern: str) -> pa.Array:
    priced = only(texts, pc.match_substring_regex(texts, pattern))
    return pc.replace_substring_regex(priced, _DRESSING, "")


def parse_number(text: str) -> int | Refusal:
    """One text as a 64-bit integer, or why it is none."""
    numeral = _read(text)
    if numeral is None or numeral.exponent:
        return Refusal(_NOT_WHOLE)
    whole, fraction = numeral.whole, numeral.fraction
    if numeral.one_group == ",":
        whole, fraction = whole + fraction, ""
    if fraction.strip("0"):
        return Refusal(_NOT_WHOLE)
    if numeral.one_group == ".":
        return Refusal(
            f"can be read as {whole} and as {whole}{fraction}: write whole numbers without a point"
        )
    value = int(whole or "0") * (-1 if numeral.negative else 1)
    if not INT64_MIN <= value <= INT64_MAX:
        return Refusal(f"is too large: a whole number here is between {INT64_MIN} and {INT64_MAX}")
    return value


def parse_double(text: str) -> float | Refusal:
    """One text as the nearest finite 64-bit float, or why it is none."""
    numeral = _read(text)
    if numeral is None:
        return Refusal(_NOT_NUMBER)
    if numeral.one_group == ",":
        whole, fraction = numeral.whole, numeral.fraction
        return Refusal(
            f"can be read as {whole}{fraction} and as {whole}.{fraction}:"
            f" write a decimal point, {whole}{fraction}.00 or {whole}.{fraction}"
        )
    value = float(numeral.decimal())
    if math.isinf(value):
        return Refusal("is too large: a number here is below 1.8e308")
    return value + 0.0


def _read(text: str) -> _Numeral | None:
    """What the text says as a number, before the column's type decides; None if it says none."""
    if len(text) > _LONGEST_NUMERAL:
        return None
    dressed = _DRESSED.fullmatch(western_digits(text).translate(_SIGNS).strip(" "))
    if dressed is None or (dressed["sign"] and dressed["inner"]):
        return None
    if not _is_currency(dressed["before"], dressed["after"]):
        return None
    found = _separate(dressed["numeral"].strip(" "))
    if found is None:
        return None
    whole, fraction, one_group = found
    negative = "-" in (dressed["sign"], dressed["inner"])
    return _Numeral(negative, whole, fraction, dressed["exponent"] or "", one_group)


def _separate(numeral: str) -> tuple[str, str, str] | None:
    """The digits before and after the decimal sign, and the separator if it has two readings."""
    if _WHOLE.fullmatch(numeral):
        return numeral, "", ""
    for pattern in (_POINT, _COMMA):
        match = pattern.fullmatch(numeral)
        if match and (match["whole"] or match["fraction"]):
            separator = "." if pattern is _POINT else ","
            one_group = separator if _ONE_GROUP.fullmatch(numeral) else ""
            return match["whole"], match["fraction"], one_group
    for pattern in _SEPARATED:
        if match := pattern.fullmatch(numeral):
            return re.sub(r"[^0-9]", "", match["whole"]), match["fraction"] or "", ""
    return None


def _is_currency(before: str | None, after: str | None) -> bool:
    """Whether the words around a number are one currency: a sign, a code, or one of each."""
    kinds = [_currency_kind(word) for word in (before, after) if word]
    return None not in kinds and len(set(kinds)) == len(kinds)


def _currency_kind(word: str) -> str | None:
    if word in CURRENCY_CODES:
        return "code"
    # "$" and the forms that say whose: "US$", "R$", "CA$"
    is_sign = unicodedata.category(word[-1]) == "Sc"
    letters = word[:-1]
    if is_sign and (not letters or (letters.isascii() and letters.isalpha() and letters.isupper())):
        return "sign"
    return None
