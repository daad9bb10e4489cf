"""Which addresses nothing is sent to: this machine, its networks, and what a gateway leads to them by."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemon.core.networks import METADATA, parse_networks, refusal

EVERYTHING = parse_networks("0.0.0.0/0, ::/0")


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_the_public_internet_is_reached(address: str) -> None:
    assert refusal(address) is None


@pytest.mark.parametrize(
    "address",
    """127.0.0.1 127.1.2.3 0.0.0.0 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 169.254.1.1 100.64.0.1 198.18.0.1
    192.0.2.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 ::1 :: fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 ff02::1
    ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 2002:7f00:1::
    2002:a00:1:: 2001:db8::1 64:ff9b:1::a00:1""".split(),
)
def test_nothing_else_is(address: str) -> None:
    assert refusal(address)


def test_what_is_named_is_reached_and_nothing_beside_it() -> None:
    allowed = parse_networks("127.0.0.0/8,10.1.0.0/16 , fd12::/48,")
    for address in ("127.0.0.1", "10.1.255.1", "fd12::1", "::ffff:10.1.0.1"):
        assert refusal(address, allowed) is None
    for address in ("10.2.0.1", "::1", "fd13::1"):
        assert refusal(address, allowed)


def test_credentials_of_the_machine_are_never_reached() -> None:
    for address in METADATA:
        assert refusal(str(address), EVERYTHING)
    assert refusal("::ffff:169.254.169.254", EVERYTHING)
    assert refusal("64:ff9b::a9fe:a9fe", EVERYTHING)


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_what_it_is_itself(address: ipaddress.IPv4Address) -> None:
    plain = refusal(str(address))
    assert (refusal(f"::ffff:{address}") is None) is (plain is None)
    if plain is not None:
        assert refusal(str(ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) | int(address))))


@pytest.mark.parametrize("text", ["10.0.0.0/33", "localhost", "10.0.0.1/8", "10.0.0.0/8;127.0.0.1"])
def test_a_network_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="network"):
        parse_networks(text)
