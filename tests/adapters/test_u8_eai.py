"""U8's EAI as a target, against its simulator over real sockets: asked for a bill before and after each add."""

from dataclasses import replace

import pytest

from adapters.simulators.u8 import EAI_ADD, EAI_QUERY, HEALTH
from adapters.simulators.u8_faults import U8Fault
from bus.delivery.target import DeliveryFailed, FailureKind, LaggingTarget, ProbedTarget
from bus.domain.commands import RefuseParts
from bus.domain.events import NoteAdded, PartsRequested
from bus.domain.values import Part
from tests.adapters.u8_calls import (
    MADE,
    UNAVAILABLE,
    call,
    eai,
    failure_of,
    issued,
    number_of,
    refuse_as_repeated,
    simulated,
)

OTHER = PartsRequested(request_no="PR-1", parts=(Part(part_no="SEAL-1", quantity=3),), reason="x")


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "application/xml"])
async def test_u8_eai_parts_asked_for_are_issued_by_one_bill(content_type: str) -> None:
    erp, asked = simulated(), call()
    async with erp.serving(), eai(erp, content_type=content_type) as target:
        assert await target.confirm(asked) is None
        assert await target.send(asked) == issued(asked)
        assert await target.confirm(asked) == issued(asked)
        assert await target.send(asked) == issued(asked)
        assert isinstance(target, LaggingTarget)
        assert target.lookup_settles_s == 120
    assert erp.calls == [EAI_QUERY, EAI_QUERY, EAI_ADD, EAI_QUERY, EAI_QUERY, EAI_QUERY]
    assert erp.books.effects(number_of(asked)) == MADE
    assert erp.books.stock == {"PUMP-7": 98, "SEAL-1": 99}
    assert "13800001111" not in repr(erp.books.bills)


async def test_u8_eai_a_store_without_the_parts_refuses_and_makes_no_bill() -> None:
    erp, asked = simulated(**{"PUMP-7": 1}), call()
    async with erp.serving(), eai(erp) as target:
        (refusal,) = (await target.send(asked)).commands
    assert isinstance(refusal, RefuseParts)
    assert erp.books.bills == []


async def test_u8_eai_a_u8_that_numbers_bills_itself_is_told_of_at_the_first() -> None:
    erp = simulated()
    erp.books.numbers_itself = True
    async with erp.serving(), eai(erp) as target:
        failed = await failure_of(target, call())
    assert (failed.kind, "let U8 take numbers of ours" in failed.detail) == (FailureKind.REJECTED, True)
    assert len(erp.books.bills) == 1


@pytest.mark.parametrize("there", [True, False])
async def test_u8_eai_a_bill_that_came_behind_our_back_is_found_and_one_that_did_not_is_told_of(there: bool) -> None:
    erp, asked = simulated(), call()
    refuse_as_repeated(erp, there=there)
    async with erp.serving(), eai(erp) as target:
        if there:
            assert await target.send(asked) == issued(asked)
        else:
            failed = await failure_of(target, asked)
            assert (failed.kind, failed.message) == (FailureKind.REJECTED, "单据号重复")
    assert len(erp.books.bills) == there


async def test_u8_eai_a_wrong_sender_is_a_credential_that_is_not_taken() -> None:
    erp = simulated()
    erp.books.account = replace(erp.account, sender="somebody-else")
    async with erp.serving(), eai(erp) as target:
        failed = await failure_of(target, call())
    assert (failed.kind, failed.message) == (FailureKind.UNAUTHORIZED, "注册号不正确!")


async def test_u8_eai_is_probed_by_the_page_that_says_that_it_is_well_and_by_no_question() -> None:
    erp = simulated()
    async with erp.serving(), eai(erp) as target:
        assert isinstance(target, ProbedTarget)
        await target.probe(10)
        assert erp.calls == [HEALTH]
        erp.fail(U8Fault.PAGE, only=(HEALTH,))
        with pytest.raises(DeliveryFailed, match="does not say that it is well") as failed:
            await target.probe(10)
    assert failed.value.kind is UNAVAILABLE


async def test_u8_eai_a_mended_copy_gets_a_bill_of_its_own_and_none_beside_one_from_before_the_edit() -> None:
    erp, asked = simulated(), call()
    mended = replace(call(event=OTHER), mended=True)
    async with erp.serving(), eai(erp) as target:
        await target.send(asked)
        failed = await failure_of(target, mended)
        assert (failed.kind, "delete it first" in failed.detail) == (FailureKind.REJECTED, True)
        erp.books.bills.clear()
        effect = await target.send(mended)
        assert await target.confirm(mended) == await target.send(mended) == effect
    assert [bill.lines for bill in erp.books.bills] == [[("SEAL-1", 3.0)]]


async def test_u8_eai_what_is_no_request_for_parts_has_no_form_there() -> None:
    erp = simulated()
    async with erp.serving(), eai(erp) as target:
        for event in (NoteAdded(text="李女士", changed=()), replace(OTHER, parts=())):
            with pytest.raises(DeliveryFailed) as failed:
                await target.send(call(event=event))
            assert failed.value.kind is FailureKind.UNTRANSLATABLE
    assert erp.calls == []
