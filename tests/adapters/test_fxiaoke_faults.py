"""纷享销客 when everything fails: the kind of each fault at each step, and one effect in the end."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from adapters.simulators.fxiaoke import CREATE as CREATE_STEP
from adapters.simulators.fxiaoke import QUERY, TOKEN
from adapters.simulators.fxiaoke import UPDATE as UPDATE_STEP
from adapters.simulators.fxiaoke_faults import FxiaokeFault
from bus.delivery.target import DeliveryFailed, FailureKind
from tests.adapters.fxiaoke_calls import (
    CREATE,
    PATIENT_S,
    SECRETS,
    UNAVAILABLE,
    UNKNOWN,
    UPDATE,
    as_delivered,
    call,
    failure_of,
    made,
    simulated,
    target,
)

SHORT_S = 2.0
DONE = None
FAULT = FxiaokeFault
# What a fault tells at a step that changes something. DONE: the call goes through.
AT_CHANGES: Mapping[FxiaokeFault, FailureKind | None] = {
    FAULT.ERROR: UNKNOWN,
    FAULT.ERROR_AFTER: UNKNOWN,
    FAULT.BUSY: UNAVAILABLE,
    FAULT.SLOW: UNKNOWN,
    FAULT.HANG: UNKNOWN,
    FAULT.HANG_AFTER: UNKNOWN,
    FAULT.RESET: UNKNOWN,
    FAULT.RESET_AFTER: UNKNOWN,
    FAULT.CUT_AFTER: UNKNOWN,
    FAULT.ENDLESS: UNKNOWN,
    FAULT.WEB_SITE: UNAVAILABLE,
    FAULT.PAGE: UNKNOWN,
    FAULT.EMPTY: UNKNOWN,
    FAULT.SECRET: FailureKind.REJECTED,
    FAULT.TOKEN_EXPIRED: FailureKind.UNAUTHORIZED,
    FAULT.NO_TOKEN: FailureKind.UNAUTHORIZED,
    FAULT.DAY_QUOTA: FailureKind.THROTTLED,
    FAULT.NO_QUOTA: FailureKind.UNAUTHORIZED,
    FAULT.TOO_FAST: FailureKind.THROTTLED,
    FAULT.TOO_FAST_GATEWAY: FailureKind.THROTTLED,
    FAULT.REFUSED: FailureKind.REJECTED,
    FAULT.SYSTEM_BUSY: UNAVAILABLE,
    FAULT.SYSTEM_ERROR: UNKNOWN,
    FAULT.SYSTEM_ERROR_AFTER: UNKNOWN,
    FAULT.TEXT: DONE,
    FAULT.BOM: DONE,
    FAULT.GBK: DONE,
    FAULT.FOREIGN: UNKNOWN,
    FAULT.SINGLE: DONE,
    FAULT.REPEATED: DONE,
    FAULT.UNFILTERED: DONE,
}
AT_QUESTIONS = {fault: UNAVAILABLE if kind is UNKNOWN else kind for fault, kind in AT_CHANGES.items()}
AT_LISTS = AT_QUESTIONS | {FAULT.SINGLE: UNAVAILABLE, FAULT.UNFILTERED: UNAVAILABLE}
AT_TOKEN = AT_QUESTIONS | {FAULT.SECRET: FailureKind.UNAUTHORIZED, FAULT.REFUSED: FailureKind.UNAUTHORIZED}
HANGING = {FAULT.SLOW, FAULT.HANG, FAULT.HANG_AFTER}
DONE_NEVERTHELESS = {
    FAULT.ERROR_AFTER,
    FAULT.SLOW,
    FAULT.HANG_AFTER,
    FAULT.RESET_AFTER,
    FAULT.CUT_AFTER,
    FAULT.EMPTY,
    FAULT.SYSTEM_ERROR_AFTER,
    FAULT.FOREIGN,
}
STEPS = [(CREATE, TOKEN, AT_TOKEN), (CREATE, CREATE_STEP, AT_CHANGES), (UPDATE, UPDATE_STEP, AT_CHANGES)]
LOOKS = [(TOKEN, AT_TOKEN), (QUERY, AT_LISTS)]


def test_fxiaoke_faults_every_switch_is_tried() -> None:
    assert set(AT_CHANGES) == set(FxiaokeFault)


async def failing_send(write: Mapping[str, Any], step: str, fault: FxiaokeFault, kind: FailureKind | None) -> None:
    crm, asked = simulated(), call(within_s=SHORT_S if fault in HANGING else PATIENT_S)
    async with crm.serving(), target(crm, write) as built:
        crm.fail(fault, only=(step,))
        if kind is DONE:
            await built.send(asked)
        else:
            failed = await failure_of(built, asked)
            assert (fault, step, failed.kind) == (fault, step, kind)
            assert fault is not FAULT.BUSY or failed.retry_after_s == 7
        if step == CREATE_STEP:
            assert made(crm, asked) == (fault in DONE_NEVERTHELESS or kind is DONE), fault
        crm.heal()
        await as_delivered(built, call())
    (case, *others) = crm.books.records
    if write is CREATE:
        assert (made(crm, call()), len(others)) == (1, 1), (fault, step)
    else:
        assert (case.values["field_state__c"], others) == ("pending", []), (fault, step)
    assert crm.books.flows_started == 0


@pytest.mark.parametrize(("write", "step", "kinds"), STEPS)
async def test_fxiaoke_faults_every_fault_at_every_step_has_its_kind_and_leaves_one_effect(
    write: Mapping[str, Any], step: str, kinds: Mapping[FxiaokeFault, FailureKind | None]
) -> None:
    fast = [(fault, kind) for fault, kind in kinds.items() if fault not in HANGING]
    await asyncio.gather(*(failing_send(write, step, fault, kind) for fault, kind in fast))


async def failing_confirm(step: str, fault: FxiaokeFault, kind: FailureKind | None) -> None:
    crm = simulated()
    async with crm.serving(), target(crm) as built:
        effect = await built.send(call())
        if step == TOKEN:
            crm.books.forget_tokens()
        crm.fail(fault, only=(step,))
        asked = call(within_s=SHORT_S if fault in HANGING else PATIENT_S)
        if kind is DONE:
            assert await built.confirm(asked) == effect
        else:
            with pytest.raises(DeliveryFailed) as failed:
                await built.confirm(asked)
            assert (fault, failed.value.kind) == (fault, kind)
        crm.heal()
        assert await built.confirm(call()) == effect
    assert made(crm, call()) == 1


@pytest.mark.parametrize(("step", "kinds"), LOOKS)
async def test_fxiaoke_faults_every_fault_at_confirm_has_its_kind_and_changes_nothing(
    step: str, kinds: Mapping[FxiaokeFault, FailureKind | None]
) -> None:
    fast = [(fault, kind) for fault, kind in kinds.items() if fault not in HANGING]
    await asyncio.gather(*(failing_confirm(step, fault, kind) for fault, kind in fast))


async def test_fxiaoke_faults_that_last_until_the_deadline_have_their_kind_and_leave_one_effect() -> None:
    sends = [(write, step, fault, kinds[fault]) for write, step, kinds in STEPS for fault in HANGING]
    looks = [(step, fault, kinds[fault]) for step, kinds in LOOKS for fault in HANGING]
    await asyncio.gather(*(failing_send(*one) for one in sends), *(failing_confirm(*one) for one in looks))


async def test_fxiaoke_faults_a_system_that_fails_at_random_makes_each_record_once() -> None:
    crm = simulated()
    after = (
        FAULT.ERROR_AFTER,
        FAULT.RESET_AFTER,
        FAULT.CUT_AFTER,
        FAULT.EMPTY,
        FAULT.SYSTEM_ERROR_AFTER,
        FAULT.FOREIGN,
    )
    async with crm.serving(), target(crm) as built:
        for number, fault in enumerate((*after, *after), start=1):
            crm.fail(fault, times=1, only=(CREATE_STEP,))
            assert (await failure_of(built, call(number))).kind is UNKNOWN
            await as_delivered(built, call(number))
    assert {made(crm, call(number)) for number in range(1, 13)} == {1}
    assert len(crm.books.records) == 13


async def test_fxiaoke_faults_a_system_that_is_down_is_unreachable_and_goes_on_when_it_is_back() -> None:
    crm, asked = simulated(), call()
    async with crm.serving():
        pass
    async with target(crm) as built:
        assert (await failure_of(built, asked)).kind is FailureKind.UNREACHABLE
        async with crm.serving():
            await built.send(asked)
        async with crm.serving():
            await as_delivered(built, asked)
    assert made(crm, asked) == 1


async def test_fxiaoke_faults_no_secret_and_no_name_is_shown_anywhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    crm, shown = simulated(), list[str]()
    async with crm.serving():
        for fault, kind in AT_CHANGES.items():
            if kind is DONE or fault in HANGING:
                continue
            async with target(crm) as built:
                crm.heal()
                crm.fail(fault)
                chain: BaseException | None = await failure_of(built, replace(call(), within_s=PATIENT_S))
                shown += [repr(built), f"{crm.tenant!r}"]
                while chain is not None:
                    shown += [repr(chain), str(chain), repr(vars(chain))]
                    chain = chain.__cause__ or chain.__context__
    text = "\n".join([*shown, caplog.text])
    private = (*SECRETS.values(), "李女士", "13800001111", "张伟", "OF0A0SIMULATED0FXIAOKE")
    assert [word for word in private if word in text] == []
