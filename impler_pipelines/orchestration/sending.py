"""Sends the pages that wait for their webhooks: line by line, each line in order, several lines at
once. It makes no pages.

A try has a fixed end, and what became of it is noted at once. A process that is killed between the
two sends the page again with the same ``webhook-id``, by which receivers drop repeats.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from impler_pipelines import logs
from impler_pipelines.destinations.webhooks.pages import body
from impler_pipelines.destinations.webhooks.posting import Answer, PostPolicy, post
from impler_pipelines.destinations.webhooks.signing import signed_headers
from impler_pipelines.errors import SecretUnreadable
from impler_pipelines.model import WebhookDestination, WebhookPage
from impler_pipelines.orchestration.runtime import Runtime, utc_now
from impler_pipelines.sources import USER_AGENT
from impler_pipelines.store import webhook_pages
from impler_pipelines.store.destinations import find_webhook
from impler_pipelines.store.webhook_pages import ClaimedPage, Line

_LINES_AT_ONCE = 8
_GROWTH = 3  # each wait is so many times the one before
_LONGEST_WAIT = dt.timedelta(days=1)
_UNREADABLE_WAIT = dt.timedelta(minutes=10)
_SLACK = dt.timedelta(seconds=60)  # a claim outlives its try by so much


@dataclass
class Sent:
    """How many tries ended in what way; one line sees to it alone."""

    taken: int = 0
    failed: int = 0
    dead: int = 0

    def add(self, other: Sent) -> None:
        """Count another's tries, too."""
        self.taken += other.taken
        self.failed += other.failed
        self.dead += other.dead

    def __str__(self) -> str:
        return f"{self.taken} pages sent, {self.failed} to be tried again, {self.dead} given up"


@dataclass
class Sender:
    """Sends for ``seconds``; a try that has begun by then goes on to its end."""

    runtime: Runtime
    seconds: float
    _ends: float = field(init=False)

    def __post_init__(self) -> None:
        self._ends = time.monotonic() + self.seconds

    def send_due(self, import_job_id: str | None = None) -> Sent:
        """Try all pages that are due now, or become due behind one that was taken; of one import
        job or of all."""
        with self.runtime.transaction() as connection:
            lines = webhook_pages.lines_due(connection, now=utc_now(), import_job_id=import_job_id)
        total = Sent()
        if not lines:
            return total
        with ThreadPoolExecutor(min(_LINES_AT_ONCE, len(lines))) as pool:
            for sent in pool.map(self.send_line, lines):
                total.add(sent)
        return total

    def send_line(self, line: Line) -> Sent:
        """Send the pages of one line, in order, until one is not taken."""
        sent = Sent()
        while time.monotonic() < self._ends:
            claimed = self._claim(line)
            if claimed is None:
                break
            webhook, answer = self._try(claimed)
            again_at = self._note(webhook, claimed.page, answer)
            if answer.error is None:
                sent.taken += 1
            elif again_at is None:
                sent.dead += 1
            else:
                sent.failed += 1
                break
        return sent

    def _claim(self, line: Line) -> ClaimedPage | None:
        now = utc_now()
        seconds = self.runtime.settings.webhook_timeout_seconds
        until = now + dt.timedelta(seconds=seconds) + _SLACK
        with self.runtime.transaction() as connection:
            return webhook_pages.claim_page(connection, line, now=now, until=until)

    def _try(self, claimed: ClaimedPage) -> tuple[WebhookDestination | None, Answer]:
        """Post the page to its webhook as that is configured now."""
        try:
            with self.runtime.transaction() as connection:
                webhook = find_webhook(
                    connection, self.runtime.secrets, claimed.page.destination_id
                )
        except SecretUnreadable as error:
            return None, Answer(None, f"{error}.")
        if webhook is None:
            return None, Answer(None, "This webhook was removed.", final=True)
        return webhook, self._post(webhook, claimed)

    def _post(self, webhook: WebhookDestination, claimed: ClaimedPage) -> Answer:
        page = claimed.page
        text = body(claimed.data, _of_event(page) if page.event else _envelope(claimed))
        headers = signed_headers(
            text, secret=webhook.signing_secret, message_id=claimed.page.id, at=utc_now()
        )
        settings = self.runtime.settings
        return post(
            webhook,
            text,
            headers,
            policy=PostPolicy(
                allow_private_addresses=settings.allow_private_addresses,
                timeout_seconds=settings.webhook_timeout_seconds,
                user_agent=settings.user_agent or USER_AGENT,
            ),
        )

    def _note(
        self, webhook: WebhookDestination | None, page: WebhookPage, answer: Answer
    ) -> dt.datetime | None:
        """Take note of a try; when it comes again, or None."""
        now = utc_now()
        again_at = _again_at(webhook, page, answer, now)
        with self.runtime.transaction() as connection:
            if answer.error is None:
                webhook_pages.note_sent(connection, page, http_status=answer.status or 0, now=now)
            else:
                webhook_pages.note_failed(
                    connection,
                    page,
                    http_status=answer.status,
                    error=answer.error,
                    again_at=again_at,
                    now=now,
                )
        _tell(page, answer, again_at)
        return again_at


def _envelope(claimed: ClaimedPage) -> dict[str, Any]:
    page = claimed.page
    return {
        "page": page.page,
        "totalPages": page.total_pages,
        "uploadId": page.run_id,
        "totalRecords": page.total_records,
        "chunkSize": claimed.chunk_size,
        "isInvalidRecords": page.is_invalid,
        "extra": claimed.extra,
        "importJobId": page.import_job_id,
        "templateId": page.template_id,
        "externalUserId": claimed.external_user_id,
    }


def _of_event(page: WebhookPage) -> dict[str, Any]:
    """As Standard Webhooks advises it: what it is and when it was, beside its data."""
    return {"type": page.event, "timestamp": page.created_at.astimezone(dt.UTC).isoformat()}


def _again_at(
    webhook: WebhookDestination | None, page: WebhookPage, answer: Answer, now: dt.datetime
) -> dt.datetime | None:
    """``retry_interval`` after the first try, three times as long after each further one; later
    where the receiver asks for it; None after the last. Where the webhook's secrets can't be opened
    it is tried for as long as it takes."""
    if answer.error is None or answer.final:
        return None
    if webhook is None:
        return now + _UNREADABLE_WAIT
    if page.attempts >= webhook.retry_count:
        return None
    seconds = webhook.retry_interval * _GROWTH**page.attempts
    wait = max(seconds, answer.retry_after or 0.0)
    return now + min(dt.timedelta(seconds=min(wait, 1e9)), _LONGEST_WAIT)


def _tell(page: WebhookPage, answer: Answer, again_at: dt.datetime | None) -> None:
    logs.note(
        "webhook.tried",
        level=logging.INFO if answer.error is None else logging.WARNING,
        page_id=page.id,
        run_id=page.run_id,
        import_job_id=page.import_job_id,
        page=page.page,
        total_pages=page.total_pages,
        attempt=page.attempts + 1,
        http_status=answer.status,
        error=answer.error,
        again_at=again_at,
    )
