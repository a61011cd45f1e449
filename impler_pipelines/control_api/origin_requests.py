"""Origins as requests give them: checked, in the one spelling that browsers send. It stores none.

* ``scheme://host[:port]``, http or https; a port that the scheme has anyway is left out
* a host name is in lower case and in ASCII (IDNA); ``*.`` before a domain of two names or more
  stands for every host below it
* no IPv6 address: no Content-Security-Policy can name one (CSP 3, section 2.3.1)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

import idna

from impler_pipelines.control_api.gathering import Gathered
from impler_pipelines.errors import RequestInvalid

_PORTS = {"http": 80, "https": 443}
_TAKES = "must be an origin such as https://app.example or https://*.example.com:8443"
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z)(?:\*\.(?={_LABEL}\.))?{_LABEL}(?:\.{_LABEL})*", re.ASCII)


def read_origins(given: Sequence[str]) -> list[str]:
    """The origins, each once. Raises ``RequestInvalid`` naming each that is none."""
    gathered, found = Gathered(), []
    for index, text in enumerate(given):
        with gathered.check():
            found.append(_origin(text, f"origins.{index}"))
    gathered.raise_any()
    return list(dict.fromkeys(found))


def _origin(text: str, field: str) -> str:
    scheme, separator, place = text.removesuffix("/").partition("://")
    scheme = scheme.lower()
    if scheme not in _PORTS or not separator or re.search(r"[/?#@\\\s]", place):
        raise RequestInvalid.of(field, f"{_TAKES}, with no path; not {text!r}")
    if "[" in place:
        raise RequestInvalid.of(field, "is an IPv6 address, which no browser lets be named here")
    try:
        parts = urlsplit(f"{scheme}://{place}")
        host, port = _ascii(parts.hostname or ""), parts.port
    except ValueError as error:
        raise RequestInvalid.of(field, f"{_TAKES}; not {text!r}") from error
    if not _HOST.fullmatch(host) or port == 0 or place.endswith(":"):
        raise RequestInvalid.of(field, f"{_TAKES}; not {text!r}")
    shown_port = "" if port in (None, _PORTS[scheme]) else f":{port}"
    return f"{scheme}://{host}{shown_port}"


def _ascii(host: str) -> str:
    """The host as browsers send it (UTS 46, non-transitional). Raises ``UnicodeError``."""
    if host.isascii():
        return host
    wildcard, name = ("*.", host[2:]) if host.startswith("*.") else ("", host)
    return wildcard + idna.encode(name, uts46=True).decode()
