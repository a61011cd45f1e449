"""Owns how strongly names speak for a heading as the source of a column. It never sees a value.

From 1 (the column's key is the heading's name) over equal words and equal meanings down to words
that one name has of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from impler_pipelines.mapping.heading_places import Place
from impler_pipelines.mapping.meanings import MEANINGS
from impler_pipelines.mapping.name_words import Name, name_of, stem_of
from impler_pipelines.mapping.senses import Sense, senses_of
from impler_pipelines.mapping.telling_words import ASPECTS, FILLERS, FOREIGN, GENERIC
from impler_pipelines.model import Column

_KEY, _NAME, _ALTERNATE = 1.0, 0.98, 0.95
_PLURAL = 0.97
_CARRIED = 0.95
_SAME_WORDS = 0.92
_MEANING = 0.88
_RANK = 0.08  # what each rank of a meaning is less than the one before it
_WITHOUT_FILLERS = 0.97
_BY_HEAD = 0.75
_WORDS = 0.62
_GENERIC_WORDS = 0.48
_NOT_SHARED = 0.4
_MOST_WORDS = 8  # longer names are sentences, compared as a whole alone
_OTHER_THINGS = ASPECTS | FOREIGN
_ANY_CARRIER = ("value", "text", "name", "data", "url", "label", "term", "amount")


@dataclass(frozen=True)
class Evidence:
    """What names say for one heading; ``exact`` if one of the column's is the heading's own."""

    strength: float
    exact: bool


@dataclass(frozen=True)
class Wanted:
    """A column's names with their weights, and what they mean: meaning → weight."""

    column: Column
    names: tuple[tuple[Name, float], ...]
    meanings: dict[str, float]


@dataclass
class NameIndex:
    """Headings by their names, so that a column meets those alone that have something of it."""

    plain: dict[str, list[tuple[Place, float]]] = field(default_factory=dict)
    stem: dict[str, list[tuple[Place, float]]] = field(default_factory=dict)
    named: list[tuple[Place, frozenset[str], float]] = field(default_factory=list)
    word: dict[str, set[int]] = field(default_factory=dict)  # places in ``named``
    carried: dict[str, list[tuple[Place, str]]] = field(default_factory=dict)
    meaning: dict[str, list[tuple[Place, int, float]]] = field(default_factory=dict)
    meanings_of: dict[int, set[str]] = field(default_factory=dict)


def wanted(column: Column) -> Wanted:
    """A column as its names say it."""
    texts = [(column.key, _KEY), (column.name, _NAME)]
    texts += [(alternate, _ALTERNATE) for alternate in column.alternate_keys]
    names = [(name, weight) for text, weight in texts if (name := name_of(text)).plain]
    meanings: dict[str, float] = {}
    for name, _ in names:
        for sense, weight in _senses(name):
            if sense.rank == 0:
                meanings[sense.meaning] = max(weight, meanings.get(sense.meaning, 0.0))
    return Wanted(column, tuple(names), meanings)


def index_of(places: Iterable[Place]) -> NameIndex:
    """The index of ``places``."""
    index = NameIndex()
    for place in places:
        for name, weight in _names(place):
            index.plain.setdefault(name.plain, []).append((place, weight))
            index.stem.setdefault(name.stem, []).append((place, weight))
            for word in name.words[:_MOST_WORDS]:
                index.word.setdefault(word, set()).add(len(index.named))
            index.named.append((place, frozenset(name.words), weight))
            for sense, sure in _senses(name):
                ranked = (place, sense.rank, weight * sure)
                index.meaning.setdefault(sense.meaning, []).append(ranked)
                if sense.rank == 0:
                    index.meanings_of.setdefault(place.order, set()).add(sense.meaning)
        if place.parent:
            index.carried.setdefault(place.parent.plain, []).append((place, place.last.stem))
    return index


