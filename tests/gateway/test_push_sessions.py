"""Pushes on a real database: who is given what, when it counts as done, and what holds them back."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bus.delivery import target_state
from bus.domain.errors import MalformedInput
from bus.postgres.pool import Pool, in_transaction
from bus.push.frames import read_person
from bus.push.sessions import PushSession
from tests.bus_under_test import eventually
from tests.delivery.deliveries import NOW, ticket
from tests.gateway.pushes import APP, PushSetup, empty_setup, next_push, opened
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]


async def nothing_more_comes(session: PushSession) -> None:
    """See that no push comes for three turns of an idle desk."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.7):
            await session.take()


@pytest.fixture
async def setup(pool: Pool) -> PushSetup:
    """Begin with no delivery and no ticket."""
    return await empty_setup(pool)


async def test_push_sessions_a_tickets_pushes_come_one_after_the_other_each_when_the_last_was_answered(
    setup: PushSetup,
) -> None:
    one = await setup.hold(ticket(), "王磊")
    await setup.add(one, 1, 2, 3)
    async with opened(setup.sessions()) as sessions:
        session = sessions.attach("王磊")
        for version in (1, 2, 3):
            key, *place = await next_push(session)
            assert place == [one, version]
            if version == 1:
                await nothing_more_comes(session)
            sessions.answered("王磊", key)
        await setup.settled(one, "done", "done", "done")


async def test_push_sessions_only_who_holds_the_ticket_now_is_given_it_and_may_answer(setup: PushSetup) -> None:
    lags = await setup.hold(ticket(), "陈静", listed="王磊")
    mine = await setup.hold(ticket(), "王磊")
    await setup.add(lags, 1)
    await setup.add(mine, 1)
    async with opened(setup.sessions()) as sessions:
        session, other = sessions.attach("王磊"), sessions.attach("陈静")
        key, place, _ = await next_push(session)
        assert place == mine
        sessions.answered("陈静", key)
        await nothing_more_comes(session)
        await nothing_more_comes(other)
        assert await setup.states(mine) == await setup.states(lags) == ["waiting"]
        await setup.hold(lags, "陈静")
        assert (await next_push(other))[1:] == (lags, 1)


async def test_push_sessions_a_person_has_so_many_under_way_and_others_do_not_wait_for_them(setup: PushSetup) -> None:
    many = [await setup.hold(ticket(), "王磊") for _ in range(5)]
    for one in many:
        await setup.add(one, 1)
    other = await setup.hold(ticket(), "陈静")
    await setup.add(other, 1)
    async with opened(setup.sessions(concurrency=2)) as sessions:
        busy, free = sessions.attach("王磊"), sessions.attach("陈静")
        first = [await next_push(busy) for _ in range(2)]
        assert (await next_push(free))[1] == other
        await nothing_more_comes(busy)
        sessions.answered("王磊", first[0][0])
        assert (await next_push(busy))[1] in many
        await nothing_more_comes(busy)


async def test_push_sessions_an_app_that_answers_nothing_is_given_all_its_tickets_in_turn(setup: PushSetup) -> None:
    many = {await setup.hold(ticket(), "王磊") for _ in range(3)}
    for one in many:
        await setup.add(one, 1)
    async with opened(setup.sessions(concurrency=1, attempt_timeout="PT0.1S")) as sessions:
        session, seen = sessions.attach("王磊"), set[str]()
        for _ in range(6):
            setup.now += timedelta(seconds=1)
            seen.add((await next_push(session))[1])
    assert seen == many


async def test_push_sessions_what_is_not_answered_in_time_comes_again_under_its_key(setup: PushSetup) -> None:
    one = await setup.hold(ticket(), "王磊")
    await setup.add(one, 1)
    async with opened(setup.sessions(attempt_timeout="PT0.1S")) as sessions:
        session = sessions.attach("王磊")
        first, again = await next_push(session), await next_push(session)
        assert first == again
        sessions.answered("王磊", again[0])
        await setup.settled(one, "done")
    assert setup.parked == []


