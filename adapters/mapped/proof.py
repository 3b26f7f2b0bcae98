"""Who sent it: the proofs that other systems have, told by a map. Pure; secrets and the clock are arguments."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from adapters import webhook_signature
from adapters.map_faults import fault
from adapters.mapping.field_values import MapPart
from adapters.mapping.proof_kinds import (
    DECODED,
    BasicProof,
    BearerProof,
    HmacProof,
    Secrets,
    SignedTime,
    StandardWebhooksProof,
)
from bus.domain.errors import MalformedInput
from bus.intake.source_adapter import PATH_SECRET, PEER
from bus.settings import SettingsInvalid

SECRET_CHARS_MIN: Final = 16
PARTS_MAX: Final = 10


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        raise fault(
            f"“{text}”不是网段,例如 203.0.113.0/24", f"{text!r} is no network, such as 203.0.113.0/24"
        ) from None
    return text


class PathProof(MapPart):
    """A secret at the end of the address, for systems that can sign nothing; `networks`: where they call from."""

    kind: Literal["path"]
    secrets: Secrets
    networks: Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], Field(min_length=1, max_length=50)]


Proof = Annotated[StandardWebhooksProof | HmacProof | BasicProof | BearerProof | PathProof, Field(discriminator="kind")]
Verify = Callable[[Mapping[str, str], bytes, datetime], object]  # what it gives is nobody's


def verifier(proof: Proof, secrets: Sequence[str], *, where: str) -> Verify:
    """Make the check of a delivery's lower-case headers and body. It raises MalformedInput (401) and nothing else.

    Raises SettingsInvalid for a secret that is too short or not written as the map says: the place, never the value.
    """
    if isinstance(proof, StandardWebhooksProof):
        keys = [webhook_signature.secret(one, where=where) for one in secrets]
        return lambda headers, body, now: webhook_signature.verify(headers, body, secrets=keys, now=now)
    if short := [one for one in secrets if len(one) < SECRET_CHARS_MIN]:
        raise SettingsInvalid(f"{where}: a secret has at least {SECRET_CHARS_MIN} characters; this one {len(short[0])}")
    match proof:
        case HmacProof():
            return _hmac(proof, _keys(proof, secrets, where))
        case BasicProof():
            good = [f"Basic {base64.b64encode(one.encode()).decode()}" for one in secrets]
            return lambda headers, _body, _now: _equals_one("authorization", headers.get("authorization", ""), good)
        case BearerProof(header=name, prefix=prefix):
            good = [f"{prefix}{one}" for one in secrets]
            return lambda headers, _body, _now: _equals_one(name, headers.get(name, ""), good)
        case PathProof():
            return _path(proof, secrets)


def _keys(proof: HmacProof, secrets: Sequence[str], where: str) -> Sequence[bytes]:
    try:
        return [DECODED[proof.secret_is](one) for one in secrets]
    except ValueError:
        raise SettingsInvalid(f"{where}: a secret is not {proof.secret_is}") from None


def _hmac(proof: HmacProof, keys: Sequence[bytes]) -> Verify:
    before, after = (piece.encode("latin-1", "replace") for piece in proof.signed.split("{body}"))
    time = proof.timestamp

    def filled(piece: bytes, headers: Mapping[str, str]) -> bytes:
        if time is not None and b"{timestamp}" in piece:
            piece = piece.replace(
                b"{timestamp}", _parts(headers, time.header, time.part)[0].encode("latin-1", "replace")
            )
        if proof.id_header is not None and b"{id}" in piece:
            piece = piece.replace(b"{id}", _present(headers, proof.id_header).encode("latin-1", "replace"))
        return piece

    def verify(headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        given = _parts(headers, proof.header, proof.part)
        if time is not None:
            _check_age(time, headers, now)
        sent = [one[len(proof.prefix) :].strip() for one in given if one.startswith(proof.prefix)]
        content = filled(before, headers) + body + filled(after, headers)
        for key in keys if sent else ():
            digest = hmac.new(key, content, getattr(hashlib, proof.algorithm)).digest()
            shown = digest.hex() if proof.encoding == "hex" else base64.b64encode(digest).decode()
            if any(_same(one.lower() if proof.encoding == "hex" else one, shown) for one in sent):
                return
        raise _unproven(proof.header)

    return verify


def _check_age(time: SignedTime, headers: Mapping[str, str], now: datetime) -> None:
    if abs(_signed_time(time, headers) - now) > timedelta(seconds=time.within_s):
        zh = f"签名时间与现在相差超过 {time.within_s} 秒"
        raise MalformedInput("stale_delivery", time.header, zh, f"signed more than {time.within_s} s from now")


def _signed_time(time: SignedTime, headers: Mapping[str, str]) -> datetime:
    text = _parts(headers, time.header, time.part)[0]
    try:
        if time.format == "rfc3339":
            at = datetime.fromisoformat(text)
            return at if at.tzinfo else at.replace(tzinfo=UTC)
        return datetime.fromtimestamp(int(text) / (1000 if time.format == "epoch_ms" else 1), UTC)
    except (ValueError, OverflowError, OSError):
        zh, en = f"{time.header} 不是 {time.format} 时间", f"{time.header} is no time in {time.format}"
        raise MalformedInput("bad_timestamp", time.header, zh, en) from None


_STANDARD: Final = SignedTime(header=webhook_signature.TIMESTAMP)


def signed_at(proof: Proof, headers: Mapping[str, str], now: datetime) -> datetime:
    """Say when a delivery was signed, by its lower-case headers; now where a proof has none. Raises MalformedInput."""
    match proof:
        case StandardWebhooksProof():
            return _signed_time(_STANDARD, headers)
        case HmacProof(timestamp=SignedTime() as time):
            return _signed_time(time, headers)
        case _:
            return now


def _path(proof: PathProof, secrets: Sequence[str]) -> Verify:
    networks = [ip_network(one) for one in proof.networks]

    def verify(headers: Mapping[str, str], _body: bytes, _now: datetime) -> None:
        peer = headers.get(PEER, "")
        try:
            near = any(ip_address(peer) in one for one in networks)
        except ValueError:
            near = False
        if not near:
            raise MalformedInput(
                "address_not_listed", "peer", "来源地址不在列表中", "the sender's address is not listed"
            )
        _equals_one("path", headers.get(PATH_SECRET, ""), secrets)

    return verify


def _present(headers: Mapping[str, str], name: str) -> str:
    if value := headers.get(name, "").strip():
        return value
    raise MalformedInput("missing_header", name, f"缺少请求头 {name}", f"the header {name} is missing")


def _parts(headers: Mapping[str, str], name: str, part: str | None) -> Sequence[str]:
    """Give a header, or what stands in it under the name of a part: one at least. Raises MalformedInput."""
    text = _present(headers, name)
    if part is None:
        return [text]
    pairs = [one.partition("=") for one in text.split(",", PARTS_MAX)]
    if found := [value.strip() for key, _, value in pairs if key.strip() == part and value.strip()]:
        return found
    zh, en = f"请求头 {name} 中没有 {part}=…", f"the header {name} has no {part}=…"
    raise MalformedInput("missing_header", name, zh, en)


def _equals_one(field: str, given: str, good: Sequence[str]) -> None:
    """Compare in constant time with each."""
    if not [one for one in good if _same(given.strip(), one)]:
        raise _unproven(field)


def _same(given: str, good: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), good.encode("utf-8", "replace"))


def _unproven(field: str) -> MalformedInput:
    return MalformedInput("bad_signature", field, "签名或密钥不对", "the signature, or the secret, is not right")