def evidence(column: Wanted, index: NameIndex) -> dict[int, Evidence]:
    """For each heading that the names speak for, by its order, the strongest evidence."""
    found: dict[int, Evidence] = {}
    for place, strength, exact in _all(column, index):
        if not place.within:
            strength *= _around(column, exact=exact)
        known = found.get(place.order)
        if known is None or strength > known.strength:
            found[place.order] = Evidence(strength, exact or (known is not None and known.exact))
        elif exact and not known.exact:
            found[place.order] = Evidence(known.strength, exact=True)
    return found


def _all(column: Wanted, index: NameIndex) -> Iterator[tuple[Place, float, bool]]:
    carriers = _carriers(column.meanings)
    for name, sure in column.names:
        for place, weight in index.plain.get(name.plain, ()):
            yield place, sure * weight, True
        for place, weight in index.stem.get(name.stem, ()):
            yield place, sure * _PLURAL * weight, True
        for place, carrier in index.carried.get(name.plain, ()):
            if carrier in carriers:
                yield place, sure * _CARRIED * place.joined_weight, True
        for place, strength in _by_words(column, name, index):
            yield place, sure * strength, False
    for meaning, sure in column.meanings.items():
        for place, rank, weight in index.meaning.get(meaning, ()):
            yield place, sure * weight * (_MEANING - _RANK * rank), False


def _by_words(column: Wanted, name: Name, index: NameIndex) -> Iterator[tuple[Place, float]]:
    mine = frozenset(name.words)
    if len(mine) > _MOST_WORDS:
        return
    none: set[int] = set()
    for at in none.union(*(index.word.get(word, none) for word in mine)):
        place, theirs, weight = index.named[at]
        if mine == theirs:
            yield place, _SAME_WORDS * weight
            continue
        meanings = index.meanings_of.get(place.order)
        if meanings and column.meanings and meanings.isdisjoint(column.meanings):
            continue
        strength = _containment(mine, theirs, name.words[-1])
        if strength:
            yield place, strength * weight


def _containment(mine: frozenset[str], theirs: frozenset[str], head: str) -> float:
    """What it says that one name has all words of the other: nothing, if they name two things."""
    if not (mine < theirs or theirs < mine) or (mine ^ theirs) & _OTHER_THINGS:
        return 0.0
    telling = (mine & theirs) - GENERIC - FILLERS
    if theirs < mine:
        return _WORDS if head in theirs and telling else 0.0
    if telling:
        return _WORDS
    return _GENERIC_WORDS if mine & {"date", "url", "link"} else 0.0


def _around(column: Wanted, *, exact: bool) -> float:
    """A value around the records is one for all of them, as most columns' values are not."""
    if not column.meanings:
        return 1.0 if exact else _NOT_SHARED
    return 1.0 if any(MEANINGS[key].shared for key in column.meanings) else _NOT_SHARED


def _carriers(meanings: Iterable[str]) -> frozenset[str]:
    known = [MEANINGS[key].carriers for key in meanings] or [_ANY_CARRIER]
    return frozenset(name_of(carrier).stem for carriers in known for carrier in carriers)


def _names(place: Place) -> Iterator[tuple[Name, float]]:
    if place.last.plain:
        yield place.last, place.last_weight
    if place.parent and place.last.plain:
        last, parent = place.last, place.parent
        words = parent.words + last.words
        joined = Name(parent.plain + last.plain, stem_of(words), words)
        yield joined, place.joined_weight


def _senses(name: Name) -> Iterator[tuple[Sense, float]]:
    """What a name means: as a whole, without words that say what the record is, by its head."""
    if senses := senses_of(name.stem):
        yield from ((sense, 1.0) for sense in senses)
        return
    telling = [word for word in name.words if word not in FILLERS]
    if senses := senses_of(stem_of(telling)):
        yield from ((sense, _WITHOUT_FILLERS) for sense in senses)
        return
    if len(telling) > 1 and _is_head(telling):
        yield from (
            (sense, _BY_HEAD) for sense in senses_of(stem_of(telling[-1:])) if sense.rank == 0
        )


def _is_head(words: Sequence[str]) -> bool:
    foreign = (ASPECTS | FOREIGN).intersection(words)
    return words[-1] not in GENERIC and not foreign
