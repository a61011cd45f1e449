"""Owns the Date type: columns of texts as timestamps in UTC, by the column's formats first.

RFC 822 and ISO 8601 dates in their usual shape are read by the column; every other shape goes
one by one through ``date_texts`` and ``date_formats``. It never assumes the order of day and month.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from impler_pipelines.mapping.cast import Cast, Caster, Parser, Refusal, only, parse_rest
from impler_pipelines.mapping.date_formats import DateFormat
from impler_pipelines.mapping.date_texts import parse_standard
from impler_pipelines.mapping.instants import MONTHS
from impler_pipelines.mapping.text import western_digits

TIMESTAMP = pa.timestamp("us", tz="UTC")

_LONGEST_DATE = 100
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_OFFSET = r"[+-](?:0[0-9]|1[0-4])"
# Only days that every month of their kind has, so that Arrow's own cast can't fail on them.
_ISO_DAY = (
    r"[12][0-9]{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    r"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
)
_ISO_ZONED = rf"^{_ISO_DAY}[T ]{_CLOCK}(?:\.[0-9]{{1,6}})?(?:Z|{_OFFSET}:?[0-5][0-9])$"
_ISO_NAIVE = rf"^{_ISO_DAY}(?:[T ]{_CLOCK}(?:\.[0-9]{{1,6}})?)?$"
_RFC822 = (
    r"^(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?[0-9]{1,2} "
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (?:1[6-9]|2[0-9])[0-9]{2} "
    rf"{_CLOCK} (?:GMT|UTC|{_OFFSET}[0-5][0-9])$"
)
_STANDARD = "RFC 822 (Tue, 10 Jun 2003 04:00:00 GMT) or ISO 8601 (2003-06-10T04:00:00Z)"


def date_caster(formats: Sequence[DateFormat]) -> Caster:
    """The caster of a Date column. Texts without a zone are in UTC; zones are converted to it."""
    parse = date_parser(formats)
    # in a possibly empty alternation each format is anchored by itself
    own = "|".join(f"^(?:{_unnamed(fmt.pattern)})$" for fmt in formats)

    def cast_dates(texts: pa.Array) -> Cast:
        standard = texts
        if own:
            standard = only(texts, pc.invert(pc.match_substring_regex(texts, own)))
        return parse_rest(texts, _cast_standard(standard), parse)

    return cast_dates


def date_parser(formats: Sequence[DateFormat]) -> Parser:
    """The parser of one text: the column's formats win over the standard forms.

    A text that fits two formats and means two instants is refused.
    """
    expected = " or ".join([_STANDARD, *(fmt.text for fmt in formats)])

    def parse_date(text: str) -> int | Refusal:
        if len(text) > _LONGEST_DATE:
            return Refusal(f"is not a date: expected {expected}")
        text = western_digits(text)
        answers = {fmt.text: fmt.read(text) for fmt in formats}
        read = {name: answer for name, answer in answers.items() if isinstance(answer, int)}
        if len(set(read.values())) > 1:
            return Refusal(f"means different dates by the formats {' and '.join(read)}")
        if read:
            return next(iter(read.values()))
        answer = parse_standard(text)
        refusals = [found for found in (*answers.values(), answer) if isinstance(found, Refusal)]
        if answer is None or isinstance(answer, Refusal):
            return refusals[0] if refusals else Refusal(f"is not a date: expected {expected}")
        return answer

    return parse_date


def _unnamed(pattern: str) -> str:
    """The pattern without names of groups, which may stand once only in a pattern."""
    unnamed = []
    for at, piece in enumerate(pattern.split("(?P<")):
        unnamed.append(piece if at == 0 else "(?:" + piece.partition(">")[2])
    return "".join(unnamed)


def _cast_standard(texts: pa.Array) -> pa.Array:
    """The usual shapes as timestamps, null for all others."""
    values = only(texts, pc.match_substring_regex(texts, _ISO_ZONED)).cast(TIMESTAMP)
    if values.null_count == texts.null_count:
        return values
    mail = _cast_mail(texts)
    values = pc.coalesce(values, mail) if values.null_count < len(values) else mail
    if values.null_count == texts.null_count:
        return values
    naive = only(texts, pc.match_substring_regex(texts, _ISO_NAIVE))
    if naive.null_count == len(naive):
        return values
    return pc.coalesce(values, naive.cast(pa.timestamp("us")).cast(TIMESTAMP))


def _cast_mail(texts: pa.Array) -> pa.Array:
    """RFC 822 dates of the usual shape, whose parts stand at fixed places counted from the end."""
    chosen = pc.fill_null(pc.match_substring_regex(texts, _RFC822), False)
    rows = pc.indices_nonzero(chosen).to_numpy()
    micros = np.zeros(len(texts), dtype=np.int64)
    missing = np.ones(len(texts), dtype=bool)
    if len(rows):
        letters, starts, ends = _letters(texts, rows)
        micros[rows], missing[rows] = _mail_micros(letters, starts, ends)
    return pa.array(micros, mask=missing).cast(TIMESTAMP)


_Letters = npt.NDArray[np.uint8]
_Ints = npt.NDArray[np.int64]


def _letters(texts: pa.Array, rows: npt.NDArray[np.uint64]) -> tuple[_Letters, _Ints, _Ints]:
    """The bytes under a string column, and where in them each of the rows starts and ends."""
    _, offsets, content = texts.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int32)[texts.offset :].astype(np.int64)
    return np.frombuffer(content, dtype=np.uint8), bounds[rows], bounds[rows + 1]


def _mail_micros(
    letters: _Letters, starts: _Ints, ends: _Ints
) -> tuple[_Ints, npt.NDArray[np.bool_]]:
    """Instants, and which of them name a day that the calendar lacks."""
    zero = ord("0")

    def number(first: _Ints, count: int) -> _Ints:
        total = np.zeros(len(first), dtype=np.int64)
        for place in range(count):
            total = total * 10 + (letters[first + place].astype(np.int64) - zero)
        return total

    named = letters[ends - 1] > ord("9")  # GMT, UTC
    clock = np.where(named, ends - 12, ends - 14)  # where HH:MM:SS begins
    offset = np.where(named, 0, number(ends - 4, 2) * 60 + number(ends - 2, 2))
    offset = np.where(letters[ends - 5] == ord("-"), -offset, offset)
    seconds = number(clock, 2) * 3600 + (number(clock + 3, 2) - offset) * 60 + number(clock + 6, 2)
    months = (number(clock - 5, 4) - 1970) * 12 + _months(letters, clock - 9)
    # the day's first digit, or else a space, or nothing of this text at all
    tens = letters[np.maximum(clock - 12, starts)].astype(np.int64) - zero
    has_tens = (clock - 12 >= starts) & (tens >= 0) & (tens <= 9)
    days = number(clock - 11, 1) + np.where(has_tens, tens, 0) * 10
    firsts = months.astype("M8[M]").astype("M8[D]").astype(np.int64)
    lengths = (months + 1).astype("M8[M]").astype("M8[D]").astype(np.int64) - firsts
    micros = ((firsts + days - 1) * 86_400 + seconds) * 1_000_000
    return micros, (days < 1) | (days > lengths)


def _months(letters: _Letters, first: _Ints) -> _Ints:
    """Months from 0, by the sum of the name's letters, which tells all twelve apart."""
    by_sum = np.zeros(3 * 256, dtype=np.int64)
    for month, name in enumerate(MONTHS):
        by_sum[sum(name.capitalize().encode())] = month
    sums = sum(letters[first + place].astype(np.int64) for place in range(3))
    return np.asarray(by_sum[sums])