async def test_push_sessions_when_the_last_session_ends_what_it_had_is_free_at_once(setup: PushSetup) -> None:
    one = await setup.hold(ticket(), "王磊")
    await setup.add(one, 1)
    async with opened(setup.sessions(attempt_timeout="PT10M")) as sessions:
        session, second = sessions.attach("王磊"), sessions.attach("王磊")
        pushed = await next_push(session)
        assert await next_push(second) == pushed
        sessions.detach(session)
        late = sessions.attach("王磊")
        assert await next_push(late) == pushed, "it is under way, and the newcomer may answer it as well"
        for each in (second, late):
            sessions.detach(each)

        async def free() -> bool:
            return await setup.delivery_queue.rows("SELECT attempts, next_at FROM delivery_heads") == [(1, NOW)]

        await eventually(free)
        assert await next_push(sessions.attach("王磊")) == pushed


async def test_push_sessions_who_comes_to_another_gateway_is_given_what_the_first_one_took_along(
    setup: PushSetup,
) -> None:
    one = await setup.hold(ticket(), "王磊")
    await setup.add(one, 1, 2)
    patient: dict[str, Any] = {"attempt_timeout": "PT10M"}
    async with opened(setup.sessions(**patient)) as gone:
        pushed = await next_push(gone.attach("王磊"))
    async with opened(setup.sessions(**patient)) as sessions:
        session = sessions.attach("王磊")
        assert await next_push(session) == pushed
        async with opened(gone):  # it was only slow: what it hears now is no end of what another has under way
            gone.answered("王磊", pushed[0])
            await nothing_more_comes(session)
            assert await setup.states(one) == ["waiting", "waiting"]
            sessions.answered("王磊", pushed[0])
            await setup.settled(one, "done", "waiting")


async def test_push_sessions_what_cannot_be_read_is_a_letter_and_holds_nobody_else_up(setup: PushSetup) -> None:
    bad, good = await setup.hold(ticket(), "王磊"), await setup.hold(ticket(), "王磊")
    await setup.add(bad, 1)
    await setup.delivery_queue.rows("UPDATE events SET value = 'x' RETURNING 1")
    await setup.add(good, 1)
    async with opened(setup.sessions()) as sessions:
        assert (await next_push(sessions.attach("王磊")))[1] == good
    (parked,) = setup.parked
    assert (parked.claim.ticket_id, parked.reason) == (bad, "untranslatable")
    assert [one.rule for one in setup.found] == ["letter"]
    assert await setup.delivery_queue.rows("SELECT ticket_id FROM delivery_heads WHERE parked") == [(bad,)]


async def test_push_sessions_a_paused_target_pushes_nothing_until_it_is_resumed(setup: PushSetup) -> None:
    one = await setup.hold(ticket(), "王磊")
    await target_state.begin(setup.delivery_queue.pool, APP)
    await in_transaction(setup.delivery_queue.pool, target_state.pause, APP, by="张工", why="换版")
    await setup.add(one, 1)
    async with opened(setup.sessions()) as sessions:
        session = sessions.attach("王磊")
        await nothing_more_comes(session)
        assert await setup.delivery_queue.rows("SELECT attempts FROM delivery_heads") == [(0,)]
        await in_transaction(setup.delivery_queue.pool, target_state.resume, APP, NOW, by="张工")
        assert (await next_push(session))[1:] == (one, 1)


async def test_push_sessions_nobody_there_costs_the_database_nothing(
    setup: PushSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def told(*_: object, **__: object) -> tuple[str, None]:
        asked.append("asked")
        return "paused", None

    monkeypatch.setattr(target_state, "read", told)
    async with opened(setup.sessions()) as sessions:
        await asyncio.sleep(0.5)
        assert asked == []
        session = sessions.attach("王磊")
        await asyncio.sleep(1)
        assert 2 <= len(asked) <= 6, "five turns a second and no more, however many are there"
        sessions.detach(session)


@pytest.mark.parametrize("person", ["", " ", "a\0b", "x" * 501, "\ud800"])
def test_push_sessions_a_name_that_no_store_holds_is_refused_at_the_door(person: str) -> None:
    with pytest.raises(MalformedInput) as refused:
        read_person(person, "tablet")
    assert refused.value.field == "person"
