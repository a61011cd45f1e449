"""Owns which heading each column probably comes from. It maps nothing: people decide.

A score is from 0 to 1, and more evidence never lowers it:

* names first (``name_evidence``): 1 where the column's key is the heading's name, a little less for
  its name, its alternate keys, and words in another order; up to 0.88 where both mean the same
  (``meanings``), less for each further rank; about 0.6 where one name has the words of the other;
* times the heading's place (``heading_places``): within the record or around it, how many records
  have it, how deep it lies;
* times what its samples leave (``sample_fit``): values of the column's type move the score towards
  1, samples of which none is such a value take most of it.

Below ``CUT_OFF`` nothing is suggested.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from impler_pipelines.mapping.heading_places import Place, places_of
from impler_pipelines.mapping.meanings import MEANINGS
from impler_pipelines.mapping.name_evidence import (
    Evidence,
    NameIndex,
    Wanted,
    evidence,
    index_of,
    wanted,
)
from impler_pipelines.mapping.sample_fit import Fit, SampleTrials, ends, factor, fits_of, looks_like
from impler_pipelines.mapping.text import strip
from impler_pipelines.model import Column, ColumnType, Heading

CUT_OFF = 0.4

_BY_TYPE_ALONE = 0.42
_FITTING = 0.3  # how much of what is missing to 1 a fitting type adds
_EXACT_UNLIKE = 0.85  # an equal name stands for itself, whatever the value looks like
_TRIED = 20  # headings whose samples are tried for a column, the likeliest by name

# Meanings that a lone date, address or image may stand for: others, such as an end, may not.
_LONE = {
    ColumnType.DATE: {"date", "published"},
    ColumnType.EMAIL: {"email"},
    ColumnType.IMAGE: {"image"},
}
_NO_SUGGESTION = (
    "No heading of the feed looks like this required column: choose the path of its value, or give"
    " the column a default value"
)


@dataclass(frozen=True)
class Suggestion:
    """Column ``key`` probably comes from the heading ``path``; ``score`` is from 0 to 1.

    A required column without a suggestion has no ``path``, and a ``message`` that says what to do.
    """

    key: str
    path: str | None
    score: float
    message: str | None = None


@dataclass(frozen=True)
class _Pair:
    """A heading that could be a column's; ``at`` is the column's place in the template."""

    at: int
    place: Place
    score: float
    exact: bool


def suggest(
    columns: Sequence[Column], headings: Sequence[Heading], record_path: str | None
) -> list[Suggestion]:
    """At most one suggestion a column, in the columns' order.

    The best pairs are taken first. Two columns share a heading only if each has a name of it.
    """
    places = places_of(headings, record_path)
    index = index_of(places)
    described = [wanted(column) for column in columns]
    likely = [_likely(one, places, index) for one in described]
    trials = SampleTrials(
        (one.column, [place.heading for place, _ in found])
        for one, found in zip(described, likely, strict=True)
    )
    pairs = [
        pair
        for at, (one, found) in enumerate(zip(described, likely, strict=True))
        for pair in _pairs(at, one, found, trials)
    ]
    chosen = _assign(pairs)
    for at, one in enumerate(described):
        if at not in chosen and (pair := _by_type_alone(at, one, places, chosen.values())):
            chosen[at] = pair
    suggested = (_suggestion(column, chosen.get(at)) for at, column in enumerate(columns))
    return [suggestion for suggestion in suggested if suggestion]


def _suggestion(column: Column, pair: _Pair | None) -> Suggestion | None:
    if pair:
        return Suggestion(column.key, pair.place.heading.path, round(pair.score, 2))
    if column.is_required and not strip(column.default_value or ""):
        return Suggestion(column.key, None, 0.0, _NO_SUGGESTION)
    return None


def _likely(
    column: Wanted, places: Sequence[Place], index: NameIndex
) -> list[tuple[Place, Evidence]]:
    """The headings that names and places speak for, as the samples have to confirm."""
    found = evidence(column, index)
    reaching = [
        (evident.strength * place.weight, place, evident)
        for place in places
        if (evident := found.get(place.order)) and evident.strength * place.weight >= CUT_OFF
    ]
    reaching.sort(key=lambda one: (-one[0], one[1].length, one[1].order))
    return [(place, evident) for _, place, evident in reaching[:_TRIED]]


def _pairs(
    at: int, column: Wanted, likely: Iterable[tuple[Place, Evidence]], trials: SampleTrials
) -> Iterator[_Pair]:
    """The pairs of one column that reach the cut-off."""
    for place, evident in likely:
        strength = evident.strength * place.weight
        fit = trials.fit(column.column, place.heading)
        score = strength * factor(column.column, fit) * _likeness(column, place, evident)
        if fit is Fit.ALL:
            score += (1 - score) * _FITTING * strength
        if score >= CUT_OFF:
            yield _Pair(at, place, min(1.0, score), evident.exact)


def _likeness(column: Wanted, place: Place, evident: Evidence) -> float:
    """What the look of the samples leaves, by the meaning that they come nearest to."""
    looks = [MEANINGS[key].looks for key in column.meanings]
    if not looks:
        return 1.0
    likeness = max(looks_like(place.heading.samples, look) for look in looks)
    return max(likeness, _EXACT_UNLIKE) if evident.exact else likeness


def _assign(pairs: Iterable[_Pair]) -> dict[int, _Pair]:
    chosen: dict[int, _Pair] = {}
    shareable: dict[int, bool] = {}
    for pair in sorted(pairs, key=lambda p: (-p.score, p.at, p.place.length, p.place.order)):
        order = pair.place.order
        free = order not in shareable or (pair.exact and shareable[order])
        if pair.at in chosen or not free:
            continue
        chosen[pair.at] = pair
        shareable[order] = pair.exact
    return chosen


def _by_type_alone(
    at: int, column: Wanted, places: Sequence[Place], taken: Iterable[_Pair]
) -> _Pair | None:
    """The one heading of the records whose samples fit, if the column's words ask for its type."""
    kind = column.column.type
    if not _LONE.get(kind, set()) & column.meanings.keys():
        return None
    inside = [place for place in places if place.within]
    fits = fits_of(column.column, [place.heading for place in inside])
    fitting = [place for place, fit in zip(inside, fits, strict=True) if fit is Fit.ALL]
    if kind is ColumnType.IMAGE:
        fitting = [place for place in fitting if ends(place.heading.samples, "image") > 0]
    if len(fitting) != 1 or fitting[0].order in {pair.place.order for pair in taken}:
        return None
    return _Pair(at, fitting[0], _BY_TYPE_ALONE, exact=False)
