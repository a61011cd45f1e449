"""Fetches one document over HTTP into a file: conditional, capped, guarded. It parses nothing.

* Redirects are followed by hand: each target is checked like the first URL, and configured auth
  is dropped for good as soon as one leaves the origin (scheme, host, port).
* Where permanent redirects led last time is where it goes first. Auth that belongs to another
  origin stays at home then; what the new address refuses is asked for at the old one.
* ``304 Not Modified``, and a body whose hash is the one last loaded, are ``unchanged``.
* A body must arrive whole: fewer bytes than Content-Length, or a broken chunk, is a failure.
* 408, 425, 429 and 5xx may pass (``FeedUnavailable``); other answers are final (``FeedRefused``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO
from urllib.parse import urljoin

import requests
import urllib3
from requests.utils import requote_uri

from impler_pipelines import __version__
from impler_pipelines.errors import FeedRefused, FeedUnavailable, LimitExceeded, UrlRefused
from impler_pipelines.model import FeedState, SourceAuth
from impler_pipelines.sources.answers import advice
from impler_pipelines.sources.deadline import Deadline
from impler_pipelines.sources.dialling import CONNECT_SECONDS, open_session
from impler_pipelines.sources.freshness import (
    Freshness,
    freshness,
    may_be_remembered,
    shortest,
)
from impler_pipelines.sources.interruption import Interruption
from impler_pipelines.sources.results import NOT_MODIFIED, FetchResult
from impler_pipelines.sources.retry_after import parse_retry_after
from impler_pipelines.sources.translation import translated
from impler_pipelines.sources.turns import Turn, Turns, no_turns
from impler_pipelines.sources.urls import check_auth, check_url, origin, public_url, split_userinfo
from impler_pipelines.sources.validators import etag_of, last_modified_of

USER_AGENT = f"impler-pipelines/{__version__}"
ACCEPT = (
    "application/rss+xml, application/atom+xml, application/rdf+xml;q=0.9,"
    " application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5"
)
ACCEPT_ENCODING = "gzip, deflate, br, zstd"  # what ``content_encoding`` opens
_CHUNK_BYTES = 64 * 1024
_REDIRECTS = {301, 302, 303, 307, 308}
_PERMANENT = {301, 308}
_TRANSIENT = {408, 425, 429}
_MAX_FEED_BYTES = "IMPLER_MAX_FEED_BYTES"

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class FetchPolicy:
    """What a fetch may cost and where it may go. ``timeout_seconds`` is the total time."""

    allow_private_addresses: bool = False
    max_bytes: int = 2 * 1024**3
    max_header_bytes: int = 256 * 1024
    timeout_seconds: float = 300
    max_redirects: int = 10
    user_agent: str = USER_AGENT


def fetch(
    url: str,
    into: BinaryIO,
    *,
    policy: FetchPolicy,
    auth: SourceAuth | None = None,
    state: FeedState | None = None,
    turn: Turn = no_turns,
    on_progress: Progress | None = None,
    interruption: Interruption | None = None,
) -> FetchResult:
    """GET ``url`` and write its body into ``into``, with ``state`` conditionally.

    ``auth`` goes before userinfo in the URL. ``turn`` is had at each host for as long as it is
    talked to; waiting for the first does not count for the timeout, and may take as long.
    ``on_progress`` is told the bytes written so far, as they come in, and of how many; None where
    the server does not say that, as with a Content-Encoding. An ``interruption`` hangs up at once.
    After an error ``into`` holds a part of the body or none of it.

    Raises ``UrlRefused`` and ``AddressRefused``, ``RequestInvalid`` for an impossible auth header,
    ``FeedRefused``, ``FeedUnavailable`` (with ``retry_after``), ``LimitExceeded``, ``Interrupted``,
    and what ``turn`` raises.
    """
    check_url(url)
    bare, own_auth = split_userinfo(url)
    auth = auth or own_auth
    if auth is not None:
        check_auth(auth)
    state = state or FeedState()
    first = state.moved_to or bare
    interruption = interruption or Interruption()
    with Turns(turn) as turns:
        turns.go_to(first, seconds=policy.timeout_seconds)
        with Deadline(policy.timeout_seconds) as deadline, interruption.ending(deadline.hang_up):
            if first != bare:
                kept = auth if origin(first) == origin(bare) else None
                moved = _Fetch(first, policy, kept, state, deadline, turns)
                try:
                    return moved.run(into, on_progress)
                except (FeedRefused, FeedUnavailable, UrlRefused) as error:
                    if moved.answered and isinstance(error, FeedUnavailable):
                        raise  # it is there, and may answer next time
                deadline.release()
                # The validators are the new address's own (RFC 9110, 8.8.3).
                state = replace(state, etag=None, last_modified=None, moved_to=None)
            return _Fetch(bare, policy, auth, state, deadline, turns).run(into, on_progress)


class _Fetch:
    """One fetch: the URL it has come to, the auth it still carries."""

    def __init__(
        self,
        url: str,
        policy: FetchPolicy,
        auth: SourceAuth | None,
        state: FeedState,
        deadline: Deadline,
        turns: Turns,
    ) -> None:
        self._url = url
        self._policy = policy
        self._auth = auth
        self._state = state
        self._deadline = deadline
        self._turns = turns
        self._waited = turns.waited
        self._started = time.monotonic()
        self._asked_at = dt.datetime.now(dt.UTC)
        self._moved_to = state.moved_to
        self._on_the_way: list[Freshness | None] = []
        self._fresh: Freshness | None = None
        self.answered = False

    def run(self, into: BinaryIO, on_progress: Progress | None) -> FetchResult:
        session = open_session(
            url_shown=self._shown,
            deadline=self._deadline,
            allow_private=self._policy.allow_private_addresses,
            max_header_bytes=self._policy.max_header_bytes,
            user_agent=self._policy.user_agent,
        )
        with session, translated(self._shown, self._deadline):
            response = self._final_response(session)
            with response:
                return self._result(response, into, on_progress)

    def _shown(self) -> str:
        return public_url(self._url)

    def _final_response(self, session: requests.Session) -> requests.Response:
        seen = {self._url}
        permanent = True
        for _ in range(self._policy.max_redirects + 1):
            response = self._get(session)
            self._deadline.check()
            self.answered = True
            if response.status_code not in _REDIRECTS:
                return response
            response.close()
            self._deadline.release()
            left = self._url
            self._follow(response.headers.get("Location"), response.status_code)
            permanent = permanent and _is_to_be_remembered(response, left, self._url)
            if permanent:
                self._moved_to = self._url
            else:
                self._on_the_way.append(self._freshness(response))
            if self._url in seen:
                raise FeedRefused(self._shown(), "it redirects in a circle")
            seen.add(self._url)
        limit = f"{self._policy.max_redirects} (setting IMPLER_MAX_REDIRECTS)"
        raise FeedRefused(self._shown(), f"there are more redirects than {limit}")

    def _get(self, session: requests.Session) -> requests.Response:
        self._turns.go_to(self._url, seconds=self._deadline.remaining)
        self._asked_at = dt.datetime.now(dt.UTC)
        left = max(0.001, self._deadline.remaining)
        return session.get(
            self._url,
            headers=self._headers(),
            stream=True,
            allow_redirects=False,
            timeout=(min(CONNECT_SECONDS, left), left),
        )

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": ACCEPT, "Accept-Encoding": ACCEPT_ENCODING}
        if self._state.etag:
            headers["If-None-Match"] = self._state.etag
        if self._state.last_modified:
            headers["If-Modified-Since"] = self._state.last_modified
        if self._auth is not None:
            headers[self._auth.header_name] = self._auth.header_value
        return headers

    def _follow(self, location: str | None, status: int) -> None:
        if not location:
            raise FeedRefused(self._shown(), "it redirects to nowhere", status=status)
        try:
            # http.client reads headers as Latin-1; targets are meant as UTF-8.
            written = location.encode("latin-1").decode("utf-8", "replace")
            if "\\" in written:
                reason = (
                    "it redirects to an address with a backslash, which clients read differently"
                )
                raise UrlRefused(self._shown(), reason)
            target = urljoin(self._url, requote_uri(written.strip()))
        except ValueError as error:
            raise FeedRefused(self._shown(), "it redirects to no URL", status=status) from error
        target, _ = split_userinfo(target.partition("#")[0])
        check_url(target)
        if origin(target) != origin(self._url):
            self._auth = None
        self._url = target

    def _result(
        self, response: requests.Response, into: BinaryIO, on_progress: Progress | None
    ) -> FetchResult:
        status = response.status_code
        self._fresh = self._freshness(response)  # before the body, which takes its time
        if status == NOT_MODIFIED and (self._state.etag or self._state.last_modified):
            return self._answer(response, unchanged=True, body_hash=None, size=0)
        self._refuse_failures(response)
        digest, size = hashlib.sha256(), 0
        total = _length_of(response)
        for chunk in self._body(response):
            size += len(chunk)
            self._deadline.check()
            digest.update(chunk)
            self._write(into, chunk)
            if on_progress is not None:
                on_progress(size, total)
        body_hash = digest.hexdigest()
        unchanged = body_hash == self._state.body_hash
        return self._answer(response, unchanged=unchanged, body_hash=body_hash, size=size)

    def _refuse_failures(self, response: requests.Response) -> None:
        status = response.status_code
        if 200 <= status < 300 and status != 206:
            return
        answered = f"the server answered {status} {response.reason or ''}".rstrip()
        reason = f"{answered}. {advice(status)}"
        if status in _TRANSIENT or status >= 500:
            retry_after = parse_retry_after(
                response.headers.get("Retry-After"), dt.datetime.now(dt.UTC)
            )
            raise FeedUnavailable(self._shown(), reason, status=status, retry_after=retry_after)
        raise FeedRefused(self._shown(), reason, status=status)

    def _body(self, response: requests.Response) -> Iterator[bytes]:
        encoding = response.headers.get("Content-Encoding")
        if not encoding:
            self._check_size(_length_of(response) or 0)
            return self._raw(response)
        # With its libraries it is needed for compressed bodies alone, and most runs get none.
        from impler_pipelines.sources.content_encoding import decoded

        return decoded(self._raw(response), encoding, self._shown(), self._check_size)

    def _raw(self, response: requests.Response) -> Iterator[bytes]:
        size = 0
        for chunk in _as_it_comes(response.raw):
            self._deadline.check()
            size += len(chunk)
            self._check_size(size)
            yield chunk
        self._deadline.check()  # hanging up looks like the end of a body without a length

    def _write(self, into: BinaryIO, chunk: bytes) -> None:
        try:
            into.write(chunk)
        except OSError as error:
            reason = f"its copy can't be written: {error.strerror}"
            raise FeedUnavailable(self._shown(), reason) from error

    def _check_size(self, size: int) -> None:
        if size > self._policy.max_bytes:
            raise LimitExceeded(
                f"{self._shown()} is too large",
                f"{self._policy.max_bytes} bytes",
                setting=_MAX_FEED_BYTES,
            )

    def _answer(
        self, response: requests.Response, *, unchanged: bool, body_hash: str | None, size: int
    ) -> FetchResult:
        headers = response.headers
        waited = self._turns.waited
        return FetchResult(
            status=response.status_code,
            unchanged=unchanged,
            url=self._shown(),
            content_type=headers.get("Content-Type"),
            etag=etag_of(headers),
            last_modified=last_modified_of(headers),
            body_hash=body_hash,
            bytes=size,
            seconds=time.monotonic() - self._started - (waited - self._waited),
            moved_to=self._moved_to,
            freshness=shortest([*self._on_the_way, self._fresh]),
            waited=waited,
        )

    def _freshness(self, response: requests.Response) -> Freshness | None:
        now = dt.datetime.now(dt.UTC)
        return freshness(response.headers, asked_at=self._asked_at, answered_at=now)


def _length_of(response: requests.Response) -> int | None:
    """How long the body is by the server's word; None where it gives none (RFC 9112, 6.3)."""
    headers = response.headers
    length = headers.get("Content-Length", "")
    if headers.get("Content-Encoding") or response.raw.chunked:
        return None
    return int(length[:20]) if length.isascii() and length.isdigit() else None


def _as_it_comes(body: urllib3.HTTPResponse) -> Iterator[bytes]:
    """What has arrived of ``body``, without waiting until there is more of it."""
    if body.chunked:
        yield from body.stream(_CHUNK_BYTES, decode_content=False)
        return
    while piece := body.read1(_CHUNK_BYTES, decode_content=False):
        yield piece


def _is_to_be_remembered(response: requests.Response, left: str, target: str) -> bool:
    """A move for good (RFC 9110, 15.4), unless it takes the encryption away."""
    return (
        response.status_code in _PERMANENT
        and may_be_remembered(response.headers)
        and not (left.startswith("https:") and target.startswith("http:"))
    )
