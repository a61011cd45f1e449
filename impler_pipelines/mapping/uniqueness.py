"""Owns what must not come twice within one feed: row keys, and columns' ``unique_with``.

It remembers digests over all batches. The first record with a key keeps it; a record that is
rejected, for whatever reason, claims none, so that a good record after a bad one is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from impler_pipelines.mapping.digest_set import DigestSet
from impler_pipelines.mapping.row_keys import Digests, digest_rows, digests_of
from impler_pipelines.model import Column

Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class UniqueRule:
    """``keys`` taken together come once. ``owners`` are the columns whose error a repeat is.

    ``reason`` follows the value in a sentence; ``message``, the template's own, stands alone.
    ``grows``: a row that is kept is one that must not come again.
    """

    rule: str
    keys: tuple[str, ...]
    owners: tuple[Column, ...]
    reason: str
    message: str | None = None
    seen: DigestSet = field(default_factory=DigestSet)
    grows: bool = True


@dataclass(frozen=True)
class Claims:
    """``row_digests`` identify the rows; ``repeats`` are (rule, rows that came before)."""

    row_digests: Digests
    repeats: list[tuple[UniqueRule, list[int]]]


def unique_rules(
    columns: Sequence[Column], loaded: Iterable[Sequence[str]] = ()
) -> list[UniqueRule]:
    """The rule of the row key first, then one for each ``unique_with``, then one for the rows whose
    keys, as ``row_keys`` writes them, were ``loaded`` before."""
    rules = [_row_rule(columns)]
    names = {column.key: column.name or column.key for column in columns}
    for column in columns:
        for validation in column.validations:
            if validation.validate != "unique_with":
                continue
            together = " and ".join(names[key] for key in (column.key, *validation.columns))
            reason = f"has come before in this feed: {together} together must differ"
            keys = (column.key, *validation.columns)
            own = validation.error_message
            rules.append(UniqueRule("unique_with", keys, (column,), reason, own))
    known = DigestSet()
    for keys_of_rows in loaded:
        known.add(digests_of(keys_of_rows))
    if len(known):
        reason = "was loaded by an earlier run, and this import only adds rows"
        rules.append(replace(rules[0], reason=reason, seen=known, grows=False))
    return rules


def claim(
    rules: Sequence[UniqueRule], values: Mapping[str, pa.Array], refused: Mapping[str, Rows]
) -> Claims:
    """Compare a batch of typed rows with all before it, and remember the rows that are kept.

    ``refused`` says for each column which rows have an error in it. A rule skips rows that have one
    in its columns (their key is unknown), ``unique_with`` also rows that lack the column's value.
    """
    rejected = np.logical_or.reduce(list(refused.values()))
    batches = [_candidates(rule, values, refused) for rule in rules]
    repeats, kept = _first_come(batches, rejected)
    for rule, batch in zip(rules, batches, strict=True):
        if rule.grows:
            rule.seen.add(batch.digests[kept & ~batch.skipped])
    return Claims(batches[0].digests, list(zip(rules, repeats, strict=True)))


@dataclass(frozen=True)
class _Candidates:
    """One rule's view of a batch: rows it skips, and rows whose digest an earlier batch has."""

    digests: Digests
    skipped: Rows
    known: Rows
    grows: bool


def _candidates(
    rule: UniqueRule, values: Mapping[str, pa.Array], refused: Mapping[str, Rows]
) -> _Candidates:
    digests = digest_rows(values, rule.keys)
    skipped = _skipped(rule, values, refused)
    return _Candidates(digests, skipped, rule.seen.contains(digests) & ~skipped, rule.grows)


def _first_come(batches: Sequence[_Candidates], rejected: Rows) -> tuple[list[list[int]], Rows]:
    """The repeats by rule, and the rows that are kept, decided row by row in the feed's order."""
    words = [batch.digests.view("V16").ravel().tolist() for batch in batches]
    if not any(batch.known.any() for batch in batches) and all(
        len(set(found)) == len(found) or not batch.grows
        for found, batch in zip(words, batches, strict=True)
    ):
        return [[] for _ in batches], ~rejected
    skipped = [batch.skipped.tolist() for batch in batches]
    known = [batch.known.tolist() for batch in batches]
    claimed: list[set[bytes]] = [set() for _ in batches]
    repeats: list[list[int]] = [[] for _ in batches]
    kept = ~rejected
    for row, is_kept in enumerate(kept.tolist()):
        good = is_kept
        for at, word in enumerate([found[row] for found in words]):
            if known[at][row] or (word in claimed[at] and not skipped[at][row]):
                repeats[at].append(row)
                good = False
        if not good:
            kept[row] = False
            continue
        for at, found in enumerate(words):
            if batches[at].grows and not skipped[at][row]:
                claimed[at].add(found[row])
    return repeats, kept


def _row_rule(columns: Sequence[Column]) -> UniqueRule:
    unique = tuple(column for column in columns if column.is_unique)
    if not unique:
        keys = tuple(column.key for column in columns)
        reason = "belongs to a record that came before in this feed, value for value"
        return UniqueRule("unique", keys, tuple(columns[:1]), reason)
    reason = "has come before in this feed: it must differ in every record"
    if len(unique) > 1:
        together = " and ".join(column.name or column.key for column in unique)
        reason = f"has come before in this feed: {together} together must differ in every record"
    return UniqueRule("unique", tuple(column.key for column in unique), unique, reason)


def _skipped(rule: UniqueRule, values: Mapping[str, pa.Array], refused: Mapping[str, Rows]) -> Rows:
    skipped = np.logical_or.reduce([refused[key] for key in rule.keys])
    if rule.rule == "unique_with":
        absent = values[rule.keys[0]].is_null().to_numpy(zero_copy_only=False)
        skipped = skipped | absent
    return np.asarray(skipped)
