"""Kingdee as a target when everything fails: the kind of each fault at each step, and one bill in the end."""

import asyncio
import contextlib
import logging
import socket
import time

import pytest

from adapters.erp.kingdee import Kingdee
from adapters.erp.kingdee_wire import bill_number
from adapters.simulators.kingdee import LOGIN, KingdeeSimulator
from adapters.simulators.kingdee_faults import KingdeeFault
from bus.delivery.target import DeliveryFailed, FailureKind, Target
from bus.domain.commands import RefuseParts
from tests.adapters.test_kingdee import (
    AUDIT,
    ONCE,
    PATIENT_S,
    QUERY,
    SAVE,
    SUBMIT,
    as_delivered,
    call,
    issued,
    kingdee,
    settings,
    stand_in,
)
from tests.bus_under_test import eventually

SHORT_S = 2.0
UNKNOWN, UNAVAILABLE = FailureKind.UNKNOWN, FailureKind.UNAVAILABLE
# What a fault at a step that changes something tells; and at a question.
AT_CHANGES = {
    KingdeeFault.ERROR: UNKNOWN,
    KingdeeFault.ERROR_AFTER: UNKNOWN,
    KingdeeFault.BUSY: UNAVAILABLE,
    KingdeeFault.SLOW: UNKNOWN,
    KingdeeFault.HANG: UNKNOWN,
    KingdeeFault.HANG_AFTER: UNKNOWN,
    KingdeeFault.RESET: UNKNOWN,
    KingdeeFault.RESET_AFTER: UNKNOWN,
    KingdeeFault.REFUSED: FailureKind.REJECTED,
    KingdeeFault.BROKE: UNKNOWN,
    KingdeeFault.EXCEPTION: UNKNOWN,
    KingdeeFault.SESSION_LOST: FailureKind.UNAUTHORIZED,
    KingdeeFault.SESSION_WORDS: FailureKind.UNAUTHORIZED,
    KingdeeFault.SESSION_TEXT: FailureKind.UNAUTHORIZED,
    KingdeeFault.SESSION_FOREIGN: FailureKind.REJECTED,
    KingdeeFault.LOGIN_PAGE: UNKNOWN,
    KingdeeFault.LOGIN_PAGE_AFTER: UNKNOWN,
    KingdeeFault.LOGIN_REDIRECT: UNAVAILABLE,
    KingdeeFault.UNAUTHORIZED: FailureKind.UNAUTHORIZED,
    KingdeeFault.FORBIDDEN: FailureKind.UNAUTHORIZED,
    KingdeeFault.IN_USE: UNAVAILABLE,
    KingdeeFault.THROTTLED: FailureKind.THROTTLED,
    KingdeeFault.DISK_FULL: UNAVAILABLE,
    KingdeeFault.DISK_FULL_ERROR: UNKNOWN,
    KingdeeFault.PAGE: UNKNOWN,
    KingdeeFault.ENDLESS: UNKNOWN,
    KingdeeFault.CUT_AFTER: UNKNOWN,
    KingdeeFault.REPEATED: None,
    KingdeeFault.PAGE_REPEATS: None,
    KingdeeFault.BOM: None,
    KingdeeFault.ESCAPED: None,
}
AT_SAVE = AT_CHANGES | {KingdeeFault.LOGIN_PAGE_AFTER: None}  # the bill is looked for, and is there
AT_QUESTIONS = {fault: UNAVAILABLE if kind is UNKNOWN else kind for fault, kind in AT_CHANGES.items()}
AT_LOGIN = AT_QUESTIONS | dict.fromkeys((KingdeeFault.REFUSED, KingdeeFault.SESSION_FOREIGN), FailureKind.UNAUTHORIZED)
HANGING = {KingdeeFault.SLOW, KingdeeFault.HANG, KingdeeFault.HANG_AFTER}
# At these the step may be done already when the failure is told.
DONE_NEVERTHELESS = {
    KingdeeFault.ERROR_AFTER,
    KingdeeFault.SLOW,
    KingdeeFault.HANG_AFTER,
    KingdeeFault.RESET_AFTER,
    KingdeeFault.CUT_AFTER,
    KingdeeFault.LOGIN_PAGE_AFTER,
}


