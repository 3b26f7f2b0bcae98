"""Standard Webhooks: signing a delivery and proving its sender. Pure; the clock is an argument."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bus.domain.errors import MalformedInput
from bus.settings import SettingsInvalid

ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"
TOLERANCE: Final = timedelta(seconds=300)
SECRET_BYTES_MIN: Final = 24
ID_CHARS_MAX: Final = 256
SIGNATURES_MAX: Final = 16  # a rotation needs two; each one costs a digest per secret
_PREFIX: Final = "whsec_"
_VERSION: Final = "v1"
_MILLISECONDS_DIGITS: Final = range(12, 15)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A signing key; never printed."""

    key: bytes


def secret(text: str, *, where: str = "webhook_secrets") -> Secret:
    """Read `whsec_…` (base64 of at least 24 bytes). Raises SettingsInvalid, which never names the value."""
    try:
        key = base64.b64decode(text.strip().removeprefix(_PREFIX).encode(), validate=True)
    except ValueError:
        raise SettingsInvalid(f"{where}: a secret is 'whsec_' and then base64; this one is not base64") from None
    if len(key) < SECRET_BYTES_MIN:
        raise SettingsInvalid(f"{where}: a secret has at least {SECRET_BYTES_MIN} bytes; this one has {len(key)}")
    return Secret(key)


def sign(key: Secret, delivery_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Give the three headers of a delivery signed at `at` (aware)."""
    timestamp = str(int(at.timestamp()))
    digest = base64.b64encode(_digest(key, delivery_id, timestamp, body)).decode()
    return {ID: delivery_id, TIMESTAMP: timestamp, SIGNATURE: f"{_VERSION},{digest}"}


def sign_by_all(keys: Sequence[Secret], delivery_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Give the headers of a delivery that each of the keys has signed, so that the receiver can change its own."""
    each = [sign(key, delivery_id, at, body) for key in keys]
    return each[0] | {SIGNATURE: " ".join(headers[SIGNATURE] for headers in each)}


def verify(headers: Mapping[str, str], body: bytes, *, secrets: Sequence[Secret], now: datetime) -> str:
    """Prove that a holder of any of the secrets sent this, within ±300 s of `now`, and give the delivery's id.

    Every secret is tried against every v1 signature, in constant time: both sides can rotate. Raises MalformedInput
    (`missing_header`, `timestamp_not_seconds`, `stale_delivery`, `bad_signature`) and nothing else, whatever the
    headers hold.
    """
    given = {name.lower(): value for name, value in headers.items()}
    delivery_id, timestamp, signatures = (_header(given, name) for name in (ID, TIMESTAMP, SIGNATURE))
    if len(delivery_id) > ID_CHARS_MAX or not (delivery_id.isascii() and delivery_id.isprintable()):
        raise _bad(
            ID,
            f"必须是不超过 {ID_CHARS_MAX} 个可见 ASCII 字符",
            f"must be at most {ID_CHARS_MAX} visible ASCII characters",
        )
    _check_age(timestamp, now)
    offered = _offered(signatures)
    expected = [_digest(key, delivery_id, timestamp, body) for key in secrets]
    fits = [hmac.compare_digest(wanted, one) for wanted in expected for one in offered]
    if not any(fits):  # all were compared: how long it takes does not tell which secret fitted
        raise _bad(
            SIGNATURE, "与内容不符,请核对密钥并对原始字节签名", "does not fit; check the secret and sign the raw bytes"
        )
    return delivery_id


def signed_at(headers: Mapping[str, str]) -> datetime | None:
    """Give when a verified delivery was signed; None where its headers were not kept. Pure."""
    timestamp = headers.get(TIMESTAMP, "").strip()
    return datetime.fromtimestamp(int(timestamp), UTC) if timestamp else None


def _header(given: Mapping[str, str], name: str) -> str:
    value = given.get(name, "").strip()
    if not value:
        raise MalformedInput("missing_header", name, f"缺少请求头 {name}", f"the header {name} is missing")
    return value


def _check_age(timestamp: str, now: datetime) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11):
        raise _not_seconds(timestamp)
    apart = int(abs(now - datetime.fromtimestamp(int(timestamp), UTC)).total_seconds())
    allowed = int(TOLERANCE.total_seconds())
    if apart > allowed:
        raise MalformedInput(
            "stale_delivery",
            TIMESTAMP,
            f"签名时间与现在相差 {apart} 秒(允许 {allowed} 秒),请校准时钟并在重试时重新签名",
            f"signed {apart} s away from now ({allowed} s allowed); set the clock, sign retries anew",
        )


def _not_seconds(timestamp: str) -> MalformedInput:
    """Say how it is spelled instead; nothing of it is shown, since nobody has proven it."""
    zh, en = "", ""
    if timestamp.isascii() and timestamp.isdigit() and len(timestamp) in _MILLISECONDS_DIGITS:
        zh, en = ",收到的像是毫秒,请除以 1000 取整", "; this looks like milliseconds: divide by 1000"
    elif _DATE.match(timestamp):
        zh, en = ",收到的像是日期时间,请换算成秒数", "; this looks like a date: send its seconds since 1970"
    zh = f"{TIMESTAMP} 必须是 Unix 秒数,如 1795311000{zh}"
    return MalformedInput(
        "timestamp_not_seconds", TIMESTAMP, zh, f"{TIMESTAMP} must be Unix seconds, as 1795311000{en}"
    )


def _offered(signatures: str) -> list[bytes]:
    """Read the v1 signatures; other versions and broken ones prove nothing and are passed over."""
    offered = []
    for signature in signatures.split(" ")[:SIGNATURES_MAX]:
        version, _, text = signature.partition(",")
        if version != _VERSION:
            continue
        try:
            offered.append(base64.b64decode(text.encode(), validate=True))
        except (binascii.Error, UnicodeEncodeError):
            continue
    return offered


def _digest(key: Secret, delivery_id: str, timestamp: str, body: bytes) -> bytes:
    return hmac.digest(key.key, f"{delivery_id}.{timestamp}.".encode() + body, hashlib.sha256)


def _bad(field: str, zh: str, en: str) -> MalformedInput:
    return MalformedInput("bad_signature", field, f"{field} {zh}", f"{field} {en}")
