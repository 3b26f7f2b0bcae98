"""The harness itself: what is told to fail fails, there and then and in that way, and what is healed is whole again."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from schemas.topics import LOG, physical
from tests.bus_under_test import Bus, eventually
from tests.faults import injections, programs
from tests.faults.programs import armed
from tests.faults.stack import FaultStack, behind_proxy

LONG = [pytest.mark.faults, pytest.mark.timeout(400)]
BREACHED = "sla.breached.v1"
# Steps that every stack passes; those of deliveries and redrives have tests of their own.
STEPS = (*programs.STAGE_STEPS, *programs.RELAY_STEPS, *programs.DISPATCH_STEPS, *programs.SLA_STEPS)
QUICK = "quick: {name: 快速, response: PT1S, resolution: PT1H}\n"


def long(test: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a test that takes its time."""
    for mark in LONG:
        test = mark(test)
    return test


async def open_one(bus: Bus, kind: str = "hardware_fault") -> str:
    """Open a ticket as a patient client does: the same idempotency key until it is answered."""
    key = uuid4().hex
    body = {"incident_key": {"kind": "order", "value": key}, "title": "冰箱不制冷", "type": kind}

    async def opened() -> str:
        try:
            async with bus.client() as http:
                answer = await http.post("/v1/tickets", json=body, headers={"Idempotency-Key": key})
        except httpx2.TransportError:
            return ""
        return str(answer.json()["ticket_id"]) if answer.status_code in {200, 201} else ""

    return await eventually(opened, what=lambda: f"an answer: {bus.log_of('gateway')[-1500:]}")


async def shown(bus: Bus, count: int) -> None:
    """Wait until the read model shows that many tickets, and hold the log and the events against that."""

    async def there() -> bool:
        return bus.query("SELECT count(*) FROM tickets") == [(count,)]

    await eventually(there, what=lambda: f"{count} tickets: {bus.log_of('worker')[-1500:]}")
    opened = "SELECT count(*), count(DISTINCT ticket_id) FROM events WHERE ce_type = 'ticket.opened.v1'"
    assert bus.query(opened) == [(count, count)]


async def died(bus: Bus, program: str) -> None:
    """Wait until a program has killed itself."""

    async def ended() -> bool:
        return bus.processes[program].poll() is not None

    await eventually(ended, what=lambda: f"{program} dead: {bus.log_of(program)[-1500:]}")
    assert bus.processes.pop(program).returncode == -signal.SIGKILL


@long
@pytest.mark.parametrize("step", STEPS)
async def test_a_program_dies_at_the_armed_step_and_the_change_happens_once(
    bus: Bus, step: str, tmp_path: Path
) -> None:
    (tmp_path / "sla.yaml").write_text(QUICK)
    bus.environment["TICKETBUS_SLA_FILE"] = str(tmp_path / "sla.yaml")
    # The gateway's own relay is quicker than the worker's, and the worker would dispatch only what fell due.
    dying = "gateway" if step in {*programs.DISPATCH_STEPS, *programs.RELAY_STEPS} else "worker"
    armed(bus, f"kill:{step}:1").start(dying)
    if dying == "worker":
        bus.start("gateway")
    opening = asyncio.create_task(open_one(bus, "quick"))
    await died(bus, dying)
    assert f"fault: SIGKILL at pass 1 of {step}\n" in bus.log_of(dying)
    for program in ("gateway", "worker"):
        if program not in bus.processes:
            bus.start(program)
    await opening
    await shown(bus, 1)

    async def broken() -> bool:
        return bus.query("SELECT count(*) FROM events WHERE ce_type = %s", BREACHED) == [(1,)]

    await eventually(broken, what=lambda: f"one breach: {bus.log_of('worker')[-1500:]}")


def test_a_fault_at_a_step_that_there_is_not_is_refused(bus: Bus) -> None:
    with pytest.raises(AssertionError, match="there is no step"):
        armed(bus, "kill:stage.befor-effects:1")


@long
async def test_a_program_can_stand_still_at_a_step_and_go_on(bus: Bus) -> None:
    armed(bus, f"stop:{programs.BEFORE_COMMIT}@tickets:1").start("worker")
    bus.start("gateway")
    await open_one(bus)

    async def stands() -> bool:
        return "fault: SIGSTOP at pass 1" in bus.log_of("worker")

    await eventually(stands, what=lambda: bus.log_of("worker")[-1500:])
    assert bus.query("SELECT count(*) FROM tickets") == [(0,)], "nothing is committed yet"
    bus.processes["worker"].send_signal(signal.SIGCONT)
    await shown(bus, 1)


