"""The token and the budget of 纷享销客: one token for all calls of an app, never asked for twice at once."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from prometheus_client import REGISTRY

from adapters.contract_suites.faulty_ways import http_response, responding_with
from adapters.exchange import Talk, talk_of_probe
from adapters.fxiaoke_api import wire
from adapters.fxiaoke_api.account import FxiaokeAccount, FxiaokeLogin
from adapters.fxiaoke_api.budget import CallBudget, until_midnight_s
from adapters.fxiaoke_api.session import FxiaokeSession
from adapters.simulators.fxiaoke import QUERY, TOKEN, FxiaokeSimulator
from adapters.simulators.fxiaoke_books import TOKEN_S
from adapters.simulators.fxiaoke_faults import FxiaokeFault
from bus.delivery.target import DeliveryFailed, FailureKind
from tests.adapters.fxiaoke_calls import CASE, READ, UPDATE, call, simulated, target

PATH = wire.path(CASE, "query")
ASKED = wire.query(CASE, [])
NOW = datetime(2026, 11, 29, 15, 59, 30, tzinfo=UTC)  # half a minute before midnight in China


def session(crm: FxiaokeSimulator, clock: Callable[[], float], **own: object) -> FxiaokeSession:
    account = FxiaokeAccount.model_validate({**crm.account("FXIAOKE_SECRET", "FXIAOKE_CODE"), **own})
    return FxiaokeSession(account.login(READ), now=lambda: NOW, clock=clock)


def ask(one: FxiaokeSession, talk: Talk | None = None) -> asyncio.Task[object]:
    return asyncio.create_task(one.ask(talk or talk_of_probe(10), PATH, ASKED, changes=False))


async def refused(one: FxiaokeSession) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as failed:
        await ask(one)
    return failed.value


async def test_fxiaoke_session_eight_calls_of_two_sessions_share_one_token_and_one_new_token() -> None:
    crm, clock = simulated(), [0.0]
    async with crm.serving():
        sessions = [session(crm, lambda: clock[0]) for _ in range(2)]
        await asyncio.gather(*(ask(one) for one in sessions * 4))
        assert crm.calls.count(TOKEN) == 1
        crm.books.forget_tokens()
        await asyncio.gather(*(ask(one) for one in sessions * 4))
        assert crm.calls.count(TOKEN) == 2
        for one in sessions:
            await one.close()


async def test_fxiaoke_session_a_token_is_renewed_in_the_last_ten_minutes_of_its_two_hours_alone() -> None:
    clock = [0.0]
    crm = simulated(now=lambda: clock[0])
    async with crm.serving():
        one = session(crm, lambda: clock[0])
        for at, tokens in ((0, 1), (6_700, 1), (TOKEN_S - 61, 1), (TOKEN_S - 60, 2), (TOKEN_S + 5_000, 2)):
            clock[0] = at
            await ask(one)
            assert crm.calls.count(TOKEN) == tokens, at
        await one.close()


async def test_fxiaoke_session_a_program_that_starts_later_gets_the_same_token_for_the_rest_of_its_time() -> None:
    clock = [0.0]
    crm = simulated(now=lambda: clock[0])
    async with crm.serving():
        crm.books.token({**wire.token_request(login_of(crm))})
        clock[0] = 6_000
        one = session(crm, lambda: clock[0])
        await ask(one)
        clock[0] = TOKEN_S - 30
        await ask(one)
        assert crm.calls == [TOKEN, QUERY, TOKEN, QUERY], "1,200 s were left, and the last minute is not used"
        await one.close()


def login_of(crm: FxiaokeSimulator) -> FxiaokeLogin:
    return FxiaokeAccount.model_validate(crm.account("FXIAOKE_SECRET", "FXIAOKE_CODE")).login(READ)


@pytest.mark.parametrize("expires", [0, None, "7084", "x", 1_580_000_000, -5, 3.5, "9" * 5_000])
async def test_fxiaoke_session_a_time_of_a_token_that_is_none_is_two_hours_at_most(expires: object) -> None:
    answer = orjson.dumps({"errorCode": 0, "accessToken": "t", "ea": "e", "expiresIn": expires})
    clock = [0.0]
    async with responding_with(http_response(200, answer)) as url:
        one = session(simulated(), lambda: clock[0], base_url=url)
        await ask(one)
        clock[0] = 7_000
        await ask(one)
        await one.close()


async def test_fxiaoke_session_a_refused_token_is_renewed_once_in_a_call() -> None:
    crm = simulated()
    async with crm.serving():
        one = session(crm, lambda: 0.0)
        crm.fail(FxiaokeFault.TOKEN_EXPIRED, times=1, only=(QUERY,))
        await ask(one)
        assert crm.calls.count(TOKEN) == 2
        crm.fail(FxiaokeFault.TOKEN_EXPIRED, only=(QUERY,))
        failed = await refused(one)
        assert (failed.kind, failed.code) == (FailureKind.UNAUTHORIZED, "20016")
        assert crm.calls.count(TOKEN) == 3, "once in a call"
        crm.heal()
        crm.fail(FxiaokeFault.NO_TOKEN, only=(QUERY,))
        failed = await refused(one)
        assert (failed.kind, crm.calls.count(TOKEN)) == (FailureKind.UNAUTHORIZED, 3), "20017 is not renewed"
        await one.close()


async def test_fxiaoke_session_a_wrong_secret_is_tried_once_by_eight_calls_at_once() -> None:
    crm = simulated()
    crm.books.tenant = replace(crm.tenant, app_secret="of somebody else")
    async with crm.serving():
        one = session(crm, lambda: 0.0)
        ends = await asyncio.gather(*(ask(one) for _ in range(8)), return_exceptions=True)
        kinds = [(one.kind, one.code) for one in ends if isinstance(one, DeliveryFailed)]
        assert kinds == [(FailureKind.UNAUTHORIZED, "10006")] * 8
        assert crm.calls == [TOKEN]
        await one.close()


async def test_fxiaoke_session_asks_for_ten_tokens_a_minute_at_most() -> None:
    clock = [100.0]
    crm = simulated(now=lambda: clock[0])
    crm.books.tenant = replace(crm.tenant, app_secret="of somebody else")
    async with crm.serving():
        one = session(crm, lambda: clock[0])
        for _ in range(10):
            assert (await refused(one)).kind is FailureKind.UNAUTHORIZED
            clock[0] += 1
        failed = await refused(one)
        assert (failed.kind, failed.retry_after_s) == (FailureKind.THROTTLED, 50)
        assert crm.calls == [TOKEN] * 10
        clock[0] += 50
        assert (await refused(one)).kind is FailureKind.UNAUTHORIZED
        await one.close()


async def test_fxiaoke_session_calls_wait_for_the_budget_and_none_is_refused_by_the_vendor() -> None:
    clock = [0.0]
    crm = simulated(now=lambda: clock[0])
    async with crm.serving():
        one = session(crm, lambda: clock[0])
        await asyncio.gather(*(ask(one) for _ in range(100)))
        assert left(crm) == 0
        late = await refused_within(one, 1.0)
        assert late.kind is FailureKind.THROTTLED
        assert late.retry_after_s == pytest.approx(21)
        clock[0] = 20.999
        waiting = ask(one)
        await asyncio.sleep(0)
        clock[0] = 21.1
        await waiting
        assert (left(crm), crm.calls.count(QUERY)) == (99, 101)
        await one.close()


async def refused_within(one: FxiaokeSession, within_s: float) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as failed:
        await ask(one, talk_of_probe(within_s))
    return failed.value


def left(crm: FxiaokeSimulator) -> float | None:
    return REGISTRY.get_sample_value("ticketbus_fxiaoke_calls_left", {"app": crm.tenant.app_id, "interface": PATH})


async def test_fxiaoke_session_a_share_of_the_budget_and_a_total_of_the_day_are_options() -> None:
    crm = simulated()
    async with crm.serving():
        one = session(crm, lambda: 0.0, calls_per_20_s=2, calls_per_day=3)
        await ask(one)
        await ask(one)
        assert (await refused_within(one, 1.0)).kind is FailureKind.THROTTLED
        other = session(crm, lambda: 0.0, calls_per_20_s=3, calls_per_day=3)
        await ask(other)
        failed = await refused(other)
        assert (failed.kind, failed.retry_after_s, "calls_per_day" in failed.detail) == (
            FailureKind.THROTTLED, 30, True,
        )  # fmt: skip
        assert REGISTRY.get_sample_value("ticketbus_fxiaoke_calls_left_today", {"app": crm.tenant.app_id}) == 0
        assert crm.calls.count(QUERY) == 3
        await one.close()
        await other.close()


def test_fxiaoke_budget_no_20_seconds_have_more_calls_than_allowed_and_each_interface_has_its_own() -> None:
    clock, now = [0.0], [NOW]
    budget, made = CallBudget("app", lambda: clock[0], lambda: now[0]), list[float]()
    while clock[0] < 90:
        while not budget.wait_s("a", 7):
            budget.count("a", 7, 1_000)
            made.append(clock[0])
        clock[0] += 0.7
    assert len(made) > 4 * 7
    assert max(sum(at <= one < at + 20 for one in made) for at in made) == 7
    assert budget.wait_s("b", 7) == 0
    assert budget.wait_for_tomorrow_s(len(made)) == 30
    now[0] += timedelta(seconds=30)
    assert budget.wait_for_tomorrow_s(1) == 0, "a new day in China"
    assert until_midnight_s(NOW + timedelta(seconds=31)) == 86_399


def test_fxiaoke_budget_holds_where_calls_arrive_later_than_they_were_counted() -> None:
    clock = [0.0]
    budget, arrived = CallBudget("app", lambda: clock[0], lambda: NOW), list[float]()
    while clock[0] < 90:
        while not budget.wait_s("a", 7):
            budget.count("a", 7, None)
            late = 0.9 if len(arrived) % 14 < 7 else 0.0
            arrived.append(clock[0] + late)
        clock[0] += 0.05
    assert len(arrived) >= 5 * 7
    assert max(sum(at <= one < at + 20 for one in arrived) for at in arrived) == 7


async def test_fxiaoke_session_a_target_that_is_throttled_before_it_sends_has_done_nothing() -> None:
    crm = simulated()
    async with crm.serving(), target(crm, UPDATE, account={"calls_per_day": 1}) as built:
        await built.send(call())
        with pytest.raises(DeliveryFailed) as failed:
            await built.send(call(2))
        assert failed.value.kind is FailureKind.THROTTLED
    assert crm.books.records[0].steps["updated"] == 1
