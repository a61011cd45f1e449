"""Owns the look-up of meanings by a whole name. It neither splits words nor looks at values."""

from __future__ import annotations

from dataclasses import dataclass

from impler_pipelines.mapping.meanings import MEANINGS
from impler_pipelines.mapping.name_words import name_of, stem_of


@dataclass(frozen=True)
class Sense:
    """A name found in a meaning: ``rank`` is 0 for the meaning's own names."""

    meaning: str
    rank: int


def senses_of(stem: str) -> tuple[Sense, ...]:
    """What a name, as the stem of its words, can mean."""
    return _SENSES.get(stem, ())


def _stems(names: str) -> list[str]:
    stems: list[str] = []
    for term in map(str.strip, names.split(",")):
        if term[0] == "@":
            stems.extend(_stems(MEANINGS[term[1:]].names.partition("|")[0]))
        else:
            stems.append(name_of(term).stem)
    return stems


def _index() -> dict[str, tuple[Sense, ...]]:
    found: dict[str, dict[str, Sense]] = {}
    for key, meaning in MEANINGS.items():
        carriers = ["", *(name_of(carrier).stem for carrier in meaning.carriers)]
        for rank, names in enumerate(meaning.names.split("|")):
            for stem in _stems(names):
                for carrier in carriers:
                    found.setdefault(stem_of((stem, carrier)), {}).setdefault(key, Sense(key, rank))
    return {stem: tuple(senses.values()) for stem, senses in found.items()}


_SENSES = _index()
