"""Signs requests as Standard Webhooks says: https://www.standardwebhooks.com"""

from __future__ import annotations

import datetime as dt

from standardwebhooks import Webhook


def signed_headers(body: bytes, *, secret: str, message_id: str, at: dt.datetime) -> dict[str, str]:
    """The three headers of a message: its id, the second it is sent, and the signature of both and
    ``body`` (HMAC-SHA-256, version ``v1``). ``at`` is in UTC."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, at, body.decode()),
    }
