"""The address check as the settings allow it, for destinations that a request names."""

from __future__ import annotations

from typing import Annotated, Protocol

from fastapi import Depends, Request

from impler_pipelines.settings import Settings
from impler_pipelines.sources import check_address


class AddressCheck(Protocol):
    """Raises ``AddressRefused`` for a host that must not be dialled."""

    def __call__(self, host: str, port: int, *, url: str) -> None: ...


async def _address_check_of(request: Request) -> AddressCheck:
    settings: Settings = request.app.state.settings

    def check(host: str, port: int, *, url: str) -> None:
        check_address(host, port, url=url, allow_private=settings.allow_private_addresses)

    return check


CheckAddress = Annotated[AddressCheck, Depends(_address_check_of)]
