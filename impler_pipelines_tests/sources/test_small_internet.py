"""The address guard against real names and real redirects, where every address would answer.

Spellings that the resolver or the URL parser takes apart in odd ways are asked for directly and as
the target of a redirect. Nothing but a public address may ever be reached.
"""

from __future__ import annotations

import ipaddress
import os
from typing import Any

import pytest

from impler_pipelines_tests.sources.small_internet import BODY, SWALLOWING, explored, why_not

PUBLIC = "93.184.216.34"
PUBLIC_6 = "2606:4700::1111"
ZONE = {
    "public.test": [[PUBLIC]],
    "public6.test": [[PUBLIC_6]],
    "xn--bcher-kva.test": [[PUBLIC]],
    "second.test": [["1.1.1.1"]],
    "moves.test": [[PUBLIC], ["1.1.1.1"]],
    "alias.test": [["=public.test"]],
    "half-dead.test": [[SWALLOWING[0], PUBLIC_6]],
    "dead.test": [[SWALLOWING[0]]],
    "inside.test": [["127.0.0.1"]],
    "inside6.test": [["::1"]],
    "intranet.test": [["10.0.0.5"]],
    "to-inside.test": [["=inside.test"]],
    "mixed.test": [[PUBLIC, "127.0.0.1"]],
    "mixed6.test": [[PUBLIC, "::1"]],
    "mapped.test": [["::ffff:127.0.0.1"]],
    "nat64.test": [["64:ff9b::7f00:1"]],
    "rebound.test": [[PUBLIC], ["127.0.0.1"]],
    "rebound6.test": [[PUBLIC_6], ["fd00::1"]],
}
REFUSED = {
    "decimal": "http://2130706433/",
    "hex": "http://0x7f000001/",
    "octal": "http://017700000001/",
    "octal parts": "http://0177.0.0.01/",
    "hex parts": "http://0x7f.0x0.0x0.0x1/",
    "two parts": "http://127.1/",
    "three parts": "http://127.0.1/",
    "more than it holds": "http://4294967297/",
    "trailing dot": "http://127.0.0.1./",
    "two trailing dots": "http://127.0.0.1../",
    "zero": "http://0/",
    "unspecified": "http://0.0.0.0/",
    "unspecified 6": "http://[::]/",
    "loopback": "http://127.0.0.1/",
    "loopback 6": "http://[::1]/",
    "loopback 6 in full": "http://[0:0:0:0:0:0:0:1]/",
    "mapped": "http://[::ffff:127.0.0.1]/",
    "mapped hex": "http://[::ffff:7f00:1]/",
    "mapped public": f"http://[::ffff:{PUBLIC}]/",
    "compatible": "http://[::127.0.0.1]/",
    "translated": "http://[::ffff:0:127.0.0.1]/",
    "NAT64": "http://[64:ff9b::7f00:1]/",
    "NAT64 local": "http://[64:ff9b:1::7f00:1]/",
    "6to4": "http://[2002:7f00:1::]/",
    "Teredo": "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "ISATAP": "http://[2606:4700::5efe:7f00:1]/",
    "ISATAP of a public one": "http://[2606:4700::200:5efe:7f00:1]/",
    "zone": "http://[fe80::1%25lo]/",
    "zone unescaped": "http://[fe80::1%lo]/",
    "zone on loopback": "http://[::1%25lo]/",
    "future address": "http://[v1.127.0.0.1]/",
    "link-local": "http://169.254.1.1/",
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "metadata decimal": "http://2852039166/",
    "metadata 6": "http://[fd00:ec2::254]/",
    "metadata of Azure": "http://168.63.129.16/",
    "private 10": "http://10.0.0.5/",
    "private 172": "http://172.16.0.1/",
    "private 192": "http://192.168.0.1/",
    "carrier": "http://100.64.0.1/",
    "unique local": "http://[fc00::1]/",
    "site local": "http://[fec0::1]/",
    "multicast": "http://224.0.0.1/",
    "multicast 6": "http://[ff02::1]/",
    "broadcast": "http://255.255.255.255/",
    "reserved": "http://240.0.0.1/",
    "benchmarking": "http://198.18.0.1/",
    "documentation": "http://203.0.113.1/",
    "documentation 6": "http://[2001:db8::1]/",
    "localhost": "http://localhost/",
    "localhost in capitals": "http://LOCALHOST/",
    "below localhost": "http://x.localhost/",
    "name": "http://inside.test/",
    "name with a dot": "http://inside.test./",
    "name of IPv6": "http://inside6.test/",
    "name of the intranet": "http://intranet.test/",
    "CNAME": "http://to-inside.test/",
    "one of two": "http://mixed.test/",
    "one of two families": "http://mixed6.test/",
    "mapped by name": "http://mapped.test/",
    "NAT64 by name": "http://nat64.test/",
    "userinfo like a host": "http://public.test@127.0.0.1/",
    "userinfo like a host and port": "http://public.test:80@127.0.0.1/",
    "two at signs": "http://x@public.test@127.0.0.1/",
    "at sign in the fragment": "http://127.0.0.1#@public.test/",
    "at sign in the query": "http://127.0.0.1?@public.test/",
    "at sign in the path": "http://127.0.0.1/@public.test/",
    "backslash": "http://public.test\\@127.0.0.1/",
    "backslash after": "http://127.0.0.1\\@public.test/",
    "tab": "http://127.0.\t0.1/",
    "line break": "http://127.0.0.1\r\nHost: public.test/",
    "circled digits": "http://①②⑦.⓪.⓪.①/",
    "full-width digits": "http://１２７.0.0.1/",
    "ideographic full stops": "http://127。0。0。1/",
    "escaped": "http://%31%32%37.0.0.1/",
    "escaped dots": "http://127%2e0%2e0%2e1/",
    "soft hyphen": "http://127.0.0.1\u00ad/",
    "empty label": "http://.127.0.0.1/",
    "a file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:80/",
}
ONLY_AS_TARGETS = {"without scheme": "//127.0.0.1/", "without scheme, decimal": "//2130706433/"}
# As the target of a redirect some of them are paths of the server that redirects (RFC 3986, 5.4.2).
NO_ADDRESS = {
    "port as a name": "http://public.test:127.0.0.1/",
    "no host": "http://@/",
    "no slash": "http:127.0.0.1",
    "three slashes": "http:///127.0.0.1/",
}
LED_THERE = "redirected: "

