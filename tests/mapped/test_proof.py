"""Every way in which a source can prove itself, and what is refused of each."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import TypeAdapter

from adapters.mapped.proof import Proof, Verify, verifier
from adapters.webhook_signature import secret, sign
from bus.domain.errors import MalformedInput
from bus.intake.source_adapter import PATH_SECRET, PEER
from bus.settings import SettingsInvalid
from tests.mapped.maps import NOW

BODY = '{"标题": "洗衣机"}'.encode()
KEY, OTHER = "k" * 20, "o" * 20


def check(proof: Mapping[str, Any], *secrets: str) -> Verify:
    made: Proof = TypeAdapter(Proof).validate_python({"secrets": ["KEY_NOW", "KEY_NEXT"], **proof})
    return verifier(made, secrets or (KEY,), where="map")


def code(verify: Verify, headers: Mapping[str, str], body: bytes = BODY) -> str:
    with pytest.raises(MalformedInput) as refused:
        verify(headers, body, NOW)
    return refused.value.code


def test_proof_github_signs_the_body_in_hex_behind_a_prefix() -> None:
    proof = {"kind": "hmac", "header": "X-Hub-Signature-256", "prefix": "sha256="}
    digest = hmac.new(KEY.encode(), BODY, hashlib.sha256).hexdigest()
    verify = check(proof)
    verify({"x-hub-signature-256": f"sha256={digest}"}, BODY, NOW)
    verify({"x-hub-signature-256": f"sha256={digest.upper()}"}, BODY, NOW)
    assert code(verify, {"x-hub-signature-256": digest}) == "bad_signature"
    assert code(verify, {"x-hub-signature-256": f"sha256={digest}"}, BODY + b" ") == "bad_signature"
    assert code(verify, {}) == "missing_header"


def test_proof_zammad_signs_by_sha1() -> None:
    digest = hmac.new(KEY.encode(), BODY, hashlib.sha1).hexdigest()
    verify = check({"kind": "hmac", "header": "x-hub-signature", "prefix": "sha1=", "algorithm": "sha1"})
    verify({"x-hub-signature": f"sha1={digest}"}, BODY, NOW)


def test_proof_an_id_and_a_time_can_be_part_of_what_is_signed() -> None:
    proof = {
        "kind": "hmac",
        "header": "sig",
        "signed": "v0:{id}:{timestamp}:{body}",
        "id_header": "x-id",
        "timestamp": {"header": "x-time"},
    }
    seconds = str(int(NOW.timestamp()))
    digest = hmac.new(KEY.encode(), f"v0:7:{seconds}:".encode() + BODY, hashlib.sha256).hexdigest()
    headers = {"sig": digest, "x-id": "7", "x-time": seconds}
    verify = check(proof)
    verify(headers, BODY, NOW)
    assert code(verify, headers | {"x-id": "8"}) == "bad_signature"
    assert code(verify, headers | {"x-time": str(int(seconds) - 301)}) == "stale_delivery"
    assert code(verify, headers | {"x-time": "soon"}) == "bad_timestamp"
    assert code(verify, headers | {"x-time": "9" * 40}) == "bad_timestamp"


def test_proof_time_and_signature_may_be_parts_of_one_header() -> None:
    proof = {
        "kind": "hmac",
        "header": "x-sig",
        "part": "v1",
        "signed": "{timestamp}.{body}",
        "timestamp": {"header": "x-sig", "part": "t"},
    }
    seconds = str(int(NOW.timestamp()))
    digest = hmac.new(KEY.encode(), f"{seconds}.".encode() + BODY, hashlib.sha256).hexdigest()
    verify = check(proof)
    verify({"x-sig": f"t={seconds},v1={digest}"}, BODY, NOW)
    verify({"x-sig": f"t={seconds}, v1={'0' * 64}, v1={digest}, v0=other"}, BODY, NOW)
    assert code(verify, {"x-sig": f"t={seconds},v0={digest}"}) == "missing_header"
    assert code(verify, {"x-sig": f"v1={digest}"}) == "missing_header"
    assert code(verify, {"x-sig": f"t={int(seconds) - 301},v1={digest}"}) == "stale_delivery"
    assert code(verify, {"x-sig": f"t={int(seconds) - 1},v1={digest}"}) == "bad_signature"


@pytest.mark.parametrize(
    ("written", "as_"), [(base64.b64encode(b"b" * 24).decode(), "base64"), ((b"b" * 24).hex(), "hex")]
)
def test_proof_a_secret_may_be_written_in_base64_or_hex(written: str, as_: str) -> None:
    digest = base64.b64encode(hmac.new(b"b" * 24, BODY, hashlib.sha512).digest()).decode()
    proof = {"kind": "hmac", "header": "s", "algorithm": "sha512", "encoding": "base64", "secret_is": as_}
    check(proof, written)({"s": digest}, BODY, NOW)
    with pytest.raises(SettingsInvalid, match=as_):
        check(proof, "not in that form, ü")


def test_proof_both_secrets_verify_while_they_rotate() -> None:
    verify = check({"kind": "bearer"}, OTHER, KEY)
    verify({"authorization": f"Bearer {KEY}"}, BODY, NOW)
    verify({"authorization": f"Bearer {OTHER}"}, BODY, NOW)
    assert code(verify, {"authorization": "Bearer ü"}) == "bad_signature"
    assert code(verify, {}) == "bad_signature"


def test_proof_basic_takes_user_and_password() -> None:
    verify = check({"kind": "basic"}, "zammad:a-long-password")
    verify({"authorization": "Basic " + base64.b64encode(b"zammad:a-long-password").decode()}, BODY, NOW)
    assert code(verify, {"authorization": "Basic " + base64.b64encode(b"zammad:another").decode()}) == "bad_signature"


def test_proof_a_secret_in_the_address_holds_from_listed_networks_alone() -> None:
    verify = check({"kind": "path", "networks": ["203.0.113.0/24", "2001:db8::/32"]})
    verify({PEER: "203.0.113.7", PATH_SECRET: KEY}, BODY, NOW)
    verify({PEER: "2001:db8::1", PATH_SECRET: KEY}, BODY, NOW)
    assert code(verify, {PEER: "198.51.100.1", PATH_SECRET: KEY}) == "address_not_listed"
    assert code(verify, {PEER: "", PATH_SECRET: KEY}) == "address_not_listed"
    assert code(verify, {PEER: "203.0.113.7", PATH_SECRET: OTHER}) == "bad_signature"


def test_proof_standard_webhooks_is_that_of_every_source() -> None:
    text = "whsec_" + base64.b64encode(b"s" * 24).decode()
    check({"kind": "standard-webhooks"}, text)(sign(secret(text), "m-1", NOW, BODY), BODY, NOW)
    assert code(check({"kind": "standard-webhooks"}, text), {}) == "missing_header"


def test_proof_a_short_secret_is_no_secret_and_is_not_shown() -> None:
    with pytest.raises(SettingsInvalid) as refused:
        check({"kind": "bearer"}, "hunter2")
    assert "hunter2" not in str(refused.value)
