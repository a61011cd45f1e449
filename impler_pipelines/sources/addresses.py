"""The address guard: resolves a host and refuses addresses that are not public. It dials nothing.

Whoever dials must dial what ``check_address`` returned, not resolve again.

* All addresses of a host have to be public: one private among them refuses the host.
* The spelling does not matter (decimal, octal, hex, trailing dot): the resolved address is looked
  at. Addresses that carry an IPv4 address inside (mapped, compatible, NAT64, 6to4, Teredo, ISATAP)
  are refused as a kind, since what they lead to is the network's choice.
* Ranges: ``ipaddress`` of Python, the extra ranges of requests-hardened, and metadata services.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import Any

from requests_hardened.ip_filter import EXTRA_BLOCKED_NET_RANGES

from impler_pipelines.errors import AddressRefused, FeedUnavailable, UrlRefused

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# First match names the kind, so narrow ranges stand before wide ones.
_KINDS: tuple[tuple[str, str], ...] = (
    ("169.254.169.254/32", "a cloud metadata service"),
    ("168.63.129.16/32", "a cloud metadata service"),  # Azure's, in public address space
    ("100.100.100.200/32", "a cloud metadata service"),
    ("192.0.0.192/32", "a cloud metadata service"),
    ("fd00:ec2::254/128", "a cloud metadata service"),
    ("fd20:ce::254/128", "a cloud metadata service"),
    ("100.64.0.0/10", "shared address space (carrier-grade NAT)"),
    ("::ffff:0:0/96", "an IPv4-mapped address"),
    ("::ffff:0:0:0/96", "an IPv4-translated address"),
    ("64:ff9b::/96", "a NAT64 address"),
    ("64:ff9b:1::/48", "a NAT64 address"),
    ("2002::/16", "a 6to4 address"),
    ("2001::/32", "a Teredo address"),
    ("fec0::/10", "a site-local address"),
)
_RANGES = tuple((ipaddress.ip_network(cidr), kind) for cidr, kind in _KINDS)
_IPV4_COMPATIBLE = ipaddress.ip_network("::/96")
_ISATAP = {0x00005EFE, 0x02005EFE}  # the interface identifier's upper half, RFC 5214, section 6.1


@dataclass(frozen=True)
class ResolvedAddress:
    """One address of a host, as ``socket.connect`` takes it."""

    family: socket.AddressFamily
    sockaddr: tuple[Any, ...]

    @property
    def host(self) -> str:
        """The bare IP address."""
        return str(self.sockaddr[0])


def check_address(host: str, port: int, *, url: str, allow_private: bool) -> list[ResolvedAddress]:
    """The addresses of ``host``, each of them public unless ``allow_private``.

    ``url`` is only for messages and must be fit to show. Raises ``AddressRefused`` for an address
    that is not public, ``UrlRefused`` for a host name that can't be one, and ``FeedUnavailable``
    when the name can't be resolved.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise FeedUnavailable(
            url, f"the host name {host!r} can't be resolved: check it for a typing mistake"
        ) from error
    except (UnicodeError, ValueError, OverflowError) as error:
        raise UrlRefused(url, f"{host!r} is not a valid host name") from error
    addresses = [
        ResolvedAddress(family, sockaddr)
        for family, _, _, _, sockaddr in found
        if family in {socket.AF_INET, socket.AF_INET6}
    ]
    if not addresses:
        raise FeedUnavailable(url, f"the host name {host!r} has no address")
    if not allow_private:
        for address in addresses:
            kind = refused_kind(address.host)
            if kind is not None:
                raise AddressRefused(url, address.host, kind)
    return addresses


def refused_kind(address: str) -> str | None:
    """What kind of non-public address ``address`` is (``a private address``), None if public."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    for network, kind in _RANGES:
        if ip in network:
            return kind
    return _builtin_kind(ip)


def _builtin_kind(ip: _Address) -> str | None:
    if ip.is_unspecified:
        return "the unspecified address"
    if ip.is_loopback:
        return "a loopback address"
    if ip in _IPV4_COMPATIBLE:
        return "an IPv4-compatible address"
    if ip.is_link_local:
        return "a link-local address"
    if ip.is_multicast:
        return "a multicast address"
    if ip.is_private:
        return "a private address"
    if ip.version == 6 and int(ip) >> 32 & 0xFFFFFFFF in _ISATAP:
        return "an ISATAP address"
    if ip.is_reserved or not ip.is_global or any(ip in net for net in EXTRA_BLOCKED_NET_RANGES):
        return "a reserved address"
    return None
