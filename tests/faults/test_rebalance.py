"""Workers that come and go under load: no stall, nothing lost, nothing twice."""

import asyncio
import time
from random import Random

import pytest

from tests.bus_under_test import Bus
from tests.faults import injections
from tests.faults.stack import FaultStack
from tests.faults.trial import trial

STALL_S_MAX = 15.0
CYCLE_S = 14.0  # joins after 7 s, leaves after 7 s
_MOVED = "SELECT max(next_offset), sum(next_offset) FROM stage_offsets WHERE handler = 'tickets'"


async def longest_stall(bus: Bus, lasting_s: float) -> float:
    """Watch the read model's offsets and tell the longest time in which none of them moved (s)."""
    began = moved = time.monotonic()
    before, longest = bus.query(_MOVED), 0.0
    while time.monotonic() - began < lasting_s:
        await asyncio.sleep(0.25)
        now = await asyncio.to_thread(bus.query, _MOVED)
        if now != before:
            before, moved = now, time.monotonic()
        longest = max(longest, time.monotonic() - moved)
    return longest


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.parametrize("times", [2, 20])
async def test_workers_join_and_leave(one_broker: FaultStack, bus: Bus, rng: Random, times: int) -> None:
    async with trial(bus, rng), injections.workers_come_and_go(one_broker, bus, rng):
        stall = await longest_stall(bus, times * CYCLE_S)
    print(f"longest stall {stall:.1f} s in {times} rounds")
    assert stall <= STALL_S_MAX