FETCHES = {
    **{name: {"url": url} for name, url in (REFUSED | NO_ADDRESS).items()},
    **{
        f"{LED_THERE}{name}": {"url": f"http://public.test/to?{_quoted}"}
        for name, url in (REFUSED | ONLY_AS_TARGETS | NO_ADDRESS).items()
        for _quoted in ["".join(f"%{byte:02x}" for byte in url.encode())]
    },
    "IPv4": {"url": "http://public.test/"},
    "IPv6": {"url": "http://public6.test/"},
    "trailing dot is fine": {"url": "http://public.test./"},
    "IDN": {"url": "http://bücher.test/"},
    "alias": {"url": "http://alias.test/"},
    "number": {"url": "http://1572395042/"},
    "half dead": {"url": "http://half-dead.test/"},
    "dead": {"url": "http://dead.test/", "seconds": 1.0},
    "rebound": {"url": "http://rebound.test/to?http://rebound.test/feed"},
    "rebound to IPv6": {"url": "http://rebound6.test/to?http://rebound6.test/feed"},
    "asked once": {"url": "http://moves.test/feed"},
    "kept by the origin": {
        "url": "http://public.test/to?http://public.test/to?http://public.test./feed",
        "auth": "secret",
    },
    "to another host": {"url": "http://public.test/to?http://second.test/", "auth": "secret"},
    "there and back": {
        "url": "http://public.test/to?http://second.test/to?http://public.test/",
        "auth": "secret",
    },
    "userinfo there and back": {
        "url": "http://me:secret@public.test/to?http://second.test/to?http://public.test/"
    },
}


@pytest.fixture(scope="module")
def came_of() -> dict[str, Any]:
    reason = why_not()
    if reason is not None:
        assert "CI" not in os.environ, reason
        pytest.skip(reason)
    return explored(ZONE, FETCHES)


def reached(seen: dict[str, Any]) -> list[str]:
    return [one["address"] for one in seen["reached"]]


@pytest.mark.parametrize("name", REFUSED)
def test_refused_wherever_it_comes_from(came_of: dict[str, Any], name: str) -> None:
    straight, led = came_of[name], came_of[LED_THERE + name]
    for seen in (straight, led):
        assert seen["error"] in ("AddressRefused", "UrlRefused", "FeedUnavailable"), seen
        assert seen["body"] == ""
        assert "secret" not in seen["message"]
    assert reached(straight) == []
    assert reached(led) == [PUBLIC]


