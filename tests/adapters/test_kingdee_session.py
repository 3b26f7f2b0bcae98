"""A session that Kingdee lost, in each of its shapes: renewed once within the call, and then judged as what it is."""

import functools
from collections.abc import Callable, Mapping

import pytest

from adapters.erp.kingdee_wire import bill_number
from adapters.simulators.kingdee import LOGIN
from adapters.simulators.kingdee_books import Account, Answer
from adapters.simulators.kingdee_faults import KingdeeFault
from bus.delivery.target import DeliveryFailed, FailureKind
from tests.adapters.test_kingdee import AUDIT, ONCE, QUERY, SAVE, SUBMIT, as_delivered, call, issued, kingdee, stand_in

SHAPES = (
    KingdeeFault.SESSION_LOST,
    KingdeeFault.SESSION_WORDS,
    KingdeeFault.SESSION_TEXT,
    KingdeeFault.LOGIN_PAGE,
    KingdeeFault.LOGIN_REDIRECT,
    KingdeeFault.UNAUTHORIZED,
    KingdeeFault.FORBIDDEN,
)


@pytest.mark.parametrize("step", [QUERY, SAVE, SUBMIT, AUDIT])
@pytest.mark.parametrize("shape", SHAPES)
async def test_kingdee_session_lost_in_the_middle_in_any_shape_is_renewed_within_the_call(
    shape: KingdeeFault, step: str
) -> None:
    erp, asked = stand_in(), call()
    async with erp.serving(), kingdee(erp) as target:
        erp.fail(shape, times=1, only=(step,))
        assert await target.send(asked) == issued(asked)
    assert erp.calls.count(LOGIN) == 2
    assert erp.books.effects(bill_number(asked.key)) == ONCE


async def test_kingdee_session_lost_in_words_that_nobody_knows_is_renewed_at_a_question_and_no_rule_at_a_change() -> (
    None
):
    erp, asked = stand_in(), call()
    async with erp.serving(), kingdee(erp) as target:
        erp.fail(KingdeeFault.SESSION_FOREIGN, times=1, only=(QUERY,))
        assert await target.confirm(asked) is None
        assert erp.calls.count(LOGIN) == 2
        erp.fail(KingdeeFault.SESSION_FOREIGN, times=1, only=(SAVE,))
        with pytest.raises(DeliveryFailed) as failed:
            await target.send(asked)
    assert (failed.value.kind, erp.calls.count(LOGIN)) == (FailureKind.REJECTED, 2)


@pytest.mark.parametrize("refusals", [1, 2])
async def test_kingdee_session_whose_loss_the_question_after_a_save_shows_is_renewed_and_saved_in_once(
    refusals: int,
) -> None:
    erp, asked = stand_in(), call()
    async with erp.serving(), kingdee(erp) as target:
        erp.fail(KingdeeFault.BOM, times=1, only=(QUERY,))  # the true answer, before the session is lost
        erp.fail(KingdeeFault.SESSION_FOREIGN, times=1, only=(QUERY,))
        erp.fail(KingdeeFault.SESSION_FOREIGN, times=refusals, only=(SAVE,))
        if refusals == 1:
            assert await target.send(asked) == issued(asked)
        else:
            with pytest.raises(DeliveryFailed) as failed:
                await target.send(asked)
            assert failed.value.kind is FailureKind.REJECTED
    assert (erp.calls.count(LOGIN), erp.calls.count(SAVE)) == (2, 2)


@pytest.mark.parametrize("shape", [*SHAPES, KingdeeFault.SESSION_FOREIGN])
async def test_kingdee_session_lost_again_after_its_renewal_is_renewed_no_second_time_in_a_call(
    shape: KingdeeFault,
) -> None:
    erp = stand_in()
    async with erp.serving(), kingdee(erp) as target:
        assert await target.confirm(call()) is None
        erp.fail(shape, only=(QUERY,))
        with pytest.raises(DeliveryFailed):
            await target.send(call())
    assert erp.calls.count(LOGIN) == 2


@pytest.mark.parametrize("step", [SAVE, SUBMIT, AUDIT])
async def test_kingdee_session_page_to_log_in_that_hides_an_effect_makes_no_second_bill(step: str) -> None:
    erp, asked = stand_in(), call()
    erp.books.takes_repeats = True
    async with erp.serving(), kingdee(erp) as target:
        erp.fail(KingdeeFault.LOGIN_PAGE_AFTER, times=1, only=(step,))
        assert await target.send(asked) == issued(asked)
    assert erp.books.effects(bill_number(asked.key)) == ONCE
    assert len(erp.books.bills) == 1


async def test_kingdee_session_page_that_is_none_to_log_in_costs_no_login() -> None:
    erp = stand_in()
    async with erp.serving(), kingdee(erp) as target:
        erp.fail(KingdeeFault.PAGE, times=1, only=(SAVE,))
        with pytest.raises(DeliveryFailed) as failed:
            await target.send(call())
    assert failed.value.kind is FailureKind.UNKNOWN
    assert failed.value.message == "系统维护中"
    assert erp.calls.count(LOGIN) == 1


@pytest.mark.parametrize("step", [SAVE, SUBMIT, AUDIT])
async def test_kingdee_bill_that_another_user_has_open_is_tried_again_and_made_once(step: str) -> None:
    erp, asked = stand_in(), call()
    async with erp.serving(), kingdee(erp) as target:
        erp.fail(KingdeeFault.IN_USE, times=1, only=(step,))
        with pytest.raises(DeliveryFailed) as failed:
            await target.send(asked)
        assert (failed.value.kind, failed.value.code) == (FailureKind.UNAVAILABLE, "13")
        assert failed.value.message.startswith("网络控制")
        assert await as_delivered(target, asked) == issued(asked)
    assert erp.books.effects(bill_number(asked.key)) == ONCE


def echo(log_in: Callable[[object], tuple[Answer, str]], parameters: object) -> tuple[Answer, str]:
    """Refuse a login with what it brought."""
    assert isinstance(parameters, list)
    refusal, session = log_in(parameters)
    assert isinstance(refusal, Mapping)
    return {**refusal, "Message": f"应用 {parameters[2]} 的密钥 {parameters[3]} 不正确"}, session


async def test_kingdee_words_of_its_own_hold_no_credential_of_ours() -> None:
    erp = stand_in()
    who = erp.account
    erp.books.account = Account(app_id=who.app_id, app_secret=who.app_secret, user="somebody else")
    erp.books.log_in = functools.partial(echo, erp.books.log_in)  # type: ignore[method-assign]  # this one repeats it
    async with erp.serving(), kingdee(erp) as target:
        with pytest.raises(DeliveryFailed) as failed:
            await target.send(call())
    assert failed.value.message == "应用 *** 的密钥 *** 不正确"
