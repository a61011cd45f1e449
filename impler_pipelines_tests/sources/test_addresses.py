from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impler_pipelines.errors import AddressRefused, FeedUnavailable, UrlRefused
from impler_pipelines.sources import check_address
from impler_pipelines.sources.addresses import refused_kind

URL = "http://x.test/"


class TestRefusedKind:
    @pytest.mark.parametrize(
        "address",
        [
            "1.1.1.1",
            "93.184.216.34",
            "2606:4700::1111",
            "2a00:1450:4001::200e",
            "2606:4700::5eff:101:101",
        ],
    )
    def test_public_addresses_pass(self, address: str) -> None:
        assert refused_kind(address) is None

    @pytest.mark.parametrize(
        ("address", "kind"),
        [
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("::1", "loopback"),
            ("0.0.0.0", "unspecified"),
            ("::", "unspecified"),
            ("0.1.2.3", "private"),
            ("10.0.0.1", "private"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.168.1.1", "private"),
            ("fd00::1", "private"),
            ("169.254.0.1", "link-local"),
            ("fe80::1", "link-local"),
            ("fe80::1%eth0", "link-local"),
            ("fec0::1", "site-local"),
            ("169.254.169.254", "metadata"),
            ("fd00:ec2::254", "metadata"),
            ("168.63.129.16", "metadata"),
            ("100.100.100.200", "metadata"),
            ("100.64.0.1", "carrier-grade NAT"),
            ("224.0.0.1", "multicast"),
            ("ff02::1", "multicast"),
            ("240.0.0.1", "private"),
            ("255.255.255.255", "private"),
            ("192.0.2.1", "private"),
            ("198.18.0.1", "private"),
            ("192.88.99.1", "reserved"),
            ("::ffff:1.1.1.1", "IPv4-mapped"),
            ("::ffff:127.0.0.1", "IPv4-mapped"),
            ("::1.1.1.1", "IPv4-compatible"),
            ("::ffff:0:1.1.1.1", "IPv4-translated"),
            ("64:ff9b::1.1.1.1", "NAT64"),
            ("64:ff9b:1::1", "NAT64"),
            ("2002:7f00:1::", "6to4"),
            ("2001::1", "Teredo"),
            ("2606:4700::5efe:1.1.1.1", "ISATAP"),
            ("2606:4700::200:5efe:1.1.1.1", "ISATAP"),
            ("2001:db8::1", "private"),
            ("3fff::1", "reserved"),
            ("5f00::1", "reserved"),
            ("100::1", "private"),
        ],
    )
    def test_others_are_named(self, address: str, kind: str) -> None:
        assert kind in (refused_kind(address) or "")

    @given(st.ip_addresses(v=4))
    def test_an_ipv4_address_is_refused_in_every_ipv6_clothing(
        self, address: ipaddress.IPv4Address
    ) -> None:
        for clothing in ("::ffff:{}", "64:ff9b::{}", "::{}", "::ffff:0:{}"):
            assert refused_kind(clothing.format(address)) is not None

    @given(st.ip_addresses())
    def test_what_python_calls_not_global_never_passes(
        self, address: ipaddress.IPv4Address | ipaddress.IPv6Address
    ) -> None:
        if not address.is_global:
            assert refused_kind(str(address)) is not None


class TestCheckAddress:
    @pytest.mark.parametrize(
        "host",
        ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "0", "localhost",
         "::1", "::ffff:7f00:1", "127.0.0.1."],
    )  # fmt: skip
    def test_every_spelling_of_loopback_is_refused(self, host: str) -> None:
        try:
            check_address(host, 80, url=URL, allow_private=False)
        except AddressRefused as error:
            assert error.url == URL  # noqa: PT017  a resolver may also not know the spelling
        except FeedUnavailable:
            assert host == "127.0.0.1."
        else:
            pytest.fail(f"{host} was let through")

    def test_the_error_names_kind_and_setting(self) -> None:
        with pytest.raises(AddressRefused, match="IMPLER_ALLOW_PRIVATE_ADDRESSES") as caught:
            check_address("10.1.2.3", 80, url=URL, allow_private=False)
        assert (caught.value.address, caught.value.kind) == ("10.1.2.3", "a private address")

    def test_a_name_is_not_told_its_private_address(self) -> None:
        """Users give names: they would learn how the operator's own network is numbered."""
        with pytest.raises(AddressRefused) as caught:
            check_address("localhost", 80, url="http://localhost/", allow_private=False)
        assert "a loopback address" in str(caught.value)
        assert caught.value.address not in str(caught.value)

    def test_allowed_they_are_given_to_dial(self) -> None:
        [found] = check_address("127.0.0.1", 8080, url=URL, allow_private=True)
        assert found.sockaddr == ("127.0.0.1", 8080)

    def test_a_public_one_is_given_to_dial(self) -> None:
        [found] = check_address("1.1.1.1", 443, url=URL, allow_private=False)
        assert found.host == "1.1.1.1"

    def test_an_unknown_name_may_be_known_later(self) -> None:
        with pytest.raises(FeedUnavailable, match="can't be resolved"):
            check_address("nowhere.invalid", 80, url=URL, allow_private=True)

    @pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".test", "é" * 200])
    def test_an_impossible_name(self, host: str) -> None:
        with pytest.raises((UrlRefused, FeedUnavailable)):
            check_address(host, 80, url=URL, allow_private=True)