async def connected(target: Target, erp: KingdeeSimulator, step: str) -> None:
    """Have a connection open before a short deadline runs: connecting may take long on a busy machine."""
    assert await target.confirm(call(99)) is None
    if step == LOGIN:
        erp.books.forget_sessions()


async def failing_send(fault: KingdeeFault, step: str) -> None:
    erp = stand_in()
    asked = call(within_s=SHORT_S if fault in HANGING else PATIENT_S)
    kind = {LOGIN: AT_LOGIN, QUERY: AT_QUESTIONS, SAVE: AT_SAVE}.get(step, AT_CHANGES)[fault]
    async with erp.serving(), kingdee(erp) as target:
        if step != LOGIN or fault in HANGING:
            await connected(target, erp, step)
        erp.fail(fault, only=(step,))
        if kind is None:
            assert await target.send(asked) == issued(asked)
        else:
            with pytest.raises(DeliveryFailed) as failed:
                await target.send(asked)
            assert (step, failed.value.kind) == (step, kind)
            assert failed.value.retry_after_s == (7.0 if fault is KingdeeFault.BUSY else None)
        done = erp.books.effects(bill_number(asked.key))
        at_step = {SAVE: "made", SUBMIT: "submitted", AUDIT: "audited"}.get(step)
        if at_step:
            assert done[at_step] == (fault in DONE_NEVERTHELESS or kind is None), (fault, step)
        erp.heal()
        assert await as_delivered(target, call()) == issued(asked)
    assert erp.books.effects(bill_number(asked.key)) == ONCE, (fault, step)


@pytest.mark.parametrize("fault", KingdeeFault)
async def test_kingdee_faults_every_fault_at_every_step_has_its_kind_and_leaves_one_bill(fault: KingdeeFault) -> None:
    await asyncio.gather(*(failing_send(fault, step) for step in (LOGIN, QUERY, SAVE, SUBMIT, AUDIT)))


async def failing_confirm(fault: KingdeeFault, step: str) -> None:
    erp = stand_in()
    kind = (AT_LOGIN if step == LOGIN else AT_QUESTIONS)[fault]
    async with erp.serving(), kingdee(erp) as before, kingdee(erp) as target:
        assert await before.send(call()) == issued(call())
        if fault in HANGING:
            await connected(target, erp, step)
        erp.fail(fault, only=(step,))
        asked = call(within_s=SHORT_S if fault in HANGING else PATIENT_S)
        if kind is None:
            assert await target.confirm(asked) == issued(asked)
        else:
            with pytest.raises(DeliveryFailed) as failed:
                await target.confirm(asked)
            assert (step, failed.value.kind) == (step, kind)
        erp.heal()
        assert await target.confirm(call()) == issued(call())
    assert erp.books.effects(bill_number(asked.key)) == ONCE


@pytest.mark.parametrize("fault", KingdeeFault)
async def test_kingdee_faults_every_fault_at_confirm_has_its_kind_and_changes_nothing(fault: KingdeeFault) -> None:
    await asyncio.gather(*(failing_confirm(fault, step) for step in (LOGIN, QUERY)))


@pytest.mark.parametrize("step", [SAVE, SUBMIT, AUDIT])
@pytest.mark.parametrize("fault", [KingdeeFault.HANG, KingdeeFault.HANG_AFTER])
async def test_kingdee_faults_a_crash_at_any_step_is_taken_up_by_another_process(
    step: str, fault: KingdeeFault
) -> None:
    erp, asked = stand_in(), call()
    async with erp.serving():
        async with kingdee(erp) as crashing:
            erp.fail(fault, only=(step,))
            sending = asyncio.create_task(crashing.send(asked))

            async def there() -> bool:
                return step in erp.calls  # what it does, it does before it lets go of the loop

            await eventually(there, each_s=0.001)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
        erp.heal()
        async with kingdee(erp) as target:
            assert await as_delivered(target, asked) == issued(asked)
    assert erp.books.effects(bill_number(asked.key)) == ONCE


