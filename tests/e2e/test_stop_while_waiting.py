"""A program that waits for its database at the start stops at once when it is told to."""

import asyncio
import signal
from dataclasses import replace

import pytest

from tests.bus_under_test import Bus, eventually

NOWHERE = "postgresql://u:p@127.0.0.1:9/d"  # the discard port: nobody listens


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_stop_while_waiting_a_program_that_waits_for_postgres_stops_when_told(
    bus: Bus, how: signal.Signals
) -> None:
    waiting = replace(bus, environment={**bus.environment, "DATABASE_URL": NOWHERE}, processes=bus.processes)
    programs = ("gateway", "worker", "watch")
    for program in programs:
        waiting.start(program)

    async def all_wait() -> bool:
        return all("error connecting in" in bus.log_of(program) for program in programs)

    await eventually(all_wait, what=lambda: bus.log_of("gateway")[-2000:])
    for program in programs:
        async with asyncio.timeout(60):
            assert await asyncio.to_thread(bus.stop, program, how) == 0, bus.log_of(program)[-2000:]
