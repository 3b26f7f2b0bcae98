"""PostgreSQL and Kafka killed, paused, cut and away, under load: nothing is lost and nothing happens twice (R4)."""

import asyncio
from dataclasses import dataclass
from random import Random

import pytest

from tests.bus_under_test import Bus
from tests.faults import injections
from tests.faults.injections import Injection
from tests.faults.stack import FaultStack
from tests.faults.trial import trial

LONG = [pytest.mark.faults, pytest.mark.timeout(900)]


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault, how often it strikes, and for how long each time (s)."""

    injection: Injection
    times: int
    lasting_s: float

    def __str__(self) -> str:
        return f"{self.injection.__name__}-{self.times}x{self.lasting_s:g}s"

    async def under_load(self, stack: FaultStack, bus: Bus, rng: Random) -> None:
        """Strike while clients work; afterwards nothing may be wrong."""
        async with trial(bus, rng) as load:
            for _ in range(self.times):
                async with self.injection(stack, bus, rng):
                    await asyncio.sleep(self.lasting_s)  # how long it fails is the fault
                await load.answered(20)


SHORT = [
    Strike(injections.postgres_restarted, 1, 0.5),
    Strike(injections.leader_killed, 1, 1),
]
ON_ONE = [
    Strike(injections.postgres_restarted, 10, 2),
    Strike(injections.backends_terminated, 20, 1),
    Strike(injections.postgres_away, 1, 4),
    Strike(injections.postgres_away, 1, 60),
    Strike(injections.leader_killed, 5, 3),
    Strike(injections.leader_paused, 2, 15),
    Strike(injections.leader_paused, 1, 40),
]
ON_THREE = [
    Strike(injections.leader_killed, 5, 8),
    Strike(injections.leader_paused, 2, 15),
    Strike(injections.leaders_moving, 1, 40),
    Strike(injections.two_brokers_down, 1, 20),
]


@pytest.mark.parametrize("strike", [*SHORT, *(pytest.param(one, marks=LONG) for one in ON_ONE)], ids=str)
async def test_a_part_fails_under_load(one_broker: FaultStack, bus: Bus, rng: Random, strike: Strike) -> None:
    await strike.under_load(one_broker, bus, rng)


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.parametrize("strike", ON_THREE, ids=str)
async def test_a_broker_of_three_fails_under_load(
    three_brokers: FaultStack, replicated_bus: Bus, rng: Random, strike: Strike
) -> None:
    await strike.under_load(three_brokers, replicated_bus, rng)
