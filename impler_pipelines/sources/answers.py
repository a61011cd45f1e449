"""What a person can do about an HTTP answer that is no feed. It decides nothing."""

from __future__ import annotations

_ADVICE = {
    304: "It says that nothing is new, without having been asked so: tell whoever runs it",
    401: "It wants a login: give one, or check the one that it was sent",
    403: "It lets nobody in, or not with this login: check the one that it was sent",
    404: "There is nothing at this address: check it, or ask the publisher for the new one",
    407: "A proxy stands before it that wants a login: use another address",
    410: "The publisher has removed it for good: use another address",
    429: "It is asked too often: import less often",
}


def advice(status: int) -> str:
    """One sentence without its full stop."""
    if status in _ADVICE:
        return _ADVICE[status]
    if status >= 500:
        return "The fault is on the server's side"
    return "Check the address, or ask the publisher"
