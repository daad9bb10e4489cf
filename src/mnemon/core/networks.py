"""Which addresses a request to somebody else's URL may go to: those of the public internet, and those that are named.

Whoever may write a URL into Mnemon must not reach through it what only this machine or its network can.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Where clouds hand out the credentials of a machine: never, whatever is named.
METADATA = frozenset(ipaddress.ip_address(one) for one in ("169.254.169.254", "100.100.100.200", "fd00:ec2::254"))
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))


def parse_networks(text: str | None) -> tuple[Network, ...]:
    """Return the networks of a setting, such as ``127.0.0.0/8, 10.1.0.0/16``.

    Raises:
        ValueError: one is no network.
    """
    networks = []
    for part in (text or "").split(","):
        if not part.strip():
            continue
        try:
            networks.append(ipaddress.ip_network(part.strip()))
        except ValueError as error:
            raise ValueError(
                f"a network is written as 10.1.0.0/16 or fd12::/48, several after commas: {error}"
            ) from None
    return tuple(networks)


def refusal(address: str, allowed: Sequence[Network] = ()) -> str | None:
    """Return why nothing may be sent to an address; None if it may.

    Args:
        address: an IP address, as a resolver gives it.
        allowed: networks beside the public internet that may be reached.
    """
    for ip in _meant(ipaddress.ip_address(address.partition("%")[0])):
        if ip in METADATA:
            return "it is where a cloud keeps this machine's credentials"
        if any(ip in network for network in allowed):
            continue
        if ip.is_loopback or ip.is_unspecified:
            return "it is this machine itself"
        if ip.is_link_local:
            return "it is link-local"
        if ip.is_multicast or not ip.is_global:
            return "it is no address of the public internet"
    return None


def _meant(ip: Address) -> Iterator[Address]:
    """Yield an address and the IPv4 addresses inside it, to which a gateway may lead."""
    if not isinstance(ip, ipaddress.IPv6Address):
        yield ip
        return
    if ip.ipv4_mapped is not None:
        yield ip.ipv4_mapped
        return
    yield ip
    if ip.sixtofour is not None:
        yield ip.sixtofour
    if ip.teredo is not None:
        yield from ip.teredo
    if any(ip in network for network in _NAT64):
        yield ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
