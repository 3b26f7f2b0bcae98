"""Addresses that are public, and those behind a name: calls that must not reach what is inside ask here first."""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

import httpx2

from adapters.map_faults import fault

_NAT64: Final = ip_network("64:ff9b::/96")


class PrivateAddress(OSError):
    """A host is, or its name leads to, an address that is not public: private, loopback, link-local or reserved."""


def is_address(host: str) -> bool:
    """Say whether a host is an address and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Say whether an address is everybody's internet; one of IPv6 that carries one of IPv4 is judged by that."""
    read = ip_address(address)
    carried = _carried(read) if isinstance(read, IPv6Address) else None
    one = carried or read
    return one.is_global and not one.is_multicast


def _carried(address: IPv6Address) -> IPv4Address | None:
    """Give the address of IPv4 that a gateway on the way would make of it."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def is_inside(host: str) -> bool:
    """Say whether a host that stands in an address is private or local by what is written; a name may be, too."""
    return not is_public(host) if is_address(host) else host == "localhost"


def refuse_inside(urls: Mapping[str, str | None], *, allowed: bool) -> None:
    """Refuse addresses of a map, by their places there, that are inside where it does not say so. Raises ValueError."""
    for place, url in urls.items():
        host = httpx2.URL(url).host if url else ""
        if host and is_inside(host) and not allowed:
            zh = f"{place}: {host} 是内网或本机地址,须写明 private_addresses: true"
            raise fault(zh, f"{place}: {host} is a private or local address: write private_addresses: true")


async def public_addresses(host: str, port: int) -> Sequence[str]:
    """Give the addresses of a host, in the system's order. Raises PrivateAddress if one of them is, gaierror.

    Whoever calls connects to one of these and does not look the name up again: it may lead elsewhere by then.
    """
    if is_address(host):
        found = [host]
    else:
        answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    if not all(map(is_public, found)):
        raise PrivateAddress("not a public address")
    return found
