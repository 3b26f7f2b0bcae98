"""Kingdee as a target, against its stand-in over real sockets: whatever fails and wherever, there is one bill."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from adapters.erp.kingdee import Kingdee
from adapters.erp.kingdee_wire import KingdeeSettings, bill_number
from adapters.simulators.kingdee import LOGIN, KingdeeSimulator
from adapters.simulators.kingdee_faults import KingdeeFault
from bus.delivery.target import Call, DeliveryFailed, Effect, FailureKind, Target, delivery_key
from bus.domain.commands import IssueParts, RefuseParts
from bus.domain.events import Event, NoteAdded, PartsRequested, Recorded
from bus.domain.terms import CommandId, EventId, TicketId, TraceId
from bus.domain.values import Part

PARTS = (Part(part_no="PUMP-7", quantity=2), Part(part_no="SEAL-1", quantity=1))
ASKED = PartsRequested(request_no="PR-1", parts=PARTS, reason="李女士 13800001111 家水泵坏了")
TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
ONCE = Counter(made=1, submitted=1, audited=1)
QUERY, SAVE, SUBMIT, AUDIT = "ExecuteBillQuery", "Save", "Submit", "Audit"
PATIENT_S = 10.0


def call(number: int = 1, *, event: Event = ASKED, within_s: float = PATIENT_S) -> Call:
    at = datetime(2026, 11, 21, 20, 30, tzinfo=UTC)
    recorded = Recorded(
        event_id=EventId(UUID(int=number)),
        ticket_id=TicketId("T20261122-000001"),
        version=5,
        trace_id=TraceId("a" * 32),
        occurred_at=at,
        recorded_at=at,
        source="app",
        actor="张伟",
        command_id=CommandId(UUID(int=number)),
        historic=False,
        implied=False,
        waived=(),
        event=event,
    )
    key = delivery_key(recorded.event_id, "erp")
    return Call(event=recorded, key=key, attempt=1, within_s=within_s, traceparent=TRACE)


def settings(erp: KingdeeSimulator, **own: Any) -> KingdeeSettings:
    who = erp.account
    known = {"acct_id": who.acct_id, "user": who.user, "app_id": who.app_id, "app_secret": who.app_secret}
    return KingdeeSettings(**{"base_url": erp.url, "org": "100", "stock": "CK001", **known, **own})


def stand_in(**stock: float) -> KingdeeSimulator:
    return KingdeeSimulator(stock={"PUMP-7": 100, "SEAL-1": 100, **stock})


@asynccontextmanager
async def kingdee(erp: KingdeeSimulator, **own: Any) -> AsyncIterator[Target]:
    target = Kingdee(settings(erp, **own))
    try:
        yield target
    finally:
        await target.close()


async def as_delivered(target: Target, asked: Call) -> Effect:
    """Do as delivery does after a failure: look, and send if it is not there."""
    return await target.confirm(asked) or await target.send(asked)


def issued(asked: Call) -> Effect:
    number = bill_number(asked.key)
    return Effect(reference=number, commands=(IssueParts(request_no="PR-1", document_no=number, parts=PARTS),))


async def test_kingdee_parts_asked_for_are_issued_by_one_audited_bill() -> None:
    erp, asked = stand_in(), call()
    async with erp.serving(), kingdee(erp) as target:
        assert await target.confirm(asked) is None
        assert await target.send(asked) == issued(asked)
        assert await target.confirm(asked) == issued(asked)
        assert await target.send(asked) == issued(asked)
    assert erp.books.effects(bill_number(asked.key)) == ONCE
    assert erp.books.stock == {"PUMP-7": 98, "SEAL-1": 99}
    assert erp.calls[:6] == [LOGIN, QUERY, QUERY, SAVE, SUBMIT, AUDIT]
    assert {*erp.traceparents} == {TRACE}
    model = erp.books.bills[0].model
    assert model["FDate"] == "2026-11-22"  # 04:30 in the ERP's country
    assert model["FNote"] == "T20261122-000001 PR-1"
    assert "13800001111" not in repr(model)


async def test_kingdee_two_workers_with_the_same_call_at_the_same_time_make_one_bill() -> None:
    erp, asked = stand_in(), call()
    async with erp.serving(), kingdee(erp) as one, kingdee(erp) as other:
        told = await asyncio.gather(one.send(asked), other.send(asked))
    assert list(told) == [issued(asked)] * 2
    assert erp.books.effects(bill_number(asked.key)) == ONCE


async def test_kingdee_a_number_that_is_there_twice_issues_once() -> None:
    erp, asked = stand_in(), call()
    async with erp.serving(), kingdee(erp) as target:
        await target.send(asked)
        again = replace(erp.books.bills[0], fid=7, status="A", steps=Counter(made=1))
        erp.books.bills.append(again)  # somebody typed it in
        assert await as_delivered(target, asked) == issued(asked)
    assert [bill.status for bill in erp.books.bills] == ["C", "A"]


async def test_kingdee_a_session_that_idled_away_is_renewed() -> None:
    clock = [0.0]
    erp = KingdeeSimulator(stock={"PUMP-7": 9, "SEAL-1": 9}, now=lambda: clock[0])
    async with erp.serving(), kingdee(erp) as target:
        await target.send(call(1))
        clock[0] += 21 * 60
        assert await target.send(call(2)) == issued(call(2))
    assert erp.books.logins == 2


async def test_kingdee_twenty_calls_at_once_share_one_login_and_one_new_login() -> None:
    erp = stand_in()
    async with erp.serving(), kingdee(erp) as target:
        told = await asyncio.gather(*(target.send(call(number)) for number in range(20)))
        assert told == [issued(call(number)) for number in range(20)]
        assert erp.calls.count(LOGIN) == 1
        erp.books.forget_sessions()
        await asyncio.gather(*(target.send(call(number)) for number in range(20, 40)))
        assert erp.calls.count(LOGIN) == 2
    assert {bill.number: erp.books.effects(bill.number) for bill in erp.books.bills} == {
        bill_number(call(number).key): ONCE for number in range(40)
    }


async def test_kingdee_a_wrong_secret_is_tried_once_by_twenty_calls_at_once() -> None:
    erp = stand_in()
    async with erp.serving(), kingdee(erp, app_secret="of somebody else") as target:
        told = await asyncio.gather(*(target.send(call(number)) for number in range(20)), return_exceptions=True)
        assert {one.kind for one in told if isinstance(one, DeliveryFailed)} == {FailureKind.UNAUTHORIZED}
        assert len([one for one in told if isinstance(one, DeliveryFailed)]) == 20
        assert erp.calls == [LOGIN]
        with pytest.raises(DeliveryFailed):
            await target.send(call())
        assert erp.calls == [LOGIN, LOGIN]  # a later call asks anew: somebody may have mended it


async def test_kingdee_a_store_without_the_parts_refuses_for_good() -> None:
    erp, asked = stand_in(**{"PUMP-7": 1}), call()
    async with erp.serving(), kingdee(erp) as target:
        told = await target.send(asked)
        number = bill_number(asked.key)
        assert told.reference == number
        (refusal,) = told.commands
        assert isinstance(refusal, RefuseParts)
        assert (refusal.request_no, number in refusal.reason) == ("PR-1", True)
        erp.books.stock["PUMP-7"] = 100
        assert await target.confirm(asked) == told
        assert await target.send(asked) == told
    assert erp.books.effects(number) == Counter(made=1, submitted=1, taken_back=1, voided=1)


async def test_kingdee_a_material_that_is_not_there_is_for_people_to_mend() -> None:
    erp, asked = stand_in(), call(event=replace(ASKED, parts=(Part(part_no="NO-SUCH", quantity=1),)))
    async with erp.serving(), kingdee(erp) as target:
        with pytest.raises(DeliveryFailed, match="FMaterialId") as failed:
            await target.send(asked)
        assert (failed.value.kind, failed.value.code) == (FailureKind.REJECTED, "9")
        erp.books.stock["NO-SUCH"] = 5
        await as_delivered(target, asked)
    assert erp.books.effects(bill_number(asked.key)) == ONCE


async def test_kingdee_an_erp_that_takes_no_numbers_of_ours_is_told_of_and_its_bill_is_voided() -> None:
    erp = stand_in()
    erp.books.numbers_itself = True
    async with erp.serving(), kingdee(erp) as target:
        with pytest.raises(DeliveryFailed, match="numbers bills itself") as failed:
            await target.send(call())
    assert failed.value.kind is FailureKind.REJECTED
    assert [bill.voided for bill in erp.books.bills] == [True]


async def test_kingdee_what_is_no_request_for_parts_has_no_form_there() -> None:
    erp = stand_in()
    async with erp.serving(), kingdee(erp) as target:
        for event in (NoteAdded(text="李女士", changed=()), replace(ASKED, parts=())):
            for ask in (target.send, target.confirm):
                with pytest.raises(DeliveryFailed) as failed:
                    await ask(call(event=event))
                assert failed.value.kind is FailureKind.UNTRANSLATABLE
    assert erp.calls == []


async def test_kingdee_a_mended_copy_gets_a_bill_of_its_own_and_none_beside_one_from_before_the_edit() -> None:
    erp, asked = stand_in(), call()
    other = replace(ASKED, parts=(Part(part_no="SEAL-1", quantity=3),))
    mended = replace(call(event=other), mended=True)
    assert mended.key == asked.key
    async with erp.serving(), kingdee(erp) as target:
        erp.fail(KingdeeFault.REFUSED, only=(SUBMIT,))
        with pytest.raises(DeliveryFailed):
            await target.send(asked)
        erp.heal()
        assert [bill.status for bill in erp.books.bills] == ["A"]
        with pytest.raises(DeliveryFailed, match="void it first") as refused:
            await target.send(mended)
        assert refused.value.kind is FailureKind.REJECTED
        erp.books.bills[0].voided = True
        effect = await target.send(mended)
        assert await target.confirm(mended) == await target.send(mended) == effect, "asked again it is found"
    (told,) = effect.commands
    assert isinstance(told, IssueParts)
    assert told.parts == other.parts
    assert [bill.lines for bill in erp.books.bills if not bill.voided] == [[("SEAL-1", 3.0)]]
