"""What is wrong with a feed as a code, which others have words for: none is undocumented."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from impler_pipelines import errors
from impler_pipelines.control_api.schemas.base import Cause
from impler_pipelines.errors import PipelineError

GUIDE = Path(__file__).parents[1] / "docs" / "failures.md"


def kinds(of: type[PipelineError] = PipelineError) -> Iterator[type[PipelineError]]:
    yield of
    for kind in of.__subclasses__():
        yield from kinds(kind)


def test_every_code_is_documented() -> None:
    codes = {kind.code for kind in kinds() if kind.code}
    table = GUIDE.read_text().partition("## Causes")[2].partition("\n## ")[0]
    cells = "".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", cells)) - {"code"} == codes
    description = Cause.__metadata__[0].description
    assert codes <= set(re.findall(r"`(\w+)`", description))


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (errors.FeedRefused("u", "gone", status=410), {"code": "feed_refused", "status": 410}),
        (errors.FeedRefused("u", "it redirects in a circle"), {"code": "feed_refused"}),
        (errors.FeedUnavailable("u", "no host"), {"code": "feed_unavailable"}),
        (
            errors.FeedMalformed("oh", line=3, column=9),
            {"code": "feed_malformed", "line": 3, "column": 9},
        ),
        (errors.FileMalformed("oh", line=3), {"code": "file_malformed", "line": 3}),
        (errors.LimitExceeded("It", "5 bytes"), {"code": "limit_exceeded", "limit": "5 bytes"}),
        (errors.DestinationRefused("no table"), None),
    ],
)
def test_facts_are_those_that_are_known(error: PipelineError, cause: errors.Cause | None) -> None:
    assert error.cause == cause