async def test_a_clock_that_jumps_ahead_and_back_rings_once(bus: Bus, tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    moved = armed(bus, clock=clock)
    moved.start("gateway")
    moved.start("worker")
    first = await open_one(bus)
    clock.write_text("7200")

    async def breached() -> bool:
        return bus.query(
            "SELECT ticket_id, occurred_at > now() + interval '119 minutes' FROM events WHERE ce_type = %s",
            BREACHED,
        ) == [(first, True)]

    await eventually(breached, what=lambda: f"a breach: {bus.log_of('worker')[-1500:]}")
    clock.write_text("-7200")
    second = await open_one(bus)
    at = "SELECT recorded_at < now() - interval '119 minutes' FROM events WHERE ticket_id = %s AND version = 1"
    assert bus.query(at, second) == [(True,)]
    await shown(bus, 2)
    assert await breached()


@long
async def test_postgres_recovers_from_an_immediate_stop_and_from_cut_connections(
    one_broker: FaultStack, bus: Bus
) -> None:
    bus.start("gateway")
    bus.start("worker")
    await open_one(bus)
    one_broker.database.restart_immediate()
    await open_one(bus)
    assert one_broker.database.terminate_backends(bus) > 0
    await open_one(bus)
    await shown(bus, 3)


@long
async def test_behind_the_proxy_the_database_can_be_away_for_the_programs_alone(bus: Bus) -> None:
    async with behind_proxy(bus) as (behind, proxy):
        behind.start("gateway")
        bus.start("worker")
        await open_one(bus)
        await proxy.cut()
        assert bus.query("SELECT count(*) FROM events") == [(1,)]
        async with bus.client() as http:

            async def known() -> bool:
                return bool((await http.get("/readyz")).json()["postgres"] != "up")

            await eventually(known, what="a gateway that knows that its database is away")
        await proxy.mend()
        await open_one(bus)
        await shown(bus, 2)


@long
async def test_a_broker_alone_is_killed_and_paused_and_nothing_is_lost(one_broker: FaultStack, bus: Bus) -> None:
    bus.start("gateway")
    bus.start("worker")
    await open_one(bus)
    await shown(bus, 1)
    one_broker.cluster.pause(1)
    await open_one(bus)
    one_broker.cluster.kill(1)
    await open_one(bus)
    one_broker.cluster.start(1)
    await one_broker.cluster.ready()
    await shown(bus, 3)


@long
async def test_leaders_move_by_order_and_when_their_broker_is_killed_or_paused(
    three_brokers: FaultStack, replicated_bus: Bus
) -> None:
    cluster, topic = three_brokers.cluster, physical(replicated_bus.settings.namespace, LOG)

    async def leaders() -> list[int]:
        (found,) = await cluster.partitions([topic])
        return [int(one["leader"]) for one in sorted(found["partitions"], key=lambda one: int(one["partition"]))]

    async def led_by_others(number: int) -> bool:
        return not {number, -1} & {*await leaders()}

    before = await leaders()
    assert {*before} == {1, 2, 3}
    await cluster.move_leaders([topic])
    assert all(now != then for now, then in zip(await leaders(), before, strict=True))
    first = await cluster.leader_of(topic, 0)
    cluster.kill(first)
    await eventually(lambda: led_by_others(first), what="leaders elsewhere")
    assert not await cluster.whole()
    cluster.start(first)
    await cluster.ready()
    second = await cluster.leader_of(topic, 1)
    cluster.pause(second)
    await eventually(lambda: led_by_others(second), what="leaders elsewhere")
    cluster.resume(second)
    await cluster.ready()


@long
async def test_two_of_three_brokers_down_take_nothing_and_give_everything_back(
    three_brokers: FaultStack, replicated_bus: Bus, rng: Random
) -> None:
    replicated_bus.start("gateway")
    replicated_bus.start("worker")
    await open_one(replicated_bus)
    await shown(replicated_bus, 1)
    async with injections.two_brokers_down(three_brokers, replicated_bus, rng):
        await open_one(replicated_bus)
        assert replicated_bus.query("SELECT count(*) > 0 FROM outbox WHERE published_at IS NULL") == [(True,)]
    await shown(replicated_bus, 2)
