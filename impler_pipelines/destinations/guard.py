"""Which addresses a destination named in a request may have: the address guard of ``sources``."""

from __future__ import annotations

from impler_pipelines.destinations.engines import CheckAddress
from impler_pipelines.errors import (
    DestinationRefused,
    DestinationUnavailable,
    FeedUnavailable,
    UrlRefused,
)
from impler_pipelines.sources import check_address


def address_check(*, allow_private: bool) -> CheckAddress:
    """A ``check_address`` for ``open_destination``: public addresses alone unless it says else.

    It raises ``DestinationRefused``, and ``DestinationUnavailable`` for a name that can't be
    resolved now.
    """

    def check(host: str, port: int) -> list[str]:
        shown = f"The destination {host}:{port}"
        try:
            found = check_address(host, port, url=shown, allow_private=allow_private)
        except FeedUnavailable as error:  # the guard's word for a name that has no address
            raise DestinationUnavailable(f"{shown} can't be reached: {error.reason}") from error
        except UrlRefused as error:
            raise DestinationRefused(str(error)) from error
        return [address.host for address in found]

    return check
