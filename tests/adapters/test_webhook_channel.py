"""The signed webhook of alerts: proven by the receiver, judged by the answer's body, never too long, no secret out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest
from standardwebhooks.webhooks import Webhook

from adapters import webhook_signature as signature
from adapters.channels.webhook import BODY_BYTES_MAX, WebhookChannel, message_body
from bus.alerts.engine.alert_state import Flip
from tests.adapters.alert_messages import message, notice, refusal
from tests.adapters.http_receiver import OK, Receiver

OLD, NEW = "whsec_" + "QUJD" * 12, "whsec_" + "REVG" * 12


@asynccontextmanager
async def receiving() -> AsyncIterator[tuple[Receiver, WebhookChannel]]:
    """Give a receiver, and the channel to it."""
    async with Receiver() as receiver:
        channel = WebhookChannel(receiver.url, [signature.secret(OLD), signature.secret(NEW)])
        yield receiver, channel
        await channel.close()


async def test_webhook_a_receiver_proves_it_with_either_key_by_the_standards_own_library() -> None:
    async with receiving() as (receiver, channel):
        await channel.send(message(notice(), notice(2, flip=Flip.CLOSED)))
        ((headers, body),) = receiver.requests
        for key in (OLD, NEW):
            proven = Webhook(key).verify(body, headers)
            assert proven["type"] == "alerts"
        first, second = proven["data"]["alerts"]
        assert (first["rule"], first["about"], first["flip"], first["severity"]) == ("letter", "erp 1", "opened", "p1")
        assert (first["closed_at"], second["closed_at"]) == (None, "2026-01-18T03:00:00+00:00")
        assert proven["data"]["subject"] == "【P1 告警】有死信:erp 1(另有 1 条)"


async def test_webhook_the_same_message_has_the_same_id_and_another_has_another() -> None:
    async with receiving() as (receiver, channel):
        for sent in (message(notice()), message(notice()), message(notice(2)), message(notice(flip=Flip.CLOSED))):
            await channel.send(sent)
        ids = [headers["webhook-id"] for headers, _ in receiver.requests]
        assert ids[0] == ids[1]
        assert len({*ids}) == 3


@pytest.mark.parametrize(
    ("answer", "why", "wait_s"),
    [
        (OK % (29, b'{"code":500,"msg":"token bad"'), "HTTP 200", None),
        (OK % (46, '{"success":false,"msg":"token abcd-efgh 无效"}'.encode()), "*** 无效", None),
        (OK % (13, b"<html>login</"), "HTTP 200", None),
        (b"HTTP/1.1 503 X\r\nretry-after: 30\r\ncontent-length: 0\r\n\r\n", "HTTP 503", 30),
        (b"HTTP/1.1 302 X\r\nlocation: /\r\ncontent-length: 0\r\n\r\n", "HTTP 302", None),
        (b"", "", None),
    ],
)
async def test_webhook_an_answer_that_is_no_success_is_not_sent(answer: bytes, why: str, wait_s: float | None) -> None:
    async with receiving() as (receiver, channel):
        receiver.answer = answer
        failed = await refusal(channel, message())
        assert why in failed.why
        assert "abcd-efgh" not in failed.why
        assert failed.retry_after_s == wait_s


def test_webhook_a_message_is_never_too_long_and_says_what_it_leaves_out() -> None:
    long = message(*(notice(number, words="死" * 1_000) for number in range(1_000)))
    body = message_body(long)
    assert BODY_BYTES_MAX - 5_000 < len(body) <= BODY_BYTES_MAX
    data = orjson.loads(body)["data"]
    assert len(data["alerts"]) + data["left_out"] == 1_000
    assert orjson.loads(message_body(message()))["data"]["left_out"] == 0
