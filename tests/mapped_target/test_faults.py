"""A target by a map when everything fails: the kind of each fault at each step, and one effect in the end."""

import asyncio

import pytest

from adapters.contract_suites.target import next_attempt
from bus.delivery.target import DeliveryFailed, Effect, FailureKind
from tests.mapped_target.calls import PATIENT_S, call, outcome, target_of
from tests.mapped_target.desk import TOKEN_PATH, DeskFault, options, serving

SHORT_S = 2.0  # a third of it is for connecting, which has to be enough on a busy machine
UNKNOWN, UNAVAILABLE = FailureKind.UNKNOWN, FailureKind.UNAVAILABLE
WELL = {DeskFault.EFFECT_FIRST_TWICE, DeskFault.EFFECT_FIRST_GBK}
HANGING = {DeskFault.HANG, DeskFault.EFFECT_FIRST_HANG, DeskFault.EFFECT_FIRST_SLOW}
AT_SENDING = {
    **dict.fromkeys(DeskFault, UNKNOWN),
    **dict.fromkeys((DeskFault.BUSY, DeskFault.REDIRECT), UNAVAILABLE),
    **dict.fromkeys((DeskFault.THROTTLED, DeskFault.SAYS_BUSY), FailureKind.THROTTLED),
    DeskFault.REFUSED: FailureKind.REJECTED,
    **dict.fromkeys((DeskFault.LOST_TOKEN, *WELL), None),
}
AT_QUESTION = {fault: UNAVAILABLE if kind is UNKNOWN else kind for fault, kind in AT_SENDING.items()}
AT_TOKEN = AT_QUESTION | dict.fromkeys((DeskFault.REFUSED, DeskFault.LOST_TOKEN), FailureKind.UNAUTHORIZED)
AT_STEP = {"POST /api/": AT_SENDING, "GET /api/": AT_QUESTION, f"POST {TOKEN_PATH}": AT_TOKEN}
WAITS = {DeskFault.BUSY, DeskFault.THROTTLED, DeskFault.SAYS_BUSY}


async def failing_once(fault: DeskFault, step: str) -> None:
    kind = AT_STEP[step][fault]
    asked = call(within_s=SHORT_S if fault in HANGING else PATIENT_S)
    async with serving() as desk, target_of(options(desk.url)) as target:
        asks = step.startswith("GET")
        if asks:  # an attempt took effect, and nobody knows
            assert isinstance(await outcome(target, call()), Effect)
        desk.fail(fault, at=step)
        came = await outcome(target, asked, asks=asks)
        failed = came if isinstance(came, DeliveryFailed) else None
        assert (step, fault, failed and failed.kind) == (step, fault, kind)
        if failed:
            assert failed.retry_after_s == (7.0 if fault in WAITS else None)
            unsure = asks or failed.kind is UNKNOWN
            assert unsure or desk.effects() == 0
            came = await next_attempt(target, call(), unsure=unsure)
        assert came == Effect(reference="N-1")
        assert len(desk.notes) == 1, (fault, step)


async def test_mapped_target_faults_each_at_each_step_has_its_kind_and_leaves_one_effect() -> None:
    for faults in (set(DeskFault) - HANGING, HANGING):  # apart, so that what has a short deadline is not held up
        await asyncio.gather(*(failing_once(fault, step) for step in AT_STEP for fault in faults))


async def test_mapped_target_faults_a_question_that_nobody_answers_repeats_nothing() -> None:
    async with serving() as desk, target_of(options(desk.url)) as target:
        desk.fail(DeskFault.EFFECT_FIRST_RESET)
        failed = await outcome(target, call())
        assert isinstance(failed, DeliveryFailed)
        assert failed.kind is UNKNOWN
        for fault in (DeskFault.PAGE, DeskFault.OTHERS_ANSWER, DeskFault.EMPTY, DeskFault.FAILED):
            desk.fail(fault, at="GET /api/")
            with pytest.raises(DeliveryFailed):  # not "it was not done"
                await target.confirm(call())
        assert await target.confirm(call()) == Effect(reference="N-1")
    assert len(desk.notes) == 1


async def test_mapped_target_faults_a_mended_copy_is_not_sent_beside_what_took_effect_before_the_edit() -> None:
    async with serving() as desk, target_of(options(desk.url)) as target:
        desk.fail(DeskFault.EFFECT_FIRST_RESET)
        failed = await outcome(target, call())
        assert isinstance(failed, DeliveryFailed)
        mended = await outcome(target, call(copy_key="of-the-copy"))
        assert isinstance(mended, DeliveryFailed)
        assert mended.kind is FailureKind.REJECTED
        desk.notes.clear()
        assert isinstance(await outcome(target, call(copy_key="of-the-copy")), Effect)
    assert [note["ref"] for note in desk.notes] == ["of-the-copy"]


async def test_mapped_target_faults_what_the_other_side_repeats_of_our_secrets_is_masked() -> None:
    async with serving() as desk, target_of(options(desk.url)) as target:
        await target.send(call())
        desk.fail(DeskFault.REFUSED)
        failed = await outcome(target, call())
    assert isinstance(failed, DeliveryFailed)
    assert failed.message == "字段 text 过长"
