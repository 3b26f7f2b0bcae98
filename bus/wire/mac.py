"""Message authentication codes of records whose writers were proven before: HMAC-SHA256 of the value. Pure.

A gateway proves who sent a request, then puts it on Kafka; whoever reads it there believes the proof only with a code.
"""

import hmac
from collections.abc import Iterable, Sequence

MAC = "ticketbus-mac"


def mac_headers(secrets: Sequence[bytes], value: bytes) -> list[tuple[str, bytes]]:
    """Give the header of a record that holds `value`, by the first secret; none when there is no secret."""
    return [(MAC, _mac(secret, value)) for secret in secrets[:1]]


def is_authentic(secrets: Sequence[bytes], value: bytes, headers: Iterable[tuple[str, bytes]]) -> bool:
    """Say whether a header was made of this value by one of the secrets; without secrets every record is."""
    made = [given for name, given in headers if name == MAC]
    return not secrets or any(hmac.compare_digest(_mac(secret, value), one) for secret in secrets for one in made)


def _mac(secret: bytes, value: bytes) -> bytes:
    return hmac.digest(secret, value, "sha256").hex().encode()
