"""Targets that fail, each in its own way: nobody else is held up, nothing is lost, nothing happens twice (R35)."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import median

import pytest

from adapters.simulators.callback_faults import CallbackFault as CrmFault
from adapters.simulators.kingdee_faults import KingdeeFault as ErpFault
from bus.delivery.breaker import BreakerLimits
from bus.domain.terms import TicketId
from bus.intake.dead_letter_limit import IN_A_ROW, LAST
from tests.bus_under_test import Bus, eventually
from tests.faults.clients import PART_NO
from tests.faults.masses import asks_for, masses
from tests.faults.outside import CRM, ERP, PLENTY, QUICK, UNKNOWN_PART, Outside, outside
from tests.faults.test_kill import long
from tests.faults.trial import trial

LIMITS = BreakerLimits()
DECIDED = ("--by", "张工", "--why", "物料已建档")
SPAN_S = 10.0
NOISE_S_MAX = 0.5  # of a machine that does much else
_STANDS = """
SELECT (SELECT count(*) FROM delivery_heads h WHERE h.target = t.target AND h.parked),
       (SELECT count(*) FROM deliveries d WHERE d.target = t.target AND d.state = 'waiting')
FROM delivery_targets t WHERE t.target = %s"""
CHANGES = ("Save", "Submit", "Audit")


@pytest.mark.parametrize("storm_s", [4.0, long(120.0)])
async def test_a_storm_of_errors_opens_the_breaker_and_parks_nothing(
    bus: Bus, rng: Random, tmp_path: Path, storm_s: float
) -> None:
    async with outside(bus, tmp_path, crm={"concurrency": LIMITS.failures}) as world:
        async with trial(bus, rng, rate=20) as load:
            await world.flows()
            calls, began = world.crm.ledger.arrived, time.monotonic()
            world.crm.misbehave(CrmFault.ERROR)
            await _fails(bus, CRM, LIMITS.failures)
            await asyncio.sleep(storm_s)  # so long it lasts
            storm_s = time.monotonic() - began
            calls = world.crm.ledger.arrived - calls
            probes = timedelta(seconds=storm_s) // LIMITS.probe_every + 1
            # A call that had arrived before, and is settled after the first failures, makes the count begin anew.
            most = LIMITS.failures + LIMITS.failures - 1 + probes
            print(f"{storm_s:.0f} s of 500: {calls} calls; at most {most}, of these {probes} probes")
            assert calls <= most
            world.crm.behave()
            await load.answered(20)
        world.judge()


@pytest.mark.parametrize(
    ("fault", "pairs"),
    [long(one, 6) for one in (ErpFault.HANG, ErpFault.HANG_AFTER, ErpFault.SLOW, ErpFault.BROKE)],
)
async def test_an_erp_that_fails_holds_nobody_else_up(
    bus: Bus, rng: Random, tmp_path: Path, fault: ErpFault, pairs: int
) -> None:
    often = {"probe_every": "PT0.5S"}  # so that it is asked often, and all its connections hang
    well, failing = list[tuple[float, float]](), list[tuple[float, float]]()
    async with outside(bus, tmp_path, erp={"breaker": often, **QUICK}) as world:
        async with trial(bus, rng, rate=20, parts=1.0) as load:
            await world.flows()
            await load.answered(50)
            for _ in range(pairs):  # by turns, so that what else the machine does slows both alike
                well.append(await _span())
                world.erp.fail(fault, only=CHANGES if fault is ErpFault.HANG_AFTER else ())
                await _fails(bus, ERP, 1)
                failing.append(await _span())
                world.erp.heal()
                await _fails(bus, ERP, 0)
        world.judge()
        before, during = (
            median(world.waited_s(CRM, 0.99, since=since, until=until) for since, until in spans)
            for spans in (well, failing)
        )
        print(f"{fault}: p99 of the CRM {before:.3f} s before, {during:.3f} s during, {during / before:.2f} times")
        assert during <= 1.2 * before + NOISE_S_MAX


@pytest.mark.parametrize("requests", [IN_A_ROW + 20, long(LAST + 100)])
async def test_a_storm_of_letters_pauses_its_target_alone(bus: Bus, rng: Random, tmp_path: Path, requests: int) -> None:
    async with outside(bus, tmp_path) as world:
        async with trial(bus, rng, rate=20, parts=0) as load, masses(bus, load.history) as many:
            tickets = await many.work(requests)
            share = 1 if requests < LAST else 2  # all are bad, or every second
            bad = len(tickets[::share])
            await many.dispatch(
                [(one, asks_for(PART_NO if nth % share else UNKNOWN_PART)) for nth, one in enumerate(tickets)]
            )

            async def paused() -> bool:
                held = bus.query("SELECT FROM delivery_targets WHERE target = %s AND paused IS NOT NULL", ERP)
                return bool(held) and '"target_paused"' in bus.log_of("worker")  # told after the commit

            await eventually(paused, what=lambda: bus.log_of("worker")[-1500:])
            calls, at = len(world.erp.calls), time.time()
            await load.answered(20)
            await _told(world, since=at)
            assert len(world.erp.calls) <= calls + 8 * 4, "what was under way ends, and nothing begins"
            letters = _letters(bus)
            world.erp.books.stock[UNKNOWN_PART] = PLENTY
            await world.command("delivery", "resume", ERP)
            await _redrive(world)
            await world.drained()
            print(f"{requests} requests, {bad} of them bad: paused after {letters} letters")
        world.judge(letters=letters)


async def test_what_follows_a_letter_of_its_ticket_waits_behind_it(bus: Bus, rng: Random, tmp_path: Path) -> None:
    async with outside(bus, tmp_path) as world:
        async with trial(bus, rng, rate=20, parts=0) as load, masses(bus, load.history) as many:
            mended, given_up, other = await many.work(3)
            asked = [asks_for(UNKNOWN_PART, "PR-1"), asks_for(PART_NO, "PR-2")]
            await many.give([mended, given_up], *asked, asks_for(UNKNOWN_PART, "PR-3"), asks_for(PART_NO, "PR-4"))
            await many.give([other], asks_for(PART_NO))
            await _stands(world, parked=2, waiting=8)
            await _billed(world, [other])

            await world.command("deadletter", "discard", _letter(bus, given_up), *DECIDED)
            await _stands(world, parked=2, waiting=6)  # PR-2 is there; PR-3 is a letter, and PR-4 waits
            await _billed(world, [other, given_up])

            world.erp.books.stock[UNKNOWN_PART] = PLENTY
            for ticket in (mended, given_up):
                await world.command("deadletter", "retry", _letter(bus, ticket), *DECIDED)
            await world.drained()
        world.judge(letters=3, discarded=1)


async def _span() -> tuple[float, float]:
    """Let some time pass; gives when it began and ended."""
    began = time.time()
    await asyncio.sleep(SPAN_S)  # so long it is measured
    return began, time.time()


async def _fails(bus: Bus, target: str, times: int) -> None:
    """Wait until a target has failed so often in a row; with 0 until it answers again."""

    async def fails() -> bool:
        ((failures,),) = bus.query("SELECT failures FROM delivery_targets WHERE target = %s", target)
        return int(failures) >= times if times else failures == 0

    await eventually(fails, what=lambda: bus.log_of("worker")[-1500:])


async def _told(world: Outside, *, since: float) -> None:
    """Wait until the CRM was told of something that happened since."""

    async def told() -> bool:
        query = "SELECT FROM deliveries WHERE target = %s AND settled_at > to_timestamp(%s) LIMIT 1"
        return bool(world.bus.query(query, CRM, since))

    await eventually(told, what=lambda: str(world.standing()))


async def _stands(world: Outside, *, parked: int, waiting: int) -> None:
    """Wait until so many tickets are held up by a letter at the ERP, and so many deliveries wait in all."""

    async def stands() -> bool:
        return world.bus.query(_STANDS, ERP) == [(parked, waiting)]

    await eventually(stands, what=lambda: f"{world.standing()}; {world.bus.log_of('worker')[-1500:]}")


async def _billed(world: Outside, tickets: list[TicketId]) -> None:
    """Wait until there is a bill of each of these tickets, and of none besides."""

    async def billed() -> bool:
        return [str(bill.model["FNote"]).split()[0] for bill in world.erp.books.bills] == tickets

    await eventually(billed, what=lambda: f"{world.erp.books.bills}")


async def _redrive(world: Outside) -> None:
    """Send all letters of the ERP again."""
    redrive = ("deadletter", "redrive")
    await world.command(*redrive, "freeze", "--target", ERP, *DECIDED, "--watch", "0", "--rate", "1000")
    await world.command(*redrive, "run", "1")


def _letters(bus: Bus) -> int:
    return int(bus.query("SELECT count(*) FROM letters WHERE target <> ''")[0][0])


def _letter(bus: Bus, ticket: str) -> str:
    ((number,),) = bus.query("SELECT id FROM letters WHERE ticket_id = %s AND state = 'open'", ticket)
    return str(number)