@pytest.mark.parametrize("name", ONLY_AS_TARGETS)
def test_refused_as_a_target(came_of: dict[str, Any], name: str) -> None:
    seen = came_of[LED_THERE + name]
    assert seen["error"] == "AddressRefused"
    assert reached(seen) == [PUBLIC]


@pytest.mark.parametrize("name", NO_ADDRESS)
def test_no_address(came_of: dict[str, Any], name: str) -> None:
    assert came_of[name]["error"] == "UrlRefused"


def test_nobody_but_public_addresses_was_ever_reached(came_of: dict[str, Any]) -> None:
    everyone = {address for seen in came_of.values() for address in reached(seen)}
    assert everyone == {PUBLIC, PUBLIC_6, "1.1.1.1"}
    assert all(ipaddress.ip_address(address).is_global for address in everyone)


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("IPv4", [PUBLIC]),
        ("IPv6", [PUBLIC_6]),
        ("trailing dot is fine", [PUBLIC]),
        ("IDN", [PUBLIC]),
        ("alias", [PUBLIC]),
        ("number", [PUBLIC]),
        ("kept by the origin", [PUBLIC, PUBLIC, PUBLIC]),
    ],
)
def test_public_ones_are_read(came_of: dict[str, Any], name: str, addresses: list[str]) -> None:
    seen = came_of[name]
    assert (seen["error"], seen["body"]) == (None, BODY.decode())
    assert reached(seen) == addresses


class TestRebinding:
    @pytest.mark.parametrize(
        ("name", "public"), [("rebound", PUBLIC), ("rebound to IPv6", PUBLIC_6)]
    )
    def test_a_name_that_turns_private_at_a_redirect(
        self, came_of: dict[str, Any], name: str, public: str
    ) -> None:
        seen = came_of[name]
        assert seen["error"] == "AddressRefused"
        assert reached(seen) == [public]

    def test_what_was_checked_is_what_is_dialled(self, came_of: dict[str, Any]) -> None:
        seen = came_of["asked once"]
        assert seen["asked"] == {"moves.test A": 1, "moves.test AAAA": 1}
        assert reached(seen) == [PUBLIC]


class TestSeveralAddresses:
    def test_one_that_swallows_connections_costs_little_time(self, came_of: dict[str, Any]) -> None:
        seen = came_of["half dead"]
        assert reached(seen) == [PUBLIC_6]
        assert seen["seconds"] < 2  # the next one is tried after a quarter of a second

    def test_nothing_but_such_a_one(self, came_of: dict[str, Any]) -> None:
        seen = came_of["dead"]
        assert (seen["error"], reached(seen)) == ("FeedUnavailable", [])
        assert "IMPLER_FETCH_TIMEOUT_SECONDS" in seen["message"]
        assert seen["seconds"] < 3


class TestSecrets:
    def test_auth_stays_within_its_origin(self, came_of: dict[str, Any]) -> None:
        headers = [one["headers"] for one in came_of["kept by the origin"]["reached"]]
        assert [one.get("X-Key") for one in headers] == ["secret"] * 3
        headers = [one["headers"] for one in came_of["to another host"]["reached"]]
        assert [one.get("X-Key") for one in headers] == ["secret", None]

    @pytest.mark.parametrize(
        ("name", "header"),
        [("there and back", "X-Key"), ("userinfo there and back", "Authorization")],
    )
    def test_auth_that_was_dropped_is_not_sent_again(
        self, came_of: dict[str, Any], name: str, header: str
    ) -> None:
        """Else whoever is in between could have it sent to any path of the origin."""
        headers = [one["headers"] for one in came_of[name]["reached"]]
        assert [header in one for one in headers] == [True, False, False]

    def test_no_cookie_and_no_referrer_is_ever_sent(self, came_of: dict[str, Any]) -> None:
        sent = {
            header.lower()
            for seen in came_of.values()
            for one in seen["reached"]
            for header in one["headers"]
        }
        assert sent <= {
            "host", "user-agent", "accept", "accept-encoding", "connection", "x-key",
            "authorization",
        }  # fmt: skip
