"""U8 when everything fails: the kind of each fault at each step of both interfaces, and one bill in the end."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import pytest

from adapters.simulators.u8 import ADD, EAI_ADD, EAI_QUERY, LIST, RESULT, TOKEN, VERIFY
from adapters.simulators.u8_faults import U8Fault
from bus.delivery.target import DeliveryFailed, FailureKind, Target
from tests.adapters.u8_calls import (
    AUDITED,
    MADE,
    SECRETS,
    UNAVAILABLE,
    UNKNOWN,
    as_delivered,
    call,
    eai,
    failure_of,
    issued,
    number_of,
    openapi,
    simulated,
)

PATIENT_S = 60.0  # a third of it is for connecting: some thirty systems are served at once
SHORT_S = 2.0  # a third of it is for connecting, which has to be enough on a busy machine
DONE = None
SYNC = {"sync": True}  # else every call waits for its result
# What a fault tells at a step that changes something, and at a question. DONE: the call goes through.
AT_CHANGES = {
    U8Fault.ERROR: UNKNOWN,
    U8Fault.ERROR_AFTER: UNKNOWN,
    U8Fault.BUSY: UNAVAILABLE,
    U8Fault.SLOW: UNKNOWN,
    U8Fault.HANG: UNKNOWN,
    U8Fault.HANG_AFTER: UNKNOWN,
    U8Fault.RESET: UNKNOWN,
    U8Fault.RESET_AFTER: UNKNOWN,
    U8Fault.CUT_AFTER: UNKNOWN,
    U8Fault.ENDLESS: UNKNOWN,
    U8Fault.PAGE: UNKNOWN,
    U8Fault.REFUSED: FailureKind.REJECTED,
    U8Fault.TOKEN_EXPIRED: FailureKind.UNAUTHORIZED,
    U8Fault.TOKEN_WORDS: FailureKind.UNAUTHORIZED,
    U8Fault.NOT_ONLINE: FailureKind.UNAUTHORIZED,
    U8Fault.PLATFORM: UNKNOWN,
    U8Fault.RUNNING: UNKNOWN,
    U8Fault.THROTTLED: FailureKind.THROTTLED,
    U8Fault.IN_USE: UNAVAILABLE,
    U8Fault.LICENCES: UNAVAILABLE,
    U8Fault.NUMBER: DONE,
    U8Fault.BOM: DONE,
    U8Fault.GBK: DONE,
    U8Fault.FOREIGN: UNKNOWN,
    U8Fault.EMPTY: UNKNOWN,
    U8Fault.REPEATED: DONE,
    U8Fault.PAGE_REPEATS: DONE,
    U8Fault.PAGE_MOVES: DONE,
    U8Fault.UNFILTERED: DONE,
}
AT_QUESTIONS = {fault: UNAVAILABLE if kind is UNKNOWN else kind for fault, kind in AT_CHANGES.items()}
AT_LISTS = AT_QUESTIONS | {U8Fault.UNFILTERED: UNAVAILABLE}
AT_TOKEN = AT_QUESTIONS | {U8Fault.REFUSED: FailureKind.UNAUTHORIZED}
# A result is asked for again unless it is one; of what is queued only a refusal for good tells the end.
AT_RESULT = {fault: DONE if kind is DONE else UNKNOWN for fault, kind in AT_CHANGES.items()} | {
    U8Fault.REFUSED: FailureKind.REJECTED
}
# EAI knows no token; the reply of another call that tells of success is believed once the bill is found.
AT_EAI_ADD = AT_CHANGES | {U8Fault.FOREIGN: DONE}
HANGING = {U8Fault.SLOW, U8Fault.HANG, U8Fault.HANG_AFTER}
DONE_NEVERTHELESS = {
    U8Fault.ERROR_AFTER,
    U8Fault.SLOW,
    U8Fault.HANG_AFTER,
    U8Fault.RESET_AFTER,
    U8Fault.CUT_AFTER,
    U8Fault.FOREIGN,
    U8Fault.EMPTY,
}


@dataclass(frozen=True, kw_only=True)
class Interface:
    """One of U8's interfaces: what each fault is at each step, and what stands in the books in the end."""

    target: Callable[..., AbstractAsyncContextManager[Target]]
    kinds: dict[str, dict[U8Fault, FailureKind | None]]
    once: Counter[str]
    done_by: dict[str, str] = field(default_factory=dict)


OPENAPI = Interface(
    target=openapi,
    kinds={TOKEN: AT_TOKEN, LIST: AT_LISTS, ADD: AT_CHANGES, RESULT: AT_RESULT, VERIFY: AT_CHANGES},
    once=AUDITED,
    done_by={ADD: "made", VERIFY: "audited"},
)
EAI = Interface(target=eai, kinds={EAI_QUERY: AT_LISTS, EAI_ADD: AT_EAI_ADD}, once=MADE, done_by={EAI_ADD: "made"})
STEPS = [*((OPENAPI, step) for step in OPENAPI.kinds), *((EAI, step) for step in EAI.kinds)]
LOOKS = [(OPENAPI, TOKEN), (OPENAPI, LIST), (EAI, EAI_QUERY)]


def waits(interface: Interface, fault: U8Fault, step: str) -> bool:
    """Say whether a call that meets a fault lasts until its deadline."""
    return fault in HANGING or (step == RESULT and interface.kinds[step][fault] is UNKNOWN)


