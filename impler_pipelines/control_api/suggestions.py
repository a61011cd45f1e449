"""Which heading a column probably comes from: by names, by what they mean, by what samples fit.

It reads no feed and knows no request.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from impler_pipelines.control_api.meanings import MEANINGS
from impler_pipelines.extraction.paths import split_path, starts_with
from impler_pipelines.mapping.cast import Caster
from impler_pipelines.mapping.casters import caster_for
from impler_pipelines.mapping.text import strip
from impler_pipelines.model import Column, ColumnType, Heading

_CUT_OFF = 0.3
_MEANT, _SAME_WORDS, _SHARED_WORD, _ONLY_ONE = 0.75, 0.7, 0.45, 0.35
_PART_OF_NAME = 15  # a word of several says less than a name, by so many ranks
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_IMAGE_ENDING = re.compile(r"\.(jpe?g|png|gif|webp|svg|avif)\b", re.IGNORECASE)
# Words that say nothing of a value, and attributes that only say where an element has it.
_FILLERS = frozenset(
    "the a an of at on in for and my our item items product entry post".split()  # noqa: SIM905
)
_HOLDERS = frozenset("url href src value content text term resource _".split())  # noqa: SIM905
_DEEP, _HELD = 0.7, 0.5
_UNTYPED = (ColumnType.STRING, ColumnType.ANY)
_TELLING = (ColumnType.DATE, ColumnType.EMAIL, ColumnType.IMAGE)


@dataclass(frozen=True)
class Suggestion:
    """Column ``key`` probably comes from the heading ``path``; ``score`` is from 0 to 1.

    A required column that nothing is found for has neither, and a ``message`` that says so.
    """

    key: str
    path: str | None
    score: float
    message: str | None = None


def suggest(
    columns: Sequence[Column], headings: Sequence[Heading], record_path: str | None
) -> list[Suggestion]:
    """At most one suggestion a column, in the columns' order.

    * The heading's name is the column's key (score 1), name (0.9) or an alternate key (0.8),
      without regard to case, accents, punctuation and prefix; or both mean the same (up to 0.75,
      see ``meanings``), or have the same words (0.7) or the rarer of them in common (0.45).
    * Of a date, an email or an image, the only heading whose samples are all such is one (0.35).
    * Samples of which none fits the column's type halve the score, some that do not take a tenth.
    * Headings around the records are found by name alone and count 0.6; those that few records
      have count up to a tenth less, and names deep in a record 0.7.
    * One heading is for one column, unless others bear its very name; nothing below 0.3 is said.
    """
    record = split_path(record_path or "")
    most = max((heading.count for heading in headings), default=0)
    places = [_Place(heading, number, record, most) for number, heading in enumerate(headings)]
    wanted = [_Wanted(column) for column in columns]
    found = [
        pair
        for number, one in enumerate(wanted)
        for place in places
        if (pair := _pair(number, one, place)) is not None
    ]
    chosen = _assigned(found)
    for number, one in enumerate(wanted):
        if number not in chosen and (only := _only_fitting(number, one, places, chosen)):
            chosen[number] = only
    return [
        suggestion
        for number, column in enumerate(columns)
        if (suggestion := _suggestion(column, chosen.get(number))) is not None
    ]


class _Name:
    """One name as it is compared. ``in_parts``: one word of several may say what it means."""

    def __init__(self, text: str, *, in_parts: bool = True) -> None:
        ordered = _words(text)
        said = [word for word in ordered if word not in _FILLERS]
        self.plain, self.in_parts = _plain(text), in_parts
        self.words = frozenset(map(_singular, said or ordered))
        self.meanings = _meanings(ordered, said, in_parts=in_parts)


class _Wanted:
    """A column as it is compared: its names, what they mean, which samples fit."""

    def __init__(self, column: Column) -> None:
        self.column = column
        spoken = [(column.key, 1.0), (column.name, 0.9)]
        spoken += [(alternate, 0.8) for alternate in column.alternate_keys]
        self.names = [(one, score) for text, score in spoken if (one := _Name(text)).plain]
        self.meanings: dict[str, int] = {}
        for name, _ in self.names:
            for meaning, rank in name.meanings.items():
                self.meanings[meaning] = min(rank, self.meanings.get(meaning, rank))
        self._fits: dict[tuple[str, ...], float] = {}

    @cached_property
    def _caster(self) -> Caster:
        return caster_for(self.column)

    def share_that_fits(self, samples: tuple[str, ...]) -> float:
        """How many of the samples are values of the column's type, from 0 to 1."""
        if self.column.type in _UNTYPED or not samples:
            return 1.0
        if samples not in self._fits:
            texts = [stripped for sample in samples if (stripped := strip(sample))]
            cast = self._caster(pa.array(texts, pa.string()))
            self._fits[samples] = 1 - len(cast.refusals) / len(texts) if texts else 1.0
        return self._fits[samples]


class _Place:
    """A heading as it is compared."""

    def __init__(self, heading: Heading, number: int, record: tuple[str, ...], most: int) -> None:
        self.heading, self.number = heading, number
        segments = split_path(heading.path)
        self.depth = len(segments)
        self.inside = starts_with(segments, record)
        share = heading.count / most if most else 1.0
        self.weight = (1.0 if self.inside else 0.6) * (0.9 + 0.1 * share)
        if heading.repeated:
            self.weight *= 0.97
        in_parts = not any(segment.startswith("@") for segment in segments[-1:])
        named = [
            (_Name(text, in_parts=in_parts), strength)
            for text, strength in _names_of(segments, len(record))
        ]
        self.names = [(name, strength) for name, strength in named if name.plain]
        # The longest name that means anything: "media content" is no "content".
        telling = sorted((name for name, _ in self.names), key=lambda name: -len(name.plain))
        self.meanings = next((name.meanings for name in telling if name.meanings), {})

    @property
    def rank(self) -> tuple[bool, int, int, int]:
        """Decides between equals."""
        return not self.inside, -self.heading.count, self.depth, self.number


