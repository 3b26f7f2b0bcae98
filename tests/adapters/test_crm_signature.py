"""A CRM's deliveries are proven by their signature, and every broken one is told apart, never an accident."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from adapters.webhook_signature import Secret, secret, sign, verify
from bus.domain.errors import MalformedInput
from bus.settings import SettingsInvalid

NOW = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
BODY = '{"type":"ticket.note","标题":"洗衣机"}'.encode()
TEXT = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLD, NEW = Secret(b"o" * 24), Secret(b"n" * 24)


def refusal(headers: dict[str, str], body: bytes = BODY, *, keys: tuple[Secret, ...] = (NEW,)) -> tuple[str, str]:
    with pytest.raises(MalformedInput) as refused:
        verify(headers, body, secrets=keys, now=NOW)
    return refused.value.code, refused.value.field


def test_crm_signature_what_we_sign_the_standard_library_of_the_convention_accepts() -> None:
    now = datetime.now(UTC)
    headers = sign(secret(TEXT), "msg_1", now, BODY)
    Webhook(TEXT).verify(BODY, headers, json_parse=False)
    signed_there = Webhook(TEXT).sign("msg_1", now, BODY.decode())
    assert verify(headers | {"webhook-signature": signed_there}, BODY, secrets=(secret(TEXT),), now=now) == "msg_1"


def test_crm_signature_both_sides_may_hold_two_secrets_while_rotating() -> None:
    old, new = (sign(key, "msg_1", NOW, BODY) for key in (OLD, NEW))
    both = old | {"webhook-signature": f"{old['webhook-signature']} {new['webhook-signature']}"}
    assert verify(old, BODY, secrets=(NEW, OLD), now=NOW) == "msg_1"
    assert verify(both, BODY, secrets=(NEW,), now=NOW) == "msg_1"
    assert refusal(old) == ("bad_signature", "webhook-signature")


def test_crm_signature_a_forged_body_id_or_time_is_refused() -> None:
    headers = sign(NEW, "msg_1", NOW, BODY)
    assert refusal(headers, BODY + b"\n") == ("bad_signature", "webhook-signature")
    assert refusal(headers | {"webhook-id": "msg_2"}) == ("bad_signature", "webhook-signature")
    later = str(int(headers["webhook-timestamp"]) + 1)
    assert refusal(headers | {"webhook-timestamp": later}) == ("bad_signature", "webhook-signature")
    assert refusal(headers, keys=()) == ("bad_signature", "webhook-signature")


@pytest.mark.parametrize("apart", [timedelta(seconds=-300), timedelta(0), timedelta(seconds=300)])
def test_crm_signature_within_five_minutes_a_delivery_holds(apart: timedelta) -> None:
    assert verify(sign(NEW, "msg_1", NOW + apart, BODY), BODY, secrets=(NEW,), now=NOW) == "msg_1"


@pytest.mark.parametrize("apart", [timedelta(seconds=-301), timedelta(seconds=301), timedelta(days=9000)])
def test_crm_signature_a_delivery_signed_long_ago_or_ahead_is_stale(apart: timedelta) -> None:
    assert refusal(sign(NEW, "msg_1", NOW + apart, BODY)) == ("stale_delivery", "webhook-timestamp")


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_crm_signature_a_missing_header_is_named(missing: str) -> None:
    headers = sign(NEW, "msg_1", NOW, BODY)
    assert refusal({name: value for name, value in headers.items() if name != missing}) == ("missing_header", missing)
    assert refusal(headers | {missing: "  "}) == ("missing_header", missing)


@pytest.mark.parametrize("value", ["soon", "1e9", "-5", "²", "1.5", "9" * 400, "0x10", "１７００００００００"])
def test_crm_signature_a_time_that_is_no_number_of_seconds_is_refused(value: str) -> None:
    headers = sign(NEW, "msg_1", NOW, BODY) | {"webhook-timestamp": value}
    assert refusal(headers) == ("timestamp_not_seconds", "webhook-timestamp")


@pytest.mark.parametrize(
    ("value", "word"),
    [("1795311000000", "毫秒"), ("2026-11-22T01:30:00Z", "日期"), ("2026-11-22 09:30:00+08:00", "日期"), ("x", "如")],
)
def test_crm_signature_a_time_in_another_spelling_is_refused_with_how_to_spell_it(value: str, word: str) -> None:
    with pytest.raises(MalformedInput) as refused:
        verify(sign(NEW, "m", NOW, BODY) | {"webhook-timestamp": value}, BODY, secrets=(NEW,), now=NOW)
    assert word in refused.value.zh


@pytest.mark.parametrize("value", ["msg\x00", "信", "m" * 257, "a\tb"])
def test_crm_signature_an_id_that_no_header_should_hold_is_refused(value: str) -> None:
    assert refusal(sign(NEW, value, NOW, BODY)) == ("bad_signature", "webhook-id")


@pytest.mark.parametrize("value", ["v1", "v1,", "v1,é", "v1,====", ",,,", "v1a,AAAA", "v2,{}", "v1 ,{}", "{}"])
def test_crm_signature_a_signature_that_is_none_is_refused(value: str) -> None:
    headers = sign(NEW, "msg_1", NOW, BODY)
    digest = headers["webhook-signature"].removeprefix("v1,")
    assert refusal(headers | {"webhook-signature": value.format(digest)}) == ("bad_signature", "webhook-signature")


def test_crm_signature_signatures_beyond_the_limit_are_not_even_tried() -> None:
    good = sign(NEW, "msg_1", NOW, BODY)
    noise = "v1," + base64.b64encode(hmac.digest(b"?", b"", hashlib.sha256)).decode()
    crowded = " ".join([noise] * 16 + [good["webhook-signature"]])
    assert refusal(good | {"webhook-signature": crowded}) == ("bad_signature", "webhook-signature")


@pytest.mark.parametrize("text", ["whsec_", "whsec_YWJj", "whsec_***", "密钥"])
def test_crm_signature_a_secret_too_short_or_broken_stops_the_start_without_being_named(text: str) -> None:
    with pytest.raises(SettingsInvalid) as wrong:
        secret(text, where="webhook_secrets.crm")
    assert text.removeprefix("whsec_") not in str(wrong.value) or text == "whsec_"
    assert "YWJj" not in repr(secret(TEXT))