async def failing_send(interface: Interface, fault: U8Fault, step: str) -> None:
    erp, kind = simulated(), interface.kinds[step][fault]
    asked = call(within_s=SHORT_S if waits(interface, fault, step) else PATIENT_S)
    own = SYNC if interface is OPENAPI and step != RESULT else {}
    async with erp.serving(), interface.target(erp, **own) as target:
        erp.fail(fault, only=(step,))
        if kind is DONE:
            assert await target.send(asked) == issued(asked), (fault, step)
        else:
            failed = await failure_of(target, asked)
            assert (fault, step, failed.kind) == (fault, step, kind)
            if step != RESULT:
                assert failed.retry_after_s == (7.0 if fault is U8Fault.BUSY else None)
        erp.books.work_off_queue()
        done = erp.books.effects(number_of(asked))
        if by := interface.done_by.get(step):
            assert done[by] == (fault in DONE_NEVERTHELESS or kind is DONE), (fault, step)
        erp.heal()
        assert await as_delivered(target, call()) == issued(asked)
    assert erp.books.effects(number_of(asked)) == interface.once, (fault, step)
    assert len(erp.books.bills) == 1


@pytest.mark.parametrize(("interface", "step"), STEPS)
async def test_u8_faults_every_fault_at_every_step_has_its_kind_and_leaves_one_bill(
    interface: Interface, step: str
) -> None:
    faults = [fault for fault in U8Fault if not waits(interface, fault, step)]
    await asyncio.gather(*(failing_send(interface, fault, step) for fault in faults))


async def failing_confirm(interface: Interface, fault: U8Fault, step: str) -> None:
    erp, kind = simulated(), interface.kinds[step][fault]
    async with erp.serving(), interface.target(erp) as before, interface.target(erp) as target:
        assert await before.send(call()) == issued(call())
        erp.fail(fault, only=(step,))
        asked = call(within_s=SHORT_S if fault in HANGING else PATIENT_S)
        if kind is DONE:
            assert await target.confirm(asked) == issued(asked)
        else:
            with pytest.raises(DeliveryFailed) as failed:
                await target.confirm(asked)
            assert (fault, step, failed.value.kind) == (fault, step, kind)
        erp.heal()
        assert await target.confirm(call()) == issued(call())
    assert erp.books.effects(number_of(call())) == interface.once


@pytest.mark.parametrize(("interface", "step"), LOOKS)
async def test_u8_faults_every_fault_at_confirm_has_its_kind_and_changes_nothing(
    interface: Interface, step: str
) -> None:
    await asyncio.gather(*(failing_confirm(interface, fault, step) for fault in U8Fault if fault not in HANGING))


async def test_u8_faults_that_last_until_the_deadline_have_their_kind_and_leave_one_bill() -> None:
    sends = [
        (interface, fault, step) for interface, step in STEPS for fault in U8Fault if waits(interface, fault, step)
    ]
    looks = [(interface, fault, step) for interface, step in LOOKS for fault in HANGING]
    assert len(sends) > 30
    await asyncio.gather(*(failing_send(*one) for one in sends), *(failing_confirm(*one) for one in looks))


@pytest.mark.parametrize("interface", [OPENAPI, EAI])
async def test_u8_faults_a_system_that_repeats_every_bill_is_asked_for_it_before_each_repeat(
    interface: Interface,
) -> None:
    erp = simulated()
    erp.books.takes_repeats = True
    async with erp.serving(), interface.target(erp) as target:
        for number, fault in enumerate((U8Fault.ERROR_AFTER, U8Fault.RESET_AFTER, U8Fault.CUT_AFTER), start=1):
            asked = call(number)
            erp.fail(fault, times=1, only=(ADD, EAI_ADD))
            assert (await failure_of(target, asked)).kind is UNKNOWN
            assert await as_delivered(target, asked) == issued(asked)
            assert await target.send(asked) == issued(asked), "also where nothing is known of an earlier attempt"
            assert erp.books.effects(number_of(asked)) == interface.once
    assert len(erp.books.bills) == 3


@pytest.mark.parametrize("interface", [OPENAPI, EAI])
async def test_u8_faults_a_u8_that_is_down_is_unreachable_and_knows_its_books_when_it_is_back(
    interface: Interface,
) -> None:
    erp, asked = simulated(), call()
    async with erp.serving():
        pass
    async with interface.target(erp) as target:
        assert (await failure_of(target, asked)).kind is FailureKind.UNREACHABLE
        async with erp.serving():
            assert await target.send(asked) == issued(asked)
        async with erp.serving():
            assert await as_delivered(target, asked) == issued(asked)
    assert erp.books.effects(number_of(asked)) == interface.once
    assert len(erp.traceparents) == 1, "every call bears the ticket's trace"


@pytest.mark.parametrize("interface", [OPENAPI, EAI])
async def test_u8_faults_no_secret_and_no_name_is_shown_anywhere(
    interface: Interface, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)  # the programs let less through
    erp, shown = simulated(), list[str]()
    echo = {"shown": f"{erp.account!r} {erp.openapi_options('U8_SECRET')}"}
    async with erp.serving():
        for fault, kind in AT_CHANGES.items():
            if kind is DONE or fault in HANGING:
                continue
            async with interface.target(erp) as target:
                erp.heal()
                erp.fail(fault)
                chain: BaseException | None = await failure_of(target, call())
                shown += [repr(target), *echo.values()]
                while chain is not None:
                    shown += [repr(chain), str(chain), repr(vars(chain))]
                    chain = chain.__cause__ or chain.__context__
    text = "\n".join([*shown, caplog.text])
    private = (*SECRETS.values(), "李女士", "13800001111", "张伟", "token-of-a-simulated-u8")
    assert [word for word in private if word in text] == []
