"""Where evidence may lie: addresses that lead whoever follows them to a proof, and nowhere else. Pure."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address, IPv6Network, ip_address
from unicodedata import normalize
from urllib.parse import unquote

from bus.domain.text import IGNORABLE, INVISIBLE

FILE_SCHEME = "ticketbus-file"
"""Of files in the bus's own store (bus/domain/named_files.py)."""

SCHEMES = frozenset({"http", "https", "oss", "photo", "s3", FILE_SCHEME})
# A percent sign without two hex digits, and what nobody sees but joiners and variants, which emoji and scripts need.
_BROKEN = re.compile(rf"%(?![0-9a-fA-F]{{2}})|(?![\u200c\u200d\ufe00-\ufe0f])[{INVISIBLE}]")
_PLACE = re.compile(r"//[^/?#]+.*", re.DOTALL)
_BUCKETS = frozenset({"oss", "s3"})
_OBJECT = re.compile(r"//[^/?#]+/[^?#].*")
_PORT = re.compile(r"(?::([0-9]{0,5}))?")
_PORT_MAX = 65_535
_OWN = re.compile(rf"{FILE_SCHEME}:([0-9a-f]{{64}})")
_WEB = frozenset({"http", "https"})
# The machine of whoever follows it, and what a cloud tells a machine about itself beside 169.254.169.254.
_NAMES = ("localhost", "metadata.google.internal", "metadata.goog")
_METADATA = frozenset(map(ip_address, ("100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254")))
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
# Parameters of links that somebody signed, of S3, Google, OSS, COS, OBS, Azure, Qiniu and CDNs, and words for tokens.
_SIGNED = re.compile(
    r"[?&#;](?:[a-z0-9-]*signature|[a-z0-9-]*security-?token|x-[a-z]+-credential|sig|sign|auth[_-]?key|(?:tx|ws)[_-]?secret"
    r"|(?:(?:access|auth|session|user)[_-]?)?token)="
)
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_MAX = 2**32 - 1


def may_be_followed(uri: str) -> bool:
    """Say whether an address has a scheme of the list, a place, and no host of the reader's machine or network link.

    A blank makes it none, a bucket wants an object's key, and nobody's name or password stands in an event.
    """
    written, colon, rest = uri.partition(":")
    scheme = written.lower()
    if not colon or scheme not in SCHEMES or "\\" in uri or any(map(str.isspace, uri)) or _BROKEN.search(uri):
        return False
    if scheme == FILE_SCHEME:
        return file_of(uri) is not None
    if not (_OBJECT if scheme in _BUCKETS else _PLACE).fullmatch(rest):
        return False
    authority = re.split(r"[/?#]", rest.removeprefix("//"), maxsplit=1)[0]
    return _is_written_well(authority) and (scheme not in _WEB or _is_elsewhere(_host(rest)))


def is_signed(uri: str) -> bool:
    """Say whether an address holds a signature or a token: it is a secret, and dead after a while."""
    return _SIGNED.search(unquote(uri).lower()) is not None


def file_of(uri: str) -> str | None:
    """Give the SHA-256 of the file that an address names; None for an address that is none of our store's."""
    found = _OWN.fullmatch(uri)
    return found[1] if found else None


def _is_written_well(authority: str) -> bool:
    """Say whether an authority has a host without empty labels, a port that there is, and no user information."""
    if "@" in normalize("NFKC", unquote(authority)):
        return False
    before, bracket, after = authority.rpartition("]")
    host, colon, number = (before, "", "") if bracket else after.partition(":")
    port = _PORT.fullmatch(after if bracket else colon + number)
    if port is None or int(port[1] or 0) > _PORT_MAX:
        return False
    return bool(host) and ".." not in host and not host.startswith(".")


def _host(rest: str) -> str:
    """Give the host as a browser reads it: whatever the count of slashes, the width and form of characters."""
    authority = re.split(r"[/?#]", rest.lstrip("/"), maxsplit=1)[0].rpartition("@")[2]
    shown = normalize("NFKC", IGNORABLE.sub("", unquote(authority))).lower().replace("\u3002", ".")
    return shown.partition("]")[0] + "]" if shown.startswith("[") else shown.partition(":")[0].removesuffix(".")


def _is_elsewhere(host: str) -> bool:
    if host.startswith("["):
        try:
            return not _is_near(IPv6Address(host.strip("[]").partition("%")[0]))
        except AddressValueError:
            return False
    if _NUMBER.fullmatch(host.rpartition(".")[2]):  # no domain ends in a number
        address = _ipv4(host)
        return address is not None and not _is_near(address)
    return bool(host) and not any(host == name or host.endswith(f".{name}") for name in _NAMES)


def _ipv4(host: str) -> IPv4Address | None:
    """Read an address as inet_aton does: one to four numbers, decimal, octal or hex, the last one fills the rest."""
    parts = host.split(".")
    if len(parts) > 4 or not all(map(_NUMBER.fullmatch, parts)):
        return None
    try:
        *first, last = [_number(part) for part in parts]
    except ValueError:
        return None
    value = last
    for place, one in enumerate(first):
        if one > 255:
            return None
        value += one << (8 * (3 - place))
    return IPv4Address(value) if last < 1 << (8 * (4 - len(first))) and value <= _MAX else None


def _number(part: str) -> int:
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8 if part.startswith("0") else 10)


def _is_near(address: IPv4Address | IPv6Address) -> bool:
    """Say whether an address, or one that it carries, is the reader's own machine, its link, or a cloud's metadata."""
    if address.is_link_local or address.is_loopback or address.is_unspecified or address in _METADATA:
        return True
    return isinstance(address, IPv6Address) and any(map(_is_near, _carried(address)))


def _carried(address: IPv6Address) -> list[IPv4Address]:
    """List the IPv4 addresses in an IPv6 one: mapped, of 6to4, of Teredo, of NAT64, or its last 32 bits."""
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(address in network for network in _NAT64) or int(address) <= _MAX:
        found.append(IPv4Address(int(address) & _MAX))
    return [one for one in found if one is not None]
