"""SAP S/4 when everything fails: the kind of each fault at each step, and one document in the end."""

import asyncio

import pytest

from adapters.simulators.sap import ACCESS, FETCH, LOOKUP, POST
from adapters.simulators.sap_faults import SapFault
from bus.delivery.target import DeliveryFailed, Effect, FailureKind
from tests.adapters.sap_systems import basic, issued, oauth, reference, sap, system
from tests.adapters.test_kingdee import PATIENT_S, as_delivered, call

SHORT_S = 1.5  # a third of it is for connecting, which has to be enough on a busy machine
UNKNOWN, UNAVAILABLE, REJECTED = FailureKind.UNKNOWN, FailureKind.UNAVAILABLE, FailureKind.REJECTED
UNAUTHORIZED, THROTTLED = FailureKind.UNAUTHORIZED, FailureKind.THROTTLED
DONE = None
# What a fault of a goods issue tells.
AT_POST = {
    SapFault.ERROR: UNKNOWN,
    SapFault.ERROR_AFTER: UNKNOWN,
    SapFault.BUSY: UNAVAILABLE,
    SapFault.THROTTLED: THROTTLED,
    SapFault.SLOW: UNKNOWN,
    SapFault.HANG: UNKNOWN,
    SapFault.HANG_AFTER: UNKNOWN,
    SapFault.RESET: UNKNOWN,
    SapFault.RESET_AFTER: UNKNOWN,
    SapFault.CUT_AFTER: UNKNOWN,
    SapFault.ENDLESS: UNKNOWN,
    SapFault.STALE_CSRF: UNAVAILABLE,
    SapFault.STALE_CSRF_TEXT: UNAVAILABLE,
    SapFault.UNAUTHORIZED: UNAUTHORIZED,
    SapFault.FORBIDDEN: UNAUTHORIZED,
    SapFault.NOT_ALLOWED: UNAUTHORIZED,
    SapFault.REFUSED: REJECTED,
    SapFault.REFUSED_XML: REJECTED,
    SapFault.LOCKED: UNAVAILABLE,
    SapFault.LOCKED_WORDS: UNAVAILABLE,
    SapFault.LOCKED_STATUS: UNAVAILABLE,
    SapFault.LOCKED_ERROR: UNAVAILABLE,
    SapFault.HIDDEN_REFUSAL: REJECTED,
    SapFault.HIDDEN_DETAIL: REJECTED,
    SapFault.WARNING: DONE,
    SapFault.EMPTY: UNKNOWN,
    SapFault.EMPTY_AFTER: UNKNOWN,
    SapFault.NO_YEAR_AFTER: UNKNOWN,
    SapFault.DELIVERY: REJECTED,
    SapFault.ANOTHER_AFTER: UNKNOWN,
    SapFault.WRAPPED: DONE,
    SapFault.REPEATED: DONE,
    SapFault.BOM: DONE,
    SapFault.UNFILTERED: DONE,
    SapFault.PAGE: UNKNOWN,
    SapFault.REDIRECT: UNAVAILABLE,
    SapFault.NO_SERVICE: UNAVAILABLE,
    SapFault.OUTDATED: UNKNOWN,
    SapFault.NOT_REPEATABLE: UNAVAILABLE,
}
# A question changes nothing, and what is no event's own fault is none of the event's.
AT_QUESTION = {fault: UNAVAILABLE if kind in (UNKNOWN, REJECTED) else kind for fault, kind in AT_POST.items()} | {
    SapFault.NOT_ALLOWED: UNAVAILABLE,
    SapFault.UNFILTERED: UNAVAILABLE,
}
OF_POST_ALONE = {SapFault.HIDDEN_REFUSAL, SapFault.HIDDEN_DETAIL, SapFault.EMPTY, SapFault.DELIVERY}
OF_ENTITIES = {SapFault.EMPTY_AFTER, SapFault.NO_YEAR_AFTER, SapFault.ANOTHER_AFTER}
AT_LOOKUP = AT_QUESTION | dict.fromkeys(OF_POST_ALONE | OF_ENTITIES, DONE)
AT_FETCH = AT_LOOKUP | {SapFault.UNFILTERED: DONE}
HANGING = {SapFault.SLOW, SapFault.HANG, SapFault.HANG_AFTER}
DONE_NEVERTHELESS = {
    SapFault.ERROR_AFTER,
    SapFault.HANG_AFTER,
    SapFault.RESET_AFTER,
    SapFault.CUT_AFTER,
    SapFault.SLOW,
    SapFault.EMPTY_AFTER,
    SapFault.NO_YEAR_AFTER,
    SapFault.ANOTHER_AFTER,
}


