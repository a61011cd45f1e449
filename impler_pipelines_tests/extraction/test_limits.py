"""Limits: what is provoked (names: ``test_record_batches``) says what the documentation says."""

from __future__ import annotations

import gzip
from dataclasses import fields
from pathlib import Path

import pytest

from impler_pipelines.errors import LimitExceeded
from impler_pipelines.extraction import Limits, extract_records, read_feed
from impler_pipelines.extraction.limits import (
    defaults_too_long,
    name_too_long,
    setting_of,
    value_too_large,
)
from impler_pipelines.model import FieldMapping
from impler_pipelines.orchestration.limits import feed_limits
from impler_pipelines.settings import Settings
from impler_pipelines_tests.extraction.feeds import RSS_ITEM, rss

DOCUMENT = (Path(__file__).parents[2] / "docs" / "limits.md").read_text()
NAMES = [field.name for field in fields(Limits)]
ITEM = rss("<a>1</a>")
LAUGHS = b'<!DOCTYPE r [<!ENTITY a "xxxxxxxxxx"><!ENTITY b "&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize("name", NAMES)
def test_the_table_has_its_row(name: str) -> None:
    default = getattr(Limits(), name)
    row = f"| {default} | `{setting_of(name)}` | {Limits().exceeded(name)} |"
    assert row in DOCUMENT


@pytest.mark.parametrize("error", [name_too_long(), value_too_large()])
def test_the_table_has_the_parsers_own(error: LimitExceeded) -> None:
    assert f"| fixed by the XML parser | {error} |" in DOCUMENT


def test_the_table_has_default_attributes() -> None:
    assert f"| {defaults_too_long(Limits().max_entity_expansion_bytes)} |" in DOCUMENT


def test_settings_have_the_same_defaults(tmp_path: Path) -> None:
    assert feed_limits(Settings(home=tmp_path)) == Limits()


@pytest.mark.parametrize(
    ("name", "most", "document"),
    [
        ("max_bytes", 10, ITEM),
        ("max_depth", 5, rss("<a><b><c/></b></a>")),
        ("max_prolog_bytes", 100, b"<!-- x -->" * 20 + ITEM),
        ("max_entity_expansion_bytes", 120, LAUGHS + b"<r><i>&b;&b;&b;</i><i/></r>"),
        ("max_record_bytes", 100_000, rss("<a>1</a>" * 50_000)),
        ("max_record_elements", 10_000, rss("<a/>" * 50_000)),
        (
            "max_attributes",
            1_000,
            b"<r><a " + b" ".join(b'aaaaaaa%d=""' % n for n in range(40_000)) + b"/></r>",
        ),
        ("max_elements", 100, rss("<a>1</a>" * 100)),
        ("max_paths", 20, rss("".join(f"<a{n}/>" for n in range(50)))),
        ("max_headings", 20, rss("".join(f"<a{n}/>" for n in range(50)))),
        ("max_compression_layers", 1, gzip.compress(gzip.compress(ITEM))),
    ],
)
def test_each_is_told_by_its_name(name: str, most: int, document: bytes) -> None:
    limits = Limits(**{name: most})
    with pytest.raises(LimitExceeded) as caught:
        read_feed(document, limits=limits)
    assert str(caught.value) == str(limits.exceeded(name))
    assert setting_of(name) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "most", "document"),
    [
        ("max_depth", 5, rss("<a><b><c/></b></a>")),
        ("max_record_bytes", 100_000, rss("<a>1</a>" * 50_000)),
        ("max_record_elements", 10_000, rss("<a/>" * 50_000)),
        ("max_elements", 100, rss("<a>1</a>" * 100)),
    ],
)
def test_runs_are_bound_alike(name: str, most: int, document: bytes) -> None:
    limits = Limits(**{name: most})
    mapped = [FieldMapping("a", f"{RSS_ITEM} > a")]
    with pytest.raises(LimitExceeded) as caught:
        list(extract_records(document, record_path=RSS_ITEM, fields=mapped, limits=limits))
    assert str(caught.value) == str(limits.exceeded(name))
