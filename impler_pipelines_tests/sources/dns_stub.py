"""A name server of its own: answers change from one question to the next, as an attacker's do."""

from __future__ import annotations

import socketserver
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset

_LIVES_SECONDS = 0

Zone = Mapping[str, Sequence[Sequence[str]]]
"""Name → what it resolves to, first time, second time, …; the last holds for good.

Each is a list of addresses of either family, or one other name as ``=other.test``.
"""


class NameServer(socketserver.ThreadingUDPServer):
    """Answers A and AAAA questions from ``zone``, with a time to live of nothing."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], zone: Zone) -> None:
        super().__init__(address, _Question)
        self._zone = {name.lower(): rounds for name, rounds in zone.items()}
        self.asked: Counter[tuple[str, str]] = Counter()

    def reply(self, wire: bytes) -> bytes:
        """The answer to one question, both in DNS's own form (RFC 1035)."""
        query = dns.message.from_wire(wire)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA | dns.flags.AA
        (question,) = query.question
        kind = dns.rdatatype.to_text(question.rdtype)
        name = question.name
        while (found := self._resolved(name, kind)) and found[0].startswith("="):
            target = dns.name.from_text(found[0][1:])
            answer.answer.append(
                dns.rrset.from_text(name, _LIVES_SECONDS, "IN", "CNAME", str(target))
            )
            name = target
        if found is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        of_kind = [address for address in found or () if (":" in address) == (kind == "AAAA")]
        if of_kind and kind in ("A", "AAAA"):
            answer.answer.append(
                dns.rrset.from_text_list(name, _LIVES_SECONDS, "IN", kind, of_kind)
            )
        return answer.to_wire(want_shuffle=False)

    def _resolved(self, name: dns.name.Name, kind: str) -> Sequence[str] | None:
        spelled = name.to_text(omit_final_dot=True).lower()
        rounds = self._zone.get(spelled)
        if rounds is None:
            return None
        at = min(self.asked[spelled, kind], len(rounds) - 1)
        self.asked[spelled, kind] += 1
        return rounds[at]


class _Question(socketserver.BaseRequestHandler):
    server: NameServer

    def handle(self) -> None:
        wire, sock = self.request
        reply: Any = self.server.reply(wire)
        sock.sendto(reply, self.client_address)