async def failing_send(fault: SapFault, step: str) -> None:
    erp = system()
    erp.byte_pause_s = 0.05
    asked = call(within_s=SHORT_S if fault in HANGING else PATIENT_S)
    kind = {ACCESS: AT_FETCH, LOOKUP: AT_LOOKUP, FETCH: AT_FETCH, POST: AT_POST}[step][fault]
    async with erp.serving(), sap(erp, login=oauth(erp) if step == ACCESS else basic(erp)) as target:
        erp.fail(fault, only=(step,))
        if kind is DONE:
            assert await target.send(asked) == issued(), (fault, step)
        else:
            with pytest.raises(DeliveryFailed) as failed:
                await target.send(asked)
            assert (fault, step, failed.value.kind) == (fault, step, kind)
            asked_to_wait = fault in (SapFault.BUSY, SapFault.THROTTLED)
            assert failed.value.retry_after_s == (7.0 if asked_to_wait else None), (fault, step)
        done = step == POST and (fault in DONE_NEVERTHELESS or kind is DONE)
        if step == POST or kind is not DONE:
            assert erp.books.effects(reference(asked)) == done, (fault, step)
        erp.heal()
        assert await as_delivered(target, call()) == issued()
    assert erp.books.effects(reference(asked)) == 1, (fault, step)


@pytest.mark.parametrize("fault", SapFault)
async def test_sap_faults_every_fault_at_every_step_has_its_kind_and_leaves_one_document(fault: SapFault) -> None:
    await asyncio.gather(*(failing_send(fault, step) for step in (ACCESS, LOOKUP, FETCH, POST)))


async def failing_confirm(fault: SapFault) -> None:
    erp, asked = system(), call(within_s=SHORT_S if fault in HANGING else PATIENT_S)
    erp.byte_pause_s = 0.05
    async with erp.serving(), sap(erp) as target:
        await target.send(call())
        erp.fail(fault, only=(LOOKUP,))
        try:
            found: Effect | FailureKind | None = await target.confirm(asked)
        except DeliveryFailed as failed:
            found = failed.kind
        assert (fault, found) == (fault, AT_LOOKUP[fault] or issued())


async def test_sap_faults_a_look_up_that_fails_never_says_that_nothing_is_there() -> None:
    faults = set(AT_LOOKUP) - OF_POST_ALONE - OF_ENTITIES
    await asyncio.gather(*(failing_confirm(fault) for fault in faults - HANGING))
    # Beside thirty others these would spend their short time on connecting, and never hang.
    await asyncio.gather(*(failing_confirm(fault) for fault in faults & HANGING))


async def test_sap_faults_a_delivery_in_place_of_a_document_is_for_people_and_says_which() -> None:
    erp = system()
    async with erp.serving(), sap(erp) as target:
        erp.fail(SapFault.DELIVERY, times=1, only=(POST,))
        with pytest.raises(DeliveryFailed, match="do not send again") as failed:
            await target.send(call())
    assert (failed.value.kind, failed.value.code) == (REJECTED, "L9/514")
    assert failed.value.message == "L9/514: Delivery 80000074 created"


async def test_sap_faults_the_words_of_a_hidden_refusal_are_told() -> None:
    erp = system()
    async with erp.serving(), sap(erp) as target:
        for fault in (SapFault.HIDDEN_REFUSAL, SapFault.HIDDEN_DETAIL, SapFault.REFUSED):
            erp.fail(fault, times=1, only=(POST,))
            with pytest.raises(DeliveryFailed) as failed:
                await target.send(call())
            assert failed.value.code == "M7/053"
            assert "Posting only possible in periods 2026/12" in failed.value.message


async def test_sap_faults_a_crash_in_the_goods_issue_is_taken_up_by_another_process() -> None:
    erp, asked = system(), call()
    async with erp.serving():
        async with sap(erp) as crashing:
            erp.fail(SapFault.HANG_AFTER, only=(POST,))
            sending = asyncio.create_task(crashing.send(asked))
            async with asyncio.timeout(PATIENT_S):
                while POST not in erp.calls:
                    await asyncio.sleep(0.001)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
        erp.heal()
        async with sap(erp) as target:
            assert await as_delivered(target, asked) == issued()
    assert erp.books.effects(reference(asked)) == 1


async def test_sap_faults_a_system_that_is_down_is_unreachable_and_knows_its_books_when_it_is_back() -> None:
    erp, asked = system(), call()
    async with erp.serving():
        pass
    async with sap(erp) as target:
        for ask in (target.send, target.confirm):
            with pytest.raises(DeliveryFailed) as failed:
                await ask(asked)
            assert failed.value.kind is FailureKind.UNREACHABLE
        for _ in range(2):
            async with erp.serving():  # with its sessions gone
                assert await as_delivered(target, asked) == issued()
    assert erp.books.effects(reference(asked)) == 1
