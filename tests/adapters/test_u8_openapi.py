"""U8 OpenAPI as a target, against its simulator over real sockets: one audited bill per request, whatever comes."""

import asyncio
from collections import Counter
from dataclasses import replace

import orjson
import pytest

from adapters.contract_suites.faulty_ways import http_response, responding_with
from adapters.simulators.u8 import ADD, LIST, RESULT, TOKEN, VERIFY
from adapters.simulators.u8_faults import U8Fault
from adapters.u8.options import U8OpenApiOptions
from bus.delivery.target import DeliveryFailed, FailureKind, LaggingTarget
from bus.domain.commands import IssueParts, RefuseParts
from bus.domain.events import NoteAdded, PartsRequested
from bus.domain.values import Part
from tests.adapters.u8_calls import (
    AUDITED,
    MADE,
    UNAVAILABLE,
    UNKNOWN,
    as_delivered,
    call,
    failure_of,
    issued,
    number_of,
    openapi,
    refuse_as_repeated,
    simulated,
)

OTHER = PartsRequested(request_no="PR-1", parts=(Part(part_no="SEAL-1", quantity=3),), reason="x")


async def test_u8_openapi_parts_asked_for_are_issued_by_one_audited_bill() -> None:
    erp, asked = simulated(), call()
    async with erp.serving(), openapi(erp) as target:
        assert await target.confirm(asked) is None
        assert await target.send(asked) == issued(asked)
        assert await target.confirm(asked) == issued(asked)
        assert await target.send(asked) == issued(asked)
        assert isinstance(target, LaggingTarget)
        assert target.lookup_settles_s == 120
    assert erp.books.effects(number_of(asked)) == AUDITED
    assert erp.books.stock == {"PUMP-7": 98, "SEAL-1": 99}
    assert erp.calls[:6] == [TOKEN, LIST, LIST, ADD, RESULT, VERIFY]
    (bill,) = erp.books.bills
    assert bill.biz_id == asked.key
    assert bill.head["date"] == "2026-11-22"  # 04:30 in the ERP's country
    assert bill.note == "T20261122-000001 PR-1"
    assert "13800001111" not in repr(bill)


async def test_u8_openapi_sync_and_saved_alone_are_options_and_the_head_has_its_fields() -> None:
    erp, asked = simulated(), call()
    own = {"sync": True, "verify": False, "departmentcode": "05", "defines": {"define1": "x"}}
    async with erp.serving(), openapi(erp, **own) as target:
        assert await target.send(asked) == issued(asked)
        assert await target.confirm(asked) == issued(asked)
    assert erp.calls[:4] == [TOKEN, LIST, ADD, LIST]
    assert erp.books.effects(number_of(asked)) == MADE
    head = erp.books.bills[0].head
    assert {name: head.get(name) for name in ("warehousecode", "receivecode", "departmentcode", "define1")} == {
        "warehousecode": "01", "receivecode": "21", "departmentcode": "05", "define1": "x",
    }  # fmt: skip


@pytest.mark.parametrize("wrong", [{"defines": {"define17": "x"}}, {"ds_sequence": 0}, {"warehousecode": ""}])
def test_u8_openapi_options_that_u8_has_no_field_for_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        U8OpenApiOptions.model_validate({**simulated().openapi_options("U8_SECRET"), **wrong})


async def test_u8_openapi_a_result_is_waited_for_and_none_yet_is_no_failure() -> None:
    erp, asked = simulated(), call()
    erp.queue_s = 0.6
    async with erp.serving(), openapi(erp) as target:
        for fault in (U8Fault.RUNNING, U8Fault.ERROR, U8Fault.EMPTY):
            erp.fail(fault, times=1, only=(RESULT,))
        assert await target.send(asked) == issued(asked)
    assert erp.calls.count(RESULT) >= 3
    assert erp.books.effects(number_of(asked)) == AUDITED


async def test_u8_openapi_a_result_that_does_not_come_in_time_leaves_it_unknown_and_a_later_look_finds_the_bill() -> (
    None
):
    clock, asked = [0.0], call(within_s=1)
    erp = simulated()
    erp.now, erp.queue_s = lambda: clock[0], 60
    erp.__post_init__()
    async with erp.serving(), openapi(erp) as target:
        failed = await failure_of(target, asked)
        assert (failed.kind, "result yet" in failed.detail) == (UNKNOWN, True)
        assert await target.confirm(call()) is None, "it is queued still: only a look-up later proves anything"
        again = await failure_of(target, call())
        assert (again.kind, again.code) == (UNKNOWN, "30025"), "the same biz_id, while it is queued"
        clock[0] = 61
        assert await as_delivered(target, call()) == issued(asked)
    assert erp.books.effects(number_of(asked)) == AUDITED


async def test_u8_openapi_a_store_without_the_parts_refuses_and_makes_no_bill() -> None:
    erp, asked = simulated(**{"PUMP-7": 1}), call()
    async with erp.serving(), openapi(erp) as target:
        effect = await target.send(asked)
    (refusal,) = effect.commands
    assert isinstance(refusal, RefuseParts)
    assert (refusal.request_no, number_of(asked) in refusal.reason) == ("PR-1", True)
    assert erp.books.bills == []


