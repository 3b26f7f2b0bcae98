"""A CRM is told of every change, signed, once in effect; however it fails, the failure has its kind and says little."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx2
import orjson
import pytest

from adapters import webhook_signature as signature
from adapters.contract_suites.http_target import BROKEN
from adapters.crm.callback import CrmCallback
from adapters.simulators.callback_faults import CallbackFault
from adapters.simulators.callback_receiver import CallbackReceiver
from bus.delivery.target import Call, DeliveryFailed, Effect, FailureKind, Target, delivery_key
from bus.domain.errors import StoreUnavailable
from bus.domain.ticket import Ticket
from bus.wire.headers import traceparent
from tests.adapters.test_crm_callback_wire import HISTORY, NEW, NOW, OLD, PERSON, PHONE, ticket_at

SHORT_S, LONG_S = 1.0, 20.0  # a deadline that is run into, and one that is not
Callback = Callable[..., CrmCallback]


def call(version: int = 3, *, attempt: int = 1, within_s: float = LONG_S) -> Call:
    event = HISTORY[version - 1]
    return Call(
        event=event,
        key=delivery_key(event.event_id, "crm"),
        attempt=attempt,
        within_s=within_s,
        traceparent=traceparent(event.trace_id, event.event_id),
    )


@pytest.fixture
async def receiver() -> AsyncIterator[CallbackReceiver]:
    async with CallbackReceiver(NEW) as standing:
        yield standing


async def _ticket_at(call: Call) -> Ticket:
    return await ticket_at(call.event)


@pytest.fixture
async def callback(receiver: CallbackReceiver) -> AsyncIterator[Callback]:
    made = []

    def make(url: str = "", secrets: tuple[str, ...] = (NEW,), **more: Any) -> CrmCallback:
        keys = [signature.secret(each) for each in secrets]
        made.append(CrmCallback(url or receiver.url, keys, _ticket_at, **more))
        return made[-1]

    yield make
    for each in made:
        await each.close()
        await each.close()  # idempotent


async def failure(target: Target, some: Call) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as failed:
        async with asyncio.timeout(2 * LONG_S):
            await target.send(some)
    return failed.value


async def test_crm_callback_a_change_reaches_the_crm_signed_and_under_its_trace(
    receiver: CallbackReceiver, callback: Callback
) -> None:
    target: Target = callback()
    assert target.idempotent
    assert await target.send(call()) == Effect()
    assert await target.confirm(call()) is None
    (taken,) = receiver.ledger.effects
    assert (taken.delivery_id, taken.traceparent) == (call().key, call().traceparent)
    assert taken.tracestate == ""
    await target.send(replace(call(2), tracestate="a=1"))
    assert receiver.ledger.effects[-1].tracestate == "a=1"
    assert taken.body == {
        "type": "work.paused",
        "timestamp": "2026-11-22T09:33:00+00:00",
        "data": {
            "ticket_id": "T20261122-000001",
            "source": "crm",
            "source_no": "CRM-1001",
            "state": "in_progress",
            "substate": "on_site",
            "waiting_for": "customer",
            "occurred_at": "2026-11-22T09:33:00+00:00",
            "version": 3,
            "trace_id": "a" * 32,
            "actor": PERSON,
            "event": {"waiting_for": "customer", "reason": PHONE},
        },
    }


async def test_crm_callback_a_mended_copy_is_no_repeat_of_the_event_that_the_crm_refused(
    receiver: CallbackReceiver, callback: Callback
) -> None:
    target = callback()
    copies = [replace(call(attempt=attempt), mended=True, copy_key="own-1") for attempt in (1, 2)]
    for each in (call(), *copies, replace(call(), mended=True, copy_key="own-2")):
        await target.send(each)
    assert [taken.delivery_id for taken in receiver.ledger.effects] == [call().key, "own-1", "own-2"]


async def test_crm_callback_a_repeat_has_one_effect_and_the_ledger_would_show_two(
    receiver: CallbackReceiver, callback: Callback
) -> None:
    for attempt in (1, 2, 3):
        await callback().send(call(attempt=attempt))
    assert (receiver.ledger.of_ticket("T20261122-000001"), receiver.ledger.calls) == ([3], {call().key: 3})
    async with CallbackReceiver(NEW, remembers=False) as forgetful:
        for attempt in (1, 2):
            await callback(forgetful.url).send(call(attempt=attempt))
        assert forgetful.ledger.repeated() == [call().key]


# What the caller learns of each: kind, HTTP status, the CRM's code, Retry-After.
HABITS = {
    CallbackFault.ERROR: (FailureKind.UNKNOWN, 500, "error", None),
    CallbackFault.ERROR_AFTER_EFFECT: (FailureKind.UNKNOWN, 500, "error_after_effect", None),
    CallbackFault.UNAVAILABLE: (FailureKind.UNAVAILABLE, 503, "unavailable", None),
    CallbackFault.DISK_FULL: (FailureKind.UNAVAILABLE, 507, "disk_full", None),
    CallbackFault.THROTTLE: (FailureKind.THROTTLED, 429, "throttle", 30.0),
    CallbackFault.THROTTLE_DATE: (FailureKind.THROTTLED, 429, "throttle_date", pytest.approx(30, abs=5)),
    CallbackFault.FORBIDDEN: (FailureKind.UNAUTHORIZED, 401, "forbidden", None),
    CallbackFault.REFUSE: (FailureKind.REJECTED, 422, "refuse", None),
    CallbackFault.GONE: (FailureKind.GONE, 410, "gone", None),
    CallbackFault.REDIRECT: (FailureKind.UNAVAILABLE, 307, "redirect", None),
    CallbackFault.FAILURE_BODY: (FailureKind.UNAVAILABLE, 200, "47001", None),
    CallbackFault.LOGIN_PAGE: (FailureKind.UNKNOWN, 200, "", None),
    CallbackFault.ENDLESS: (FailureKind.UNKNOWN, 200, "", None),
    CallbackFault.SLOW_LORIS: (FailureKind.UNKNOWN, 200, "", None),
    CallbackFault.HANG: (FailureKind.UNKNOWN, None, "", None),
    CallbackFault.AFTER_EFFECT: (FailureKind.UNKNOWN, None, "", None),
    CallbackFault.RESET: (FailureKind.UNKNOWN, None, "", None),
    CallbackFault.RESET_AFTER_EFFECT: (FailureKind.UNKNOWN, None, "", None),
}


WITHOUT_END = {CallbackFault.HANG, CallbackFault.AFTER_EFFECT, CallbackFault.SLOW_LORIS}


@pytest.mark.parametrize("fault", sorted(HABITS))
async def test_crm_callback_every_bad_habit_has_its_kind_and_the_next_attempt_one_effect(
    receiver: CallbackReceiver, callback: Callback, fault: CallbackFault
) -> None:
    target = callback()
    receiver.misbehave(fault, calls=1)
    failed = await failure(target, call(within_s=SHORT_S if fault in WITHOUT_END else LONG_S))
    assert (failed.kind, failed.status, failed.code, failed.retry_after_s) == HABITS[fault]
    await target.send(call(attempt=2))
    assert receiver.ledger.of_ticket("T20261122-000001") == [3]


def test_crm_callback_every_habit_is_tried() -> None:
    assert {*HABITS} == {*CallbackFault} - {CallbackFault.TWICE}


async def test_crm_callback_an_answer_that_comes_twice_is_not_taken_for_that_of_the_next_call(
    receiver: CallbackReceiver, callback: Callback
) -> None:
    target = callback()
    receiver.misbehave(CallbackFault.TWICE, calls=1)
    await target.send(call(1))
    receiver.misbehave(CallbackFault.REFUSE, calls=1)
    assert (await failure(target, call(2))).kind is FailureKind.REJECTED


async def test_crm_that_is_not_there_was_sent_nothing(receiver: CallbackReceiver, callback: Callback) -> None:
    target = callback()
    await receiver.stop()
    failed = await failure(target, call())
    assert (failed.kind, receiver.ledger.calls) == (FailureKind.UNREACHABLE, {})
    await receiver.start()
    await target.send(call(attempt=2))
    assert receiver.ledger.of_ticket("T20261122-000001") == [3]


async def test_crm_callback_a_deadline_before_anything_was_sent_is_known_to_be_that(callback: Callback) -> None:
    assert (await failure(callback(), call(within_s=0))).kind is FailureKind.UNREACHABLE


async def test_crm_callback_a_name_that_cannot_be_and_an_end_that_is_not_tls_were_sent_nothing(
    receiver: CallbackReceiver, callback: Callback
) -> None:
    for url in ("http://crm..invalid/x", receiver.url.replace("http:", "https:")):
        assert (await failure(callback(url), call(within_s=SHORT_S))).kind is FailureKind.UNREACHABLE
    assert receiver.ledger.calls == {}


async def test_crm_callback_an_endless_answer_is_left_long_before_the_deadline(
    receiver: CallbackReceiver, callback: Callback
) -> None:
    receiver.misbehave(CallbackFault.ENDLESS)
    failed = await failure(callback(), call(within_s=3 * LONG_S))
    assert (failed.kind, failed.status) == (FailureKind.UNKNOWN, 200)


@pytest.mark.parametrize("raw", [*BROKEN, b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"])
async def test_crm_callback_whatever_is_answered_is_a_failure_with_a_kind(callback: Callback, raw: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        failed = await failure(callback(f"http://127.0.0.1:{port}/"), call(within_s=LONG_S))
    assert failed.kind is FailureKind.UNKNOWN


async def test_crm_callback_a_cancelled_call_is_cancelled_and_a_store_that_is_away_is_not_the_crms_fault(
    receiver: CallbackReceiver, callback: Callback
) -> None:
    async def away(_: Call) -> Ticket:
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        await CrmCallback(receiver.url, [signature.secret(NEW)], away).send(call(within_s=0.1))
    assert receiver.ledger.calls == {}
    receiver.misbehave(CallbackFault.HANG)
    sending = asyncio.create_task(callback().send(call()))
    async with asyncio.timeout(LONG_S):
        while not receiver.ledger.calls:
            await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending


async def test_crm_callback_while_secrets_rotate_either_end_may_be_first(
    receiver: CallbackReceiver, callback: Callback
) -> None:
    await callback(secrets=(OLD, NEW)).send(call())
    assert (await failure(callback(secrets=(OLD,)), call())).kind is FailureKind.UNAUTHORIZED
    assert (len(receiver.ledger.effects), receiver.ledger.unproven) == (1, 1)


async def test_crm_callback_an_old_signature_is_refused_and_a_retry_is_signed_anew(
    receiver: CallbackReceiver, callback: Callback
) -> None:
    clock = iter([NOW, NOW, datetime.now(UTC), datetime.now(UTC)])
    target = callback(now=lambda: next(clock))
    failed = await failure(target, call())
    assert (failed.kind, failed.code) == (FailureKind.UNAUTHORIZED, "stale_delivery")
    await target.send(call(attempt=2))
    assert len(receiver.ledger.effects) == 1


async def test_crm_callback_no_failure_and_no_log_tells_of_a_person_or_a_secret(
    receiver: CallbackReceiver, callback: Callback, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    target = callback()
    said = []
    for fault in (CallbackFault.ERROR, CallbackFault.RESET, CallbackFault.FAILURE_BODY):
        receiver.misbehave(fault, calls=1)
        failed = await failure(target, call(1))
        said += [str(failed), repr(failed), failed.detail, repr(target)]
    text = "".join((*said, caplog.text))
    assert not any(word in text for word in (PERSON, PHONE, NEW, NEW.removeprefix("whsec_"), "数据库"))


async def test_crm_callback_the_receiver_is_http_to_any_client_and_takes_nothing_unsigned(
    receiver: CallbackReceiver,
) -> None:
    body = orjson.dumps({"data": {"ticket_id": "T1", "version": 1}})
    async with httpx2.AsyncClient(trust_env=False) as http:
        assert (await http.post(receiver.url, content=body)).status_code == 401
        signed = signature.sign(signature.secret(NEW), "one", datetime.now(UTC), body)
        assert (await http.post(receiver.url, content=body, headers=signed)).json() == {"code": 0, "duplicate": False}
        assert (await http.post(receiver.url, content=body, headers=signed)).json() == {"code": 0, "duplicate": True}
        forged = signed | {"webhook-id": "two"}
        assert (await http.post(receiver.url, content=body, headers=forged)).json() == {"code": "bad_signature"}
    assert receiver.ledger.of_ticket("T1") == [1]


async def test_crm_callback_a_storm_goes_on_until_it_ends(receiver: CallbackReceiver, callback: Callback) -> None:
    target = callback()
    receiver.misbehave(CallbackFault.ERROR)
    kinds = {(await failure(target, call(version))).kind for version in (1, 2, 3)}
    assert kinds == {FailureKind.UNKNOWN}
    receiver.behave()
    await asyncio.gather(*(target.send(call(version)) for version in (1, 2, 3)))
    assert sorted(receiver.ledger.of_ticket("T20261122-000001")) == [1, 2, 3]
