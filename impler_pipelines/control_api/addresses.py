"""The address check as the settings allow it, for destinations that a request names."""

from __future__ import annotations

from typing import Annotated, Protocol

from fastapi import Depends, Request

from impler_pipelines.errors import FeedUnavailable, UrlRefused
from impler_pipelines.settings import Settings
from impler_pipelines.sources import check_address


class AddressCheck(Protocol):
    """A check of one address."""

    def __call__(self, host: str, port: int, *, url: str) -> None:
        """Raise ``UrlRefused`` for a host that must not be dialled, or can't be resolved."""


async def _address_check_of(request: Request) -> AddressCheck:
    settings: Settings = request.app.state.settings

    def check(host: str, port: int, *, url: str) -> None:
        try:
            check_address(host, port, url=url, allow_private=settings.allow_private_addresses)
        except FeedUnavailable as error:  # the guard's word for a name that has no address
            raise UrlRefused(url, error.reason) from error

    return check


CheckAddress = Annotated[AddressCheck, Depends(_address_check_of)]