@pytest.mark.parametrize("fault", [KingdeeFault.SLOW, KingdeeFault.HANG, KingdeeFault.HANG_AFTER])
async def test_kingdee_faults_the_deadline_holds_for_the_whole_call(fault: KingdeeFault) -> None:
    erp = stand_in()
    async with erp.serving(), kingdee(erp) as target:
        erp.fail(fault, only=(SUBMIT,))
        began = time.monotonic()
        with pytest.raises(DeliveryFailed, match="no answer within"):
            await target.send(call(within_s=0.3))
        assert 0.25 < time.monotonic() - began < PATIENT_S


async def test_kingdee_faults_an_answer_without_end_is_cut_where_no_answer_is_as_long() -> None:
    erp = stand_in()
    async with erp.serving(), kingdee(erp) as target:
        erp.fail(KingdeeFault.ENDLESS, only=(SAVE,))
        with pytest.raises(DeliveryFailed, match="longer than") as failed:  # the deadline would say otherwise
            await target.send(call())
    assert failed.value.kind is UNKNOWN


@pytest.mark.parametrize("fault", [KingdeeFault.HANG_AFTER, KingdeeFault.ERROR])
@pytest.mark.parametrize("step", ["CancelAssign", "ExcuteOperation"])
async def test_kingdee_faults_a_refusal_cut_short_is_brought_to_its_end(step: str, fault: KingdeeFault) -> None:
    erp, asked = stand_in(**{"SEAL-1": 0}), call(within_s=SHORT_S)
    async with erp.serving(), kingdee(erp) as target:
        erp.fail(fault, only=(step,))
        with pytest.raises(DeliveryFailed) as failed:
            await target.send(asked)
        assert failed.value.kind is UNKNOWN
        erp.heal()
        told = await as_delivered(target, call())
    assert isinstance(told.commands[0], RefuseParts)
    done = erp.books.effects(bill_number(asked.key))
    assert (done["made"], done["audited"], done["voided"]) == (1, 0, 1)


async def test_kingdee_faults_an_erp_that_is_down_is_unreachable_and_knows_its_books_when_it_is_back() -> None:
    erp, asked = stand_in(), call()
    async with erp.serving():
        pass
    async with kingdee(erp) as target:
        for ask in (target.send, target.confirm):
            with pytest.raises(DeliveryFailed) as failed:
                await ask(asked)
            assert failed.value.kind is FailureKind.UNREACHABLE
        async with erp.serving():
            assert await target.send(asked) == issued(asked)
        async with erp.serving():  # with its connections and sessions gone
            assert await as_delivered(target, asked) == issued(asked)
    assert erp.books.effects(bill_number(asked.key)) == ONCE


async def test_kingdee_faults_a_target_that_was_closed_reaches_nobody() -> None:
    erp = stand_in()
    async with erp.serving():
        target = Kingdee(settings(erp))
        for _ in range(2):
            await target.close()
        with pytest.raises(DeliveryFailed) as failed:
            await target.send(call())
    assert failed.value.kind is FailureKind.UNREACHABLE


async def test_kingdee_faults_a_host_that_swallows_connections_is_unreachable() -> None:
    with socket.socket() as full, contextlib.ExitStack() as fillers:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        erp = KingdeeSimulator(stock={}, port=full.getsockname()[1])
        async with kingdee(erp) as target:
            with pytest.raises(DeliveryFailed) as failed:
                await target.send(call(within_s=0.3))
    assert failed.value.kind is FailureKind.UNREACHABLE


async def test_kingdee_faults_no_secret_and_no_name_is_told_anywhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)  # the programs let less through
    erp = stand_in()
    told = [repr(settings(erp)), str(settings(erp)), repr(erp.account), repr(Kingdee(settings(erp)))]
    async with erp.serving():
        for fault in set(KingdeeFault) - {fault for fault, kind in AT_CHANGES.items() if kind is None}:
            async with kingdee(erp) as target:
                erp.heal()
                erp.fail(fault)
                with pytest.raises(DeliveryFailed) as failed:
                    await target.send(call(within_s=0.1))
                chain: BaseException | None = failed.value
                while chain is not None:
                    told += [repr(chain), str(chain), repr(vars(chain))]
                    chain = chain.__cause__ or chain.__context__
    said = "\n".join([*told, caplog.text])
    who = erp.account
    private = (who.app_secret, who.acct_id, who.app_id, "李女士", "13800001111", "张伟", "session-1", "物料")
    assert [word for word in private if word in said] == []
