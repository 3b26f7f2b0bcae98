"""Programs killed at every step of their work, under load: nothing is lost and nothing happens twice (R35)."""

import asyncio
import signal
from random import Random

import pytest

from tests.bus_under_test import Bus
from tests.faults.programs import DISPATCH_STEPS, RELAY_STEPS, STAGE_STEPS, armed
from tests.faults.trial import ended, trial

LONG = [pytest.mark.faults, pytest.mark.timeout(1_800)]
STAGE_SEEDS, OTHER_SEEDS, RANDOM_KILLS = 50, 20, 12


def long(*values: object) -> object:
    """Mark what takes its time."""
    return pytest.param(*values, marks=LONG)


@pytest.mark.parametrize(("step", "times"), [(STAGE_STEPS[1], 1), *(long(step, STAGE_SEEDS) for step in STAGE_STEPS)])
async def test_a_worker_killed_at_a_step_of_a_batch(bus: Bus, rng: Random, step: str, times: int) -> None:
    handlers = ["", "@tickets", "@history", "@sla_clocks", "@outcomes", "@closures"]
    async with trial(bus, rng, rate=40):
        bus.stop("worker", signal.SIGKILL)
        for _ in range(times):
            await asyncio.to_thread(bus.end_sessions)
            armed(bus, f"kill:{step}{rng.choice(handlers)}:{rng.randint(1, 12)}").start("worker")
            await ended(bus, "worker")
        await asyncio.to_thread(bus.end_sessions)
        bus.start("worker")


@pytest.mark.parametrize(
    ("step", "times"),
    [
        (DISPATCH_STEPS[2], 2),
        *(long(step, OTHER_SEEDS) for step in (*DISPATCH_STEPS, *RELAY_STEPS)),
    ],
)
async def test_a_gateway_killed_at_a_step_of_dispatch_or_relay(bus: Bus, rng: Random, step: str, times: int) -> None:
    async with trial(bus, rng):
        if step in RELAY_STEPS:  # the worker's relay would leave it nothing to do
            bus.stop("worker")
        for _ in range(times):
            bus.stop("gateway", signal.SIGKILL)
            armed(bus, f"kill:{step}:{rng.randint(1, 30)}").start("gateway")
            await ended(bus, "gateway")
            bus.start("gateway")
        if "worker" not in bus.processes:
            bus.start("worker")


@pytest.mark.faults
@pytest.mark.timeout(900)
async def test_both_programs_killed_at_any_moment(bus: Bus, rng: Random) -> None:
    async with trial(bus, rng) as load:
        for _ in range(RANDOM_KILLS):
            await load.answered(rng.randint(1, 200))
            for program in rng.sample(("gateway", "worker"), rng.choice((1, 2))):
                bus.stop(program, signal.SIGKILL)
                bus.start(program)
            await bus.ready()
