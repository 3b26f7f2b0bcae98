"""A token of OAuth's client credentials: one request for all who wait, one more where it is refused or over."""

import asyncio
from typing import Any

import pytest

from adapters.outbound_http import Deadline
from adapters.shared_token import SharedToken, Token, lifetime_s
from bus.delivery.target import DeliveryFailed, Effect, FailureKind
from tests.mapped_target.calls import NOTE, call, outcome, target_of
from tests.mapped_target.desk import CLIENT_SECRET, TOKEN_PATH, DeskFault, options, serving


def token_calls(calls: list[str]) -> int:
    return calls.count(f"POST {TOKEN_PATH}")


async def test_mapped_target_token_is_asked_for_once_by_all_who_wait_for_it() -> None:
    async with serving() as desk, target_of(options(desk.url)) as target:
        await asyncio.gather(*(target.confirm(call()) for _ in range(20)))
    assert (token_calls(desk.calls), len(desk.calls)) == (1, 21)


async def test_mapped_target_token_that_is_refused_is_replaced_once_for_all_and_nothing_is_lost() -> None:
    async with serving() as desk, target_of(options(desk.url)) as target:
        await target.confirm(call())
        desk.tokens_in_force.clear()
        effects = await asyncio.gather(*(target.send(call()) for _ in range(5)))
    assert token_calls(desk.calls) == 2
    assert len(desk.notes) == len(effects) == 5


async def test_mapped_target_token_that_is_refused_anew_is_unauthorized_after_one_more_call() -> None:
    async with serving() as desk, target_of(options(desk.url)) as target:
        desk.fail(DeskFault.LOST_TOKEN, times=10)
        failed = await outcome(target, call())
    assert isinstance(failed, DeliveryFailed)
    assert failed.kind is FailureKind.UNAUTHORIZED
    assert (token_calls(desk.calls), len(desk.calls)) == (2, 4)


async def test_mapped_target_token_a_client_that_is_not_let_in_is_unauthorized_for_all_who_waited() -> None:
    given = options("")
    async with serving() as desk:
        given = options(desk.url)
        given["proof"] |= {"client_id": "somebody"}
        async with target_of(given) as target:
            came = await asyncio.gather(*(outcome(target, call()) for _ in range(20)))
    assert {one.kind for one in came if isinstance(one, DeliveryFailed)} == {FailureKind.UNAUTHORIZED}
    assert len({id(one) for one in came}) == 20
    assert (token_calls(desk.calls), len(desk.calls), desk.notes) == (1, 1, [])
    assert [one for one in came if CLIENT_SECRET in f"{one} {vars(one)}"] == []


@pytest.mark.parametrize("by_form", [True, False])
async def test_mapped_target_token_the_client_shows_itself_by_header_or_by_form(by_form: bool) -> None:
    async with serving() as desk:
        given: dict[str, Any] = options(desk.url)
        given["proof"] |= {"client_auth": "form" if by_form else "basic", "scope": "notes"}
        async with target_of(given) as target:
            came = await outcome(target, call(NOTE))
    assert isinstance(came, DeliveryFailed if by_form else Effect)  # the desk knows the header alone
    assert ("authorization" in desk.heads[0]) is not by_form


@pytest.mark.parametrize(
    ("given", "valid_s"),
    [(3600, 3600.0), (" 3600 ", 3600.0), (0, None), (-1, None), (True, None), (None, None), ("9" * 5_000, None)],
)
def test_mapped_target_token_says_how_long_it_is_valid_or_nothing(given: object, valid_s: float | None) -> None:
    assert lifetime_s(given) == valid_s


async def test_mapped_target_token_is_renewed_before_its_end_and_lasts_until_it_is_refused_without_one() -> None:
    issued, asked = list[float | None](), Deadline.after(60)

    async def fetch(_: Deadline) -> Token:
        issued.append(valid_s)
        return Token(text=f"token-{len(issued)}", valid_s=valid_s)

    for valid_s, fetched in ((0.0, 3), (1_000.0, 1), (None, 1)):
        issued.clear()
        token = SharedToken(fetch)
        for _ in range(3):
            await token.get(asked)
        assert len(issued) == fetched, valid_s
        assert await token.get(asked, lost=token.text) == f"token-{fetched + 1}"


async def test_mapped_target_token_who_waits_for_it_has_the_deadline_of_its_own_call() -> None:
    async def never(_: Deadline) -> Token:
        await asyncio.Event().wait()
        raise AssertionError

    token = SharedToken(never)
    first = asyncio.create_task(token.get(Deadline.after(60)))
    await asyncio.sleep(0)
    with pytest.raises(DeliveryFailed) as failed:
        await token.get(Deadline.after(0.05))
    first.cancel()
    assert failed.value.kind is FailureKind.UNAVAILABLE
