"""The certificate that a server shows, read by connecting; it is not verified, for one that has ended is read too."""

import asyncio
import socket
import ssl
import struct
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.x509 import load_der_x509_certificate

CONNECT_S_MAX: Final = 5.0
_POSTGRESQL_TLS: Final = struct.pack("!ii", 8, 80877103)  # SSLRequest of its protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCertificate:
    """What a server showed: when its certificate ends, and which TLS was spoken; `ends_at` None: it has no TLS."""

    ends_at: datetime | None
    tls: str = ""


async def shown_certificate(host: str, port: int, *, postgresql: bool = False) -> ShownCertificate:
    """Connect and read it. Raises OSError, also what a handshake fails by."""
    return await asyncio.to_thread(_shown_certificate, host, port, postgresql=postgresql)


def _shown_certificate(host: str, port: int, *, postgresql: bool) -> ShownCertificate:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only read: nothing is sent over it
    with socket.create_connection((host, port), timeout=CONNECT_S_MAX) as plain:
        if postgresql:
            plain.sendall(_POSTGRESQL_TLS)
            if plain.recv(1) != b"S":
                return ShownCertificate(ends_at=None)
        with context.wrap_socket(plain, server_hostname=host) as secured:
            shown = secured.getpeercert(binary_form=True)
            tls = secured.version() or ""
    ends_at = load_der_x509_certificate(shown).not_valid_after_utc if shown else None
    return ShownCertificate(ends_at=ends_at, tls=tls)
