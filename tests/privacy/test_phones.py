"""A phone is found in any spelling, other numbers are not it, and masked it names nobody (R50)."""

import json

import pytest

from bus.privacy.bodies import decoded, texts
from bus.privacy.phones import masked, mentions, phone_number
from tests.deadletter.letters import noted, received
from tests.schemas.codecs import CODEC, ONE_OF_EACH

PHONE = "13800000001"
WIDE = PHONE.translate({ord("0") + n: 0xFF10 + n for n in range(10)})


@pytest.mark.parametrize("text", [
    PHONE, "+86 138 0000 0001", "0086-138-0000-0001", "138.0000.0001", "(138) 0000-0001", WIDE, "8613800000001",
    "013800000001", "tel:13800000001", "李女士 13800000001",
    "+86 0138 0000 0001",
])  # fmt: skip
def test_phones_a_phone_is_one_however_it_is_spelled(text: str) -> None:
    assert phone_number(text) == PHONE
    for escaped in (True, False):
        assert mentions(json.dumps({"phone": text}, ensure_ascii=escaped), PHONE)
    assert mentions(f"请回电{text}谢谢", PHONE)


@pytest.mark.parametrize(("phone", "text"), [
    ("010-62176966", "请回电 +86 10 6217 6966"), ("+86 10 62176966", "(010)62176966转801"),
    ("400-123-4567", "0086-400-123-4567"), ("00852 2123 4567", "+852-2123-4567"),
    ("010-62176966-801", "010-62176966 转 801"),
])  # fmt: skip
def test_phones_mentions_a_landline_with_and_without_its_country(phone: str, text: str) -> None:
    found = phone_number(phone)
    assert found
    assert mentions(text, found)


@pytest.mark.parametrize("text", ["", "  ", "无", "1234", "SN-13800000001", "T20261122-000001", "1" * 21, "☎"])
def test_phones_what_is_no_phone_is_none(text: str) -> None:
    assert phone_number(text) is None


@pytest.mark.parametrize("text", [
    "138000000011", "913800000001", "1380000000", "13800000002", "1380000x0001", "138 0000 ----- 0001",
])  # fmt: skip
def test_phones_another_number_is_not_it(text: str) -> None:
    assert not mentions(text, PHONE)


def test_phones_masked_a_phone_is_not_known_from_it() -> None:
    assert masked(PHONE) == "138****0001"
    assert masked("0215555") == "****55"
    assert masked("85212345678901") == "852****8901"


def test_phones_bytes_of_any_input_are_decoded_and_looked_through() -> None:
    command = CODEC.encode_record(noted("k1", f"请拨 {WIDE}"))
    webhook = json.dumps({"data": {"customer": {"phone": WIDE}}}).encode()  # escaped: \uff11
    for body in (command, webhook, CODEC.encode_record(received(webhook)), PHONE.encode(), b"\0\0\0\0\x7f" + webhook):
        assert any(mentions(text, PHONE) for text in texts(decoded(body, CODEC)))
    assert decoded(command, CODEC)["command"] == "Note"
    assert decoded(CODEC.encode(ONE_OF_EACH[0]), CODEC)["event_type"] == "ticket.opened.v1"
    assert decoded(b"\xff{", CODEC) == {"text": "\ufffd{"}
