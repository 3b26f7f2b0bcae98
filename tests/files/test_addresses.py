"""A signed address opens one file until it expires, at every gateway that has the master key."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from bus.files.addresses import AddressFault, AddressSigner

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
LIFETIME = timedelta(minutes=15)
SECRET = b"s" * 43
FILE, OTHER = "ab" * 32, "cd" * 32


def asked(signer: AddressSigner) -> dict[str, str]:
    url = urlsplit(signer.address(FILE, NOON).url)
    assert url.path == f"/v1/files/{FILE}"
    return {name: value for name, (value,) in parse_qs(url.query, strict_parsing=True).items()}


def test_address_is_good_until_it_expires_and_for_its_file_alone() -> None:
    signer, again = AddressSigner(SECRET, LIFETIME), AddressSigner(SECRET, LIFETIME)
    query = asked(signer)
    assert signer.address(FILE, NOON).expires_at == NOON + LIFETIME
    assert again.fault(FILE, **query, now=NOON + LIFETIME - timedelta(seconds=1)) is None
    assert again.fault(FILE, **query, now=NOON + LIFETIME) is AddressFault.EXPIRED
    assert again.fault(OTHER, **query, now=NOON) is AddressFault.WRONG
    assert AddressSigner(b"t" * 43, LIFETIME).fault(FILE, **query, now=NOON) is AddressFault.WRONG
    later = str(int(query["expires"]) + 1)
    assert again.fault(FILE, later, query["signature"], NOON) is AddressFault.WRONG


@pytest.mark.parametrize("expires", ["", "-1", "1e9", "\u0661", "9" * 13, "0x1", " 1"])
def test_address_with_an_expiry_that_is_none_opens_nothing(expires: str) -> None:
    assert AddressSigner(SECRET, LIFETIME).fault(FILE, expires, "x" * 43, NOON) is AddressFault.WRONG


@pytest.mark.parametrize("signature", ["", "\u00e9", "x" * 10_000, "="])
def test_address_with_a_signature_that_is_none_opens_nothing(signature: str) -> None:
    signer = AddressSigner(SECRET, LIFETIME)
    assert signer.fault(FILE, asked(signer)["expires"], signature, NOON) is AddressFault.WRONG
