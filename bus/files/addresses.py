"""Signed, short-lived addresses of files: whoever has one reads that file until it expires, and no other. Pure."""

import base64
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256 as digest

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PATH = "/v1/files"


class AddressFault(StrEnum):
    """Why an address opens nothing."""

    WRONG = "address_wrong"
    EXPIRED = "address_expired"


@dataclass(frozen=True, slots=True)
class SignedAddress:
    """An address, from the root of the gateway, and until when it is good."""

    url: str
    expires_at: datetime


class AddressSigner:
    """Signs by HMAC-SHA256 under a key that is derived from the master key, so all gateways know each other's."""

    def __init__(self, secret: bytes, lifetime: timedelta) -> None:
        """Take the master key's secret, and how long an address is good."""
        self._key = HKDF(hashes.SHA256(), 32, salt=None, info=b"ticketbus addresses of files").derive(secret)
        self._lifetime = lifetime

    def address(self, sha256: str, now: datetime) -> SignedAddress:
        """Give the address of a file, by the SHA-256 of its bytes."""
        expires = int((now + self._lifetime).timestamp())
        url = f"{PATH}/{sha256}?expires={expires}&signature={self._signature(sha256, expires)}"
        return SignedAddress(url, datetime.fromtimestamp(expires, UTC))

    def fault(self, sha256: str, expires: str, signature: str, now: datetime) -> AddressFault | None:
        """Say what is wrong with an address; None when it is good. The signature is compared in constant time."""
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12 and signature.isascii()):
            return AddressFault.WRONG
        if not hmac.compare_digest(self._signature(sha256, int(expires)), signature):
            return AddressFault.WRONG
        return AddressFault.EXPIRED if int(expires) <= now.timestamp() else None

    def _signature(self, sha256: str, expires: int) -> str:
        made = hmac.digest(self._key, f"v1\n{sha256}\n{expires}".encode(), digest)
        return base64.urlsafe_b64encode(made).rstrip(b"=").decode()