@dataclass(frozen=True)
class _Pair:
    column: int
    place: _Place
    score: float
    by_name: bool


def _pair(number: int, wanted: _Wanted, place: _Place) -> _Pair | None:
    named = _named(wanted, place)
    evidence = named
    if place.inside:  # what stands once for all records is nobody's own title or image
        evidence = max(named, _meant(wanted, place), _worded(wanted, place))
    if not evidence:
        return None
    fits = wanted.share_that_fits(place.heading.samples)
    typed = 0.5 if fits == 0 else 1.0 if fits == 1 else 0.9
    score = evidence * typed * place.weight
    return _Pair(number, place, score, named == evidence) if score >= _CUT_OFF else None


def _named(wanted: _Wanted, place: _Place) -> float:
    return max(
        (
            score * strength
            for name, score in wanted.names
            for other, strength in place.names
            if name.plain == other.plain
        ),
        default=0.0,
    )


def _meant(wanted: _Wanted, place: _Place) -> float:
    shared = wanted.meanings.keys() & place.meanings.keys()
    return max(
        (_MEANT - 0.01 * min(place.meanings[m] + wanted.meanings[m], 25) for m in shared),
        default=0.0,
    )


def _worded(wanted: _Wanted, place: _Place) -> float:
    best = 0.0
    for mine, _ in wanted.names:
        for other, _ in place.names:
            if mine.words == other.words:
                return _SAME_WORDS
            shared = mine.words & other.words
            if (
                other.in_parts
                and shared in (mine.words, other.words)
                and max(map(len, shared), default=0) > 2
            ):
                best = _SHARED_WORD
    return best


def _assigned(found: list[_Pair]) -> dict[int, _Pair]:
    """The best pairs first; a heading that is taken is left to columns that bear its name."""
    chosen: dict[int, _Pair] = {}
    taken: set[int] = set()
    for pair in sorted(found, key=lambda one: (-one.score, one.column, one.place.rank)):
        if pair.column in chosen or (pair.place.number in taken and not pair.by_name):
            continue
        chosen[pair.column] = pair
        taken.add(pair.place.number)
    return chosen


def _only_fitting(
    number: int, wanted: _Wanted, places: Sequence[_Place], chosen: dict[int, _Pair]
) -> _Pair | None:
    if wanted.column.type not in _TELLING:
        return None
    taken = {pair.place.number for pair in chosen.values()}
    fitting = [
        place
        for place in places
        if place.inside
        and place.heading.samples
        and wanted.share_that_fits(place.heading.samples) == 1
    ]
    if wanted.column.type is ColumnType.IMAGE:
        fitting = [place for place in fitting if _looks_like_images(place.heading.samples)]
    if len(fitting) != 1 or fitting[0].number in taken:
        return None
    return _Pair(number, fitting[0], _ONLY_ONE * fitting[0].weight, by_name=False)


def _looks_like_images(samples: tuple[str, ...]) -> bool:
    return all(map(_IMAGE_ENDING.search, samples))


def _suggestion(column: Column, pair: _Pair | None) -> Suggestion | None:
    if pair is not None:
        return Suggestion(column.key, pair.place.heading.path, round(pair.score, 2))
    if not column.is_required or column.default_value:
        return None
    name = column.name or column.key
    message = f"{name} is required, and no field of the feed looks like it: choose one by hand."
    return Suggestion(column.key, None, 0.0, message)


def _names_of(segments: tuple[str, ...], record_depth: int) -> Iterator[tuple[str, float]]:
    """What a heading may be called, and how well.

    Its last segment, with its prefix and without; better still together with the one before, where
    it stands deeper than right in the record (the ``name`` of an ``author``); and the one before
    alone, where the last only says where the value stands (``link > @href``).
    """
    if not segments:
        return
    last = segments[-1].removeprefix("@")
    local = last.rpartition(":")[2]
    is_holder = segments[-1].startswith("@") and local.lower() in _HOLDERS
    strength = 1.0 if len(segments) <= record_depth + 1 else _HELD if is_holder else _DEEP
    yield local, strength
    if local != last:
        yield last.replace(":", " "), strength
    if len(segments) > max(1, record_depth):
        before = segments[-2]
        parent = before.rpartition(":")[2]
        yield f"{parent} {local}", 0.95
        if is_holder:
            yield parent, 0.95
            if parent != before:
                yield before.replace(":", " "), 0.95


def _meanings(ordered: Sequence[str], said: Sequence[str], *, in_parts: bool) -> dict[str, int]:
    """What a name of these words means, by meaning how far from its best name; of all words, of
    those that are no fillers, or at last of the last or the first of them."""
    for words in (ordered, said, [_singular(word) for word in said]):
        if found := MEANINGS.get("".join(words)):
            return found
    for word in (said[-1:], said[:1]) if in_parts and len(said) > 1 else ():
        if found := MEANINGS.get("".join(word)):
            return {meaning: rank + _PART_OF_NAME for meaning, rank in found.items()}
    return {}


def _words(name: str) -> list[str]:
    return [_plain(word) for word in _WORD.findall(_without_accents(name))]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _without_accents(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", _without_accents(name).casefold())
