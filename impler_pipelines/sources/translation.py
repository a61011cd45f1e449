"""The seam where exceptions of requests, urllib3 and the standard library become ours.

The most specific class of the table wins; anything of the HTTP stack that is not named in it is
a ``FeedUnavailable``, which is tried again.
"""

from __future__ import annotations

import http.client
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests
import urllib3

from impler_pipelines.errors import FeedRefused, FeedUnavailable, PipelineError, UrlRefused
from impler_pipelines.sources.deadline import Deadline

Build = Callable[[str, str], PipelineError]

_NO_CONNECTION = "no connection to the server{words}. Check the address, or whether the server runs"
_NO_CONNECTION_IN_TIME = _NO_CONNECTION.replace("{words}", " in time")

TRANSLATIONS: dict[type[Exception], tuple[Build, str]] = {
    requests.RequestException: (FeedUnavailable, "the request failed"),
    requests.ConnectionError: (FeedUnavailable, _NO_CONNECTION),
    requests.Timeout: (FeedUnavailable, "the server did not answer in time"),
    requests.ConnectTimeout: (FeedUnavailable, _NO_CONNECTION_IN_TIME),
    requests.ReadTimeout: (FeedUnavailable, "the server did not answer in time"),
    requests.TooManyRedirects: (FeedRefused, "it redirects in a circle"),
    requests.exceptions.ChunkedEncodingError: (
        FeedUnavailable,
        "the answer broke off before its end",
    ),
    requests.exceptions.ContentDecodingError: (FeedUnavailable, "its compressed body is broken"),
    requests.exceptions.SSLError: (FeedUnavailable, "the secure connection failed"),
    requests.exceptions.InvalidURL: (UrlRefused, "it is not a valid URL"),
    requests.exceptions.InvalidSchema: (UrlRefused, "only http:// and https:// are fetched"),
    requests.exceptions.MissingSchema: (UrlRefused, "only http:// and https:// are fetched"),
    requests.exceptions.InvalidHeader: (UrlRefused, "a header of the request is not valid"),
    urllib3.exceptions.HTTPError: (FeedUnavailable, "the request failed"),
    urllib3.exceptions.TimeoutError: (FeedUnavailable, "the server did not answer in time"),
    urllib3.exceptions.ProtocolError: (FeedUnavailable, "the answer broke off before its end"),
    urllib3.exceptions.DecodeError: (FeedUnavailable, "its compressed body is broken"),
    urllib3.exceptions.SSLError: (FeedUnavailable, "the secure connection failed"),
    urllib3.exceptions.LocationValueError: (UrlRefused, "it is not a valid URL"),
    http.client.HTTPException: (FeedUnavailable, "the server's answer is not valid HTTP"),
    ssl.SSLError: (FeedUnavailable, "the secure connection failed"),
    TimeoutError: (FeedUnavailable, "the server did not answer in time"),
    OSError: (FeedUnavailable, _NO_CONNECTION),
    UnicodeError: (UrlRefused, "it is not a valid URL"),
}


def translation_of(error: Exception, url: str) -> PipelineError:
    """``error`` of the HTTP stack as one of ours; ``url`` must be fit to show."""
    if _has_cause(error, ssl.SSLCertVerificationError):
        return FeedRefused(url, "the server's certificate is not valid for it")
    for kind in type(error).__mro__:
        if kind in TRANSLATIONS:
            build, reason = TRANSLATIONS[kind]
            return build(url, reason.format(words=_system_words(error)))
    return FeedUnavailable(url, "the request failed")


def _system_words(error: Exception) -> str:
    """What the operating system said, in brackets: it names no URL, unlike the HTTP stack."""
    for cause in _causes(error):
        if isinstance(cause, ConnectionError) and cause.errno:
            return f" ({os.strerror(cause.errno).lower()})"
    return ""


def _has_cause(error: BaseException, kind: type[BaseException]) -> bool:
    return any(isinstance(cause, kind) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised for: the HTTP stack hides causes in arguments, too."""
    seen: list[object] = [error]
    for _ in range(20):
        if not seen:
            return
        at = seen.pop()
        if isinstance(at, BaseException):
            yield at
            seen += [*at.args, at.__cause__, at.__context__, getattr(at, "reason", None)]


@contextmanager
def translated(url_shown: Callable[[], str], deadline: Deadline) -> Iterator[None]:
    """Raise what the HTTP stack raises inside as one of ours; a deadline that bit says so."""
    try:
        yield
    except PipelineError as error:
        if deadline.expired and isinstance(error, FeedUnavailable):
            raise _too_slow(url_shown(), deadline) from error
        raise
    except (*TRANSLATIONS,) as error:
        if deadline.expired or not deadline.remaining:
            raise _too_slow(url_shown(), deadline) from error
        raise translation_of(error, url_shown()) from error


def _too_slow(url: str, deadline: Deadline) -> FeedUnavailable:
    return FeedUnavailable(
        url,
        f"it took longer than {deadline.seconds:g} s (setting IMPLER_FETCH_TIMEOUT_SECONDS)",
    )
