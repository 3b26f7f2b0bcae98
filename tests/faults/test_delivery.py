"""Deliveries while the bus itself fails, or reads its log again: one effect each, in order (R35, R37)."""

import asyncio
import signal
import time
from pathlib import Path
from random import Random

import pytest

from schemas.topics import LOG, load_contract, physical
from tests.bus_under_test import Bus, eventually
from tests.faults.clients import PART_NO
from tests.faults.masses import NAME, Masses, asks_for, masses
from tests.faults.outside import CRM, ERP, QUICK, outside
from tests.faults.programs import DELIVERY_STEPS, ERP_WITHIN_CALL, armed
from tests.faults.records import UNKNOWN_SCHEMA, append, foreign, garbage, records_of, repeats
from tests.faults.test_kill import STAGE_SEEDS, long
from tests.faults.test_log import PUT_THERE
from tests.faults.trial import START_S_MAX, ended, trial

PASSES_MAX = {CRM: 60, ERP: 6}
STEPS = {f"{step}@{target}": most for target, most in PASSES_MAX.items() for step in DELIVERY_STEPS}
STEPS[ERP_WITHIN_CALL] = 3 * PASSES_MAX[ERP]
POISON_S_MAX = 5.0
_CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'ticketbus'"""
_WAITING = "SELECT count(*) FROM deliveries JOIN events USING (ticket_id, version) WHERE target = %s AND source = %s"


@pytest.mark.parametrize(
    ("step", "times"),
    [(ERP_WITHIN_CALL, 1), *(long(step, STAGE_SEEDS) for step in STEPS)],
)
async def test_a_worker_killed_at_a_step_of_a_delivery(
    bus: Bus, rng: Random, tmp_path: Path, step: str, times: int
) -> None:
    # The store has enough for some of the requests, so that bills are voided as well.
    async with outside(bus, tmp_path, stock=4 * times, crm=QUICK, erp=QUICK) as world:
        async with trial(bus, rng, rate=5, parts=1.0) as load, masses(bus, load.history) as many:
            await _something_waits(bus, many, 8 * times)
            bus.stop("worker", signal.SIGKILL)
            bus.query("UPDATE delivery_targets SET paused = NULL RETURNING 1")
            for _ in range(times):
                await asyncio.to_thread(bus.end_sessions)
                armed(bus, f"kill:{step}:{rng.randint(1, STEPS[step])}").start("worker")
                await ended(bus, "worker", within_s=START_S_MAX)
            await asyncio.to_thread(bus.end_sessions)
            bus.start("worker")
        world.judge()


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_postgres_away_while_delivering_makes_no_letter(bus: Bus, rng: Random, tmp_path: Path) -> None:
    async with outside(bus, tmp_path) as world:
        async with trial(bus, rng, rate=20, parts=1.0) as load:
            for _ in range(5):
                bus.query(_CUT)
                await load.answered(20)
        world.judge()


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_a_replay_while_live_repeats_no_effect(bus: Bus, rng: Random, tmp_path: Path) -> None:
    # A CRM that takes an event as often as it comes.
    async with outside(bus, tmp_path, remembers=False) as world:
        async with trial(bus, rng, rate=40, parts=1.0) as load:
            await world.flows()
            await load.answered(50)
            rewound = "UPDATE stage_offsets SET next_offset = 0 WHERE handler = 'deliveries' RETURNING partition"
            assert bus.query(rewound)
            rebuilt = await asyncio.to_thread(bus.run, "projection", "rebuild", "tickets")
            assert rebuilt.returncode == 0, rebuilt.stderr
            await load.answered(50)
        world.judge()
        assert set(world.crm.ledger.calls.values()) == {1}


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_poison_in_the_log_stops_no_delivery(bus: Bus, rng: Random, tmp_path: Path) -> None:
    topic = physical(bus.settings.namespace, LOG)
    partitions = load_contract().topics[LOG].partitions
    async with outside(bus, tmp_path) as world:
        async with trial(bus, rng, rate=40, besides=PUT_THERE) as load:
            await world.flows()
            began = time.time()
            poisons = [UNKNOWN_SCHEMA, b"", *(garbage(rng) for _ in range(20))]
            await append(bus, [foreign(topic, rng.randrange(partitions), one) for one in poisons])
            await append(bus, repeats(await records_of(bus), rng, most=50))
            await load.answered(40)
        world.judge()
        half, most = (world.waited_s(CRM, share, since=began) for share in (0.5, 1.0))
        print(f"told of after the poison: p50 {half:.3f} s, the slowest {most:.3f} s")
        assert most < POISON_S_MAX


async def _something_waits(bus: Bus, many: Masses, tickets: int) -> None:
    """Let deliveries wait at paused targets, so that a worker has something to do as soon as it starts."""

    async def both_paused() -> bool:
        return len(bus.query("UPDATE delivery_targets SET paused = 'a test' RETURNING 1")) == len(PASSES_MAX)

    await eventually(both_paused, within_s=START_S_MAX, what=lambda: bus.log_of("worker")[-1500:])
    await many.give(await many.work(tickets), asks_for(PART_NO))

    async def all_wait() -> bool:
        return bus.query(_WAITING, ERP, NAME) == [(tickets,)]

    await eventually(all_wait, what=lambda: bus.log_of("worker")[-1500:])
