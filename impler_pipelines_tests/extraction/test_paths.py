from __future__ import annotations

import pytest

from impler_pipelines.extraction import normalise_path
from impler_pipelines.extraction.paths import join_path, split_path


class TestSplitPath:
    @pytest.mark.parametrize(
        ("path", "segments"),
        [
            pytest.param("rss > channel > item", ("rss", "channel", "item"), id="elements"),
            pytest.param("rss>channel >item", ("rss", "channel", "item"), id="any white space"),
            pytest.param("item > enclosure > @url", ("item", "enclosure", "@url"), id="attribute"),
            pytest.param("item[] > title", ("item", "title"), id="older list"),
            pytest.param(
                "item[] > guid > $ > isPermaLink", ("item", "guid", "@isPermaLink"), id="$"
            ),
            pytest.param("item[] > guid > _", ("item", "guid"), id="older text beside attributes"),
            pytest.param("item > g:price", ("item", "g:price"), id="prefix"),
            pytest.param("_", ("_",), id="an element named _"),
            pytest.param("  ", (), id="blank"),
        ],
    )
    def test_either_grammar(self, path: str, segments: tuple[str, ...]) -> None:
        assert split_path(path) == segments

    def test_what_users_see_survives_a_round_trip(self) -> None:
        path = "rss > channel > item > media:group > media:content > @url"
        assert join_path(split_path(path)) == path

    def test_normalise_path_writes_the_newer_grammar(self) -> None:
        assert normalise_path("rss > channel[] > item[] > guid > $ > a") == (
            "rss > channel > item > guid > @a"
        )