async def test_u8_openapi_a_store_found_short_at_the_audit_is_for_people_and_goes_on_when_filled() -> None:
    erp, asked = simulated(**{"PUMP-7": 1}), call()
    erp.books.counts_at_saving = False
    async with erp.serving(), openapi(erp) as target:
        failed = await failure_of(target, asked)
        assert (failed.kind, "short of stock at the audit" in failed.detail) == (FailureKind.REJECTED, True)
        assert "可用量不足" in failed.message
        assert await target.confirm(asked) is None
        erp.books.stock["PUMP-7"] = 100
        assert await target.send(asked) == issued(asked)
    assert erp.books.effects(number_of(asked)) == AUDITED


async def test_u8_openapi_what_is_no_rule_of_ours_is_for_people_with_u8s_own_words() -> None:
    erp, asked = simulated(), call(event=replace(OTHER, parts=(Part(part_no="TOKEN-7", quantity=1),)))
    async with erp.serving(), openapi(erp) as target:
        failed = await failure_of(target, asked)
        assert (failed.kind, failed.code) == (FailureKind.REJECTED, "20005")
        assert "存货编码TOKEN-7不存在" in failed.message
        assert erp.calls.count(TOKEN) == 1


@pytest.mark.parametrize("verify", [True, False])
async def test_u8_openapi_a_u8_that_numbers_bills_itself_is_told_of_at_the_first(verify: bool) -> None:
    erp = simulated()
    erp.books.numbers_itself = True
    async with erp.serving(), openapi(erp, verify=verify) as target:
        failed = await failure_of(target, call())
    assert (failed.kind, "let U8 take numbers of ours" in failed.detail) == (FailureKind.REJECTED, True)
    assert len(erp.books.bills) == 1


@pytest.mark.parametrize("there", [True, False])
async def test_u8_openapi_a_bill_that_came_behind_our_back_is_gone_on_with_and_one_that_did_not_is_told_of(
    there: bool,
) -> None:
    erp, asked = simulated(), call()
    refuse_as_repeated(erp, there=there)
    async with erp.serving(), openapi(erp) as target:
        if there:
            assert await target.send(asked) == issued(asked)
        else:
            failed = await failure_of(target, asked)
            assert (failed.kind, failed.message) == (FailureKind.REJECTED, "单据号重复")
    assert erp.books.effects(number_of(asked)) == (AUDITED if there else Counter())


async def test_u8_openapi_two_workers_with_the_same_call_at_the_same_time_make_one_bill() -> None:
    erp, asked = simulated(), call()
    async with erp.serving(), openapi(erp, sync=True) as one, openapi(erp, sync=True) as other:
        effects = await asyncio.gather(one.send(asked), other.send(asked))
    assert list(effects) == [issued(asked)] * 2
    assert erp.books.effects(number_of(asked)) == AUDITED


async def test_u8_openapi_a_list_is_read_to_its_last_page_for_bills_from_before_an_edit() -> None:
    erp, asked = simulated(), call()
    mended = replace(call(event=OTHER), mended=True, copy_key="key of the copy")
    async with erp.serving(), openapi(erp, verify=False) as target:
        await target.send(asked)
        before = erp.books.bills[0]
        others = [replace(before, number=f"OTHER-{at}", note=f"{before.note}{at}") for at in range(60)]
        erp.books.bills = [*others, before]
        failed = await failure_of(target, mended)
        assert (failed.kind, "delete it first" in failed.detail) == (FailureKind.REJECTED, True)
        assert erp.calls[-2:] == [LIST, LIST], "the bill stands on the second page"
        erp.books.bills.pop()
        effect = await target.send(mended)
        assert await target.confirm(mended) == await target.send(mended) == effect
    assert [(bill.lines, bill.biz_id) for bill in erp.books.bills[60:]] == [([("SEAL-1", 3.0)], "key of the copy")]
    (command,) = effect.commands
    assert isinstance(command, IssueParts)
    assert command.parts == OTHER.parts


async def test_u8_openapi_a_list_without_end_is_not_read_to_it() -> None:
    row = {"code": "OTHER-1", "memory": ""}
    pages = orjson.dumps({"errcode": "0", "token": {"id": "t"}, "page_count": "999999", "otheroutlist": [row]})
    async with responding_with(http_response(200, pages)) as url, openapi(simulated(), base_url=url) as target:
        with pytest.raises(DeliveryFailed, match="no end") as failed:
            await target.confirm(call())
    assert failed.value.kind is UNAVAILABLE


async def test_u8_openapi_what_is_no_request_for_parts_has_no_form_there() -> None:
    erp = simulated()
    nul = replace(OTHER, parts=(Part(part_no="A\x01", quantity=1),))
    async with erp.serving(), openapi(erp) as target:
        for event in (NoteAdded(text="李女士", changed=()), replace(OTHER, parts=()), nul):
            for ask in (target.send, target.confirm):
                with pytest.raises(DeliveryFailed) as failed:
                    await ask(call(event=event))
                assert failed.value.kind is FailureKind.UNTRANSLATABLE
    assert erp.calls == []


async def test_u8_openapi_marks_that_break_u8s_saving_stand_in_no_note() -> None:
    erp, asked = simulated(), call(event=replace(OTHER, request_no="PR'1\"<&>%\u201c\n"))
    async with erp.serving(), openapi(erp) as target:
        await target.send(asked)
    assert erp.books.bills[0].note.rstrip() == "T20261122-000001 PR 1"
