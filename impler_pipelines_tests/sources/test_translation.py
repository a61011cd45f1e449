from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator

import pytest
import requests
import urllib3

from impler_pipelines.errors import FeedRefused, FeedUnavailable, PipelineError, UrlRefused
from impler_pipelines.sources.deadline import Deadline
from impler_pipelines.sources.translation import TRANSLATIONS, translated, translation_of

URL = "http://x.test/"


def exceptions_of(root: type[BaseException]) -> Iterator[type[BaseException]]:
    yield root
    for kind in root.__subclasses__():
        yield from exceptions_of(kind)


FOREIGN = {
    kind
    for root in (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException)
    for kind in exceptions_of(root)
    if kind.__module__.partition(".")[0] in {"requests", "urllib3", "http"}
} | {ssl.SSLError, ssl.SSLCertVerificationError, ConnectionResetError, TimeoutError, OSError}


def bare(kind: type[BaseException]) -> Exception:
    """An instance without its constructor: the translation goes by class alone."""
    error = kind.__new__(kind)
    assert isinstance(error, Exception)
    return error


class TestTranslation:
    @pytest.mark.parametrize("kind", sorted(FOREIGN, key=lambda kind: str(kind)), ids=str)
    def test_every_exception_of_the_http_stack_becomes_one_of_ours(
        self, kind: type[BaseException]
    ) -> None:
        error = bare(kind)
        ours = translation_of(error, URL)
        assert isinstance(ours, PipelineError)
        assert URL in str(ours)
        assert any(issubclass(kind, caught) for caught in TRANSLATIONS)

    @pytest.mark.parametrize(
        ("error", "ours"),
        [
            (requests.ConnectionError(), FeedUnavailable),
            (requests.ReadTimeout(), FeedUnavailable),
            (requests.exceptions.ChunkedEncodingError(), FeedUnavailable),
            (requests.exceptions.InvalidURL(), UrlRefused),
            (requests.TooManyRedirects(), FeedRefused),
            (urllib3.exceptions.IncompleteRead(1, 2), FeedUnavailable),
            (
                requests.exceptions.SSLError(ssl.SSLCertVerificationError("expired")),
                FeedRefused,
            ),
            (requests.exceptions.SSLError(ssl.SSLEOFError()), FeedUnavailable),
        ],
    )
    def test_keeps_what_may_pass_apart_from_what_is_final(
        self, error: Exception, ours: type[PipelineError]
    ) -> None:
        assert type(translation_of(error, URL)) is ours

    def test_keeps_the_cause_and_leaves_our_own_alone(self) -> None:
        with Deadline(60) as deadline:
            with pytest.raises(FeedUnavailable) as caught, translated(lambda: URL, deadline):
                raise requests.ConnectionError("secret detail")
            assert isinstance(caught.value.__cause__, requests.ConnectionError)
            assert "secret" not in str(caught.value)
            with pytest.raises(FeedRefused, match="own"), translated(lambda: URL, deadline):
                raise FeedRefused(URL, "own")

    def test_programming_errors_stay_what_they_are(self) -> None:
        with (
            Deadline(60) as deadline,
            pytest.raises(KeyError),
            translated(lambda: URL, deadline),
        ):
            raise KeyError("x")
