"""Posts one page to a webhook, over guarded connections. It neither waits nor tries again.

* Any answer of 2xx is taken for a yes; its body is not read.
* Redirects are not followed: what is signed is meant for the address that was configured.
* 410 Gone is final (Standard Webhooks); everything else may pass, a wrong login included: whoever
  runs the receiver repairs it, and nothing is lost.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import requests

from impler_pipelines.errors import (
    FeedRefused,
    FeedUnavailable,
    PipelineError,
    UrlRefused,
)
from impler_pipelines.model import WebhookDestination
from impler_pipelines.sources.deadline import Deadline
from impler_pipelines.sources.dialling import CONNECT_SECONDS, open_session
from impler_pipelines.sources.retry_after import parse_retry_after
from impler_pipelines.sources.translation import translated
from impler_pipelines.sources.urls import check_url, public_url

_GONE = 410
_MOST_HEADER_BYTES = 64 * 1024


@dataclass(frozen=True)
class PostPolicy:
    """Where pages may go, how long one may take in all, and who says to be sending."""

    allow_private_addresses: bool
    timeout_seconds: float
    user_agent: str


@dataclass(frozen=True)
class Answer:
    """What became of a page. ``error`` None: it was taken; ``final``: it is not to be tried again.

    ``error`` is a sentence fit to show; ``retry_after`` is in seconds, as the receiver asked.
    """

    status: int | None
    error: str | None = None
    retry_after: float | None = None
    final: bool = False


def post(
    webhook: WebhookDestination, body: bytes, headers: dict[str, str], *, policy: PostPolicy
) -> Answer:
    """POST ``body``. Never raises for what the other side does, or where it is."""
    url = webhook.callback_url
    try:
        check_url(url)
        with Deadline(policy.timeout_seconds) as deadline:
            return _post(url, body, _all_headers(webhook, headers), policy, deadline)
    except TimeoutError:
        return _too_slow(policy)
    except (FeedUnavailable, FeedRefused, UrlRefused) as error:
        return Answer(None, f"{public_url(url)}: {error.reason}.")
    except PipelineError as error:
        return Answer(None, f"{public_url(url)}: {error}.")


def _post(
    url: str, body: bytes, headers: dict[str, str], policy: PostPolicy, deadline: Deadline
) -> Answer:
    session = open_session(
        url_shown=lambda: public_url(url),
        deadline=deadline,
        allow_private=policy.allow_private_addresses,
        max_header_bytes=_MOST_HEADER_BYTES,
        user_agent=policy.user_agent,
    )
    with session:
        try:
            with translated(lambda: public_url(url), deadline):
                left = max(0.001, deadline.remaining)
                response = session.post(
                    url,
                    data=body,
                    headers=headers,
                    stream=True,
                    allow_redirects=False,
                    timeout=(min(CONNECT_SECONDS, left), left),
                )
        except FeedUnavailable:
            if deadline.expired or not deadline.remaining:
                return _too_slow(policy)
            raise
        with response:
            return _answer(url, response)


def _answer(url: str, response: requests.Response) -> Answer:
    status = response.status_code
    if 200 <= status < 300:
        return Answer(status)
    answered = f"{public_url(url)}: the receiver answered {status} {response.reason or ''}".rstrip()
    if status == _GONE:
        return Answer(status, f"{answered}, which means for good.", final=True)
    if 300 <= status < 400:
        return Answer(status, f"{answered}. Redirects are not followed: change the callbackUrl.")
    header = response.headers.get("Retry-After")
    return Answer(
        status,
        f"{answered}.",
        retry_after=parse_retry_after(header, dt.datetime.now(dt.UTC)),
    )


def _all_headers(webhook: WebhookDestination, headers: dict[str, str]) -> dict[str, str]:
    own = {} if webhook.auth is None else {webhook.auth.header_name: webhook.auth.header_value}
    return {**own, "Content-Type": "application/json", **headers}


def _too_slow(policy: PostPolicy) -> Answer:
    return Answer(
        None,
        f"The receiver did not answer within {policy.timeout_seconds:g} s"
        " (setting IMPLER_WEBHOOK_TIMEOUT_SECONDS).",
    )
