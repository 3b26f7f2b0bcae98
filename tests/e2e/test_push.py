"""Pushes by the real programs: an engineer's app takes what concerns its tickets, once and in order, or it waits."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
import yaml
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from adapters.simulators.engineer_app import EngineerApp, Habit, SubscriptionRefused
from bus.delivery import target_state
from bus.gateway.auth.clients import add_client
from bus.gateway.auth.roles import Role
from bus.gateway.http.uvicorn_websocket import ANSWERS, HEARD_MAX
from bus.intake.dispatch import utc_now
from bus.local.stack import Urls
from bus.postgres.pool import in_transaction
from tests.bus_under_test import Bus, bus_on, eventually
from tests.e2e.push_clients import World, world_on
from tests.e2e.test_whole_path import ASSIGNEE
from tests.proxy import proxy_to

APP: dict[str, Any] = {"adapter": "engineer-app", "events": "all", "attempt_timeout": "PT1S"}


@pytest.fixture(scope="module")
def pushing(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """Run one gateway and one worker for the tests that leave them alone."""
    with bus_on(parts, tmp_path_factory.mktemp("push")) as bus:
        file = bus.folder / "targets.yaml"
        file.write_text(yaml.safe_dump({"targets": {"app": APP}}))
        bus.environment["TICKETBUS_TARGETS_FILE"] = str(file)
        bus.start("gateway")
        bus.start("worker")
        yield bus
        for program in ("worker", "gateway"):
            assert bus.stop(program) == 0, bus.last_words(program)


@pytest.fixture
async def world(pushing: Bus, tmp_path: Path) -> World:
    """Use the bus that all share."""
    await pushing.ready()
    return await world_on(pushing, tmp_path)


async def test_push_what_happens_to_an_engineers_ticket_is_taken_once_and_in_order(world: World) -> None:
    async with world.app() as app:
        ticket_id = await world.ticket()
        for name in ("accept", "arrive", *["note"] * 5):
            await world.told(ticket_id, name, {"text": "x"} if name == "note" else {})
        await world.done(ticket_id, 9)
        taken = app.pushed.of_ticket(ticket_id)
        assert taken == list(range(10 - len(taken), 10))
        assert taken[-8:] == list(range(2, 10)), "but for what happened while nobody held it, everything"
        assert set(app.pushed.arrivals.values()) == {1}
    push = app.pushed.effects[-1]["event"]
    assert (push["ce"]["type"], push["ce"]["subject"], push["ticket_version"]) == ("note.added.v1", ticket_id, 9)
    assert push["traceparent"].split("-")[1] == push["data"]["trace_id"]
    assert world.person not in world.bus.log_of("gateway")


async def test_push_who_is_offline_burns_no_attempt_and_is_given_everything_when_back(world: World) -> None:
    ticket_id = await world.ticket()
    await world.told(ticket_id, "note", {"text": "x"})

    async def before_it_was_held() -> bool:
        return world.rows(ticket_id)[-1:] == [(3, "waiting", 0)]

    await eventually(before_it_was_held, what=lambda: str(world.rows(ticket_id)))
    waiting = [row for row in world.rows(ticket_id) if row[1] == "waiting"]
    assert {attempts for _, _, attempts in waiting} == {0}
    async with world.app() as app:
        await world.done(ticket_id, 3)
        assert app.pushed.of_ticket(ticket_id)[-2:] == [2, 3]
    assert [attempts for _, state, attempts in world.rows(ticket_id) if state == "done"][-2:] == [1, 1]
    assert world.bus.query("SELECT count(*) FROM letters") == [(0,)]


async def test_push_one_answer_of_two_sessions_is_enough(world: World) -> None:
    async with world.app(device="tablet") as tablet, world.app() as phone:
        tablet.misbehave(Habit.SILENT)
        ticket_id = await world.ticket()
        await world.done(ticket_id, 2)
        assert tablet.pushed.of_ticket(ticket_id)[-1:] == phone.pushed.of_ticket(ticket_id)[-1:] == [2]


@pytest.mark.parametrize("habit", [Habit.SILENT, Habit.WRONG_KEY, Habit.HANGS_UP, Habit.TWICE])
async def test_push_a_bad_habit_has_one_effect_and_loses_nothing(world: World, habit: Habit) -> None:
    async with world.app() as app:
        app.misbehave(habit, times=2)
        ticket_id = await world.ticket()
        await world.told(ticket_id, "note", {"text": "x"})
        await world.done(ticket_id, 3)
        assert app.pushed.of_ticket(ticket_id)[-2:] == [2, 3]
        assert len(app.pushed.effects) == len(app.pushed.arrivals)
        assert sum(app.pushed.arrivals.values()) - len(app.pushed.arrivals) == (0 if habit is Habit.TWICE else 2)
    assert world.bus.query("SELECT count(*) FROM letters") == [(0,)]


async def test_push_garbage_ends_the_session_and_says_why_and_the_push_comes_again(world: World) -> None:
    async with EngineerApp(
        world.bus.url, world.token, world.folder / "cursor", person=world.person, pause_s=0.05
    ) as app:
        app.misbehave(Habit.MALFORMED, times=1)
        taking = asyncio.create_task(app.pushes())
        ticket_id = await world.ticket()
        with pytest.raises(SubscriptionRefused) as refused:
            await asyncio.wait_for(taking, 120)
        assert (refused.value.problem["code"], refused.value.problem["field"]) == ("malformed_ack", "ack")
    async with world.app() as again:
        await world.done(ticket_id, 2)
        assert again.pushed.of_ticket(ticket_id)[-1:] == [2]


@pytest.mark.parametrize(
    "said", [b"\0\1", b'{"ack": "x"}', "[]", '{"ack": 1}', "{" * 100, '{"ack": "' + "x" * 300 + '"}']
)
async def test_push_whatever_is_no_acknowledgement_closes_with_4400(world: World, said: str | bytes) -> None:
    async with world.socket() as socket:
        await socket.send(said)
        assert orjson.loads(await asyncio.wait_for(socket.recv(), 120))["code"] == "malformed_ack"
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 120)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4400


async def test_push_a_flood_of_acknowledgements_is_cut(world: World) -> None:
    async with world.socket() as socket:
        for _ in range(HEARD_MAX + 2 * ANSWERS):
            await socket.send('{"ack": "nobody sent this"}')
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 120)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


async def test_push_nobody_but_who_may_accept_tickets_is_pushed_to(world: World) -> None:
    async with world.bus.core() as core:
        token = await add_client(core.pool, f"sub-{uuid4().hex[:8]}", Role.SUBSCRIBER)
    address = f"{world.bus.url.replace('http', 'ws', 1)}/v1/engineer/pushes"
    for headers, query, status in (
        ({}, "", 401),
        ({"Authorization": f"Bearer {token}"}, "", 403),
        ({"Authorization": f"Bearer {world.token}"}, "?person=%20", 400),
    ):
        with pytest.raises(InvalidStatus) as refused:
            async with connect(address + query, additional_headers=headers, proxy=None):
                pass
        assert refused.value.response.status_code == status


async def test_push_a_pause_holds_pushes_too(world: World) -> None:
    async with world.app() as app:
        async with world.bus.core() as core:
            await in_transaction(core.pool, target_state.pause, "app", by="张工", why="换版")
        ticket_id = await world.ticket()

        async def the_event_waits() -> bool:
            return (2, "waiting", 0) in world.rows(ticket_id)

        await eventually(the_event_waits)
        await asyncio.sleep(1)  # five turns of the desk, in which nothing may happen
        assert app.pushed.of_ticket(ticket_id) == []
        async with world.bus.core() as core:
            assert await in_transaction(core.pool, target_state.resume, "app", utc_now(), by="张工")
        await world.done(ticket_id, 2)
        assert app.pushed.of_ticket(ticket_id)[-1:] == [2]


async def test_push_what_nobody_holds_any_more_waits_for_nobody(world: World) -> None:
    ticket_id = await world.ticket()

    async def it_waits() -> bool:
        return world.rows(ticket_id)[-1:] == [(2, "waiting", 0)]

    await eventually(it_waits)
    await world.told(ticket_id, "return", {"reason": "区域不符"})

    async def let_go() -> bool:
        return [row[1] for row in world.rows(ticket_id)] == ["discarded"] * 3

    await eventually(let_go, what=lambda: str(world.rows(ticket_id)))
    reasons = world.bus.query("SELECT DISTINCT reference FROM deliveries WHERE ticket_id = %s", ticket_id)
    assert reasons == [("nobody holds the ticket",)]
    await world.told(ticket_id, "assign", {"assignee": ASSIGNEE | {"person": world.person}})
    async with world.app() as app:
        await world.done(ticket_id, 4)
        assert app.pushed.of_ticket(ticket_id) == [4]


async def test_push_a_network_that_is_cut_again_and_again_repeats_no_effect(world: World) -> None:
    port = int(world.bus.url.rpartition(":")[2])
    async with (
        proxy_to("127.0.0.1", port) as proxy,
        world.app(url=f"http://127.0.0.1:{proxy.port}") as app,
    ):
        ticket_id = await world.ticket()
        for _ in range(10):
            await world.told(ticket_id, "note", {"text": "x"})
            await proxy.cut()
            await proxy.mend()
        await world.done(ticket_id, 12)
        assert app.pushed.of_ticket(ticket_id)[-11:] == list(range(2, 13))
        assert len(app.pushed.effects) == len(app.pushed.arrivals)


async def test_push_a_gateway_killed_before_the_answer_pushes_again_under_the_same_key(world: World) -> None:
    async with world.app() as app:
        app.misbehave(Habit.SILENT)
        ticket_id = await world.ticket()

        async def taken() -> bool:
            return bool(app.pushed.effects)

        await eventually(taken, what=lambda: world.bus.last_words("gateway"))
        world.bus.stop("gateway", signal.SIGKILL)
        app.misbehave(Habit.SILENT, times=0)
        world.bus.start("gateway")
        await world.bus.ready()
        await world.done(ticket_id, 2)
        assert app.pushed.of_ticket(ticket_id)[-1:] == [2]
        assert len(app.pushed.effects) == len(app.pushed.arrivals)
        assert app.pushed.arrivals[app.pushed.effects[0]["key"]] >= 2
