"""The wall clock jumps by hours while promises run: each is broken at most once, and never early."""

from pathlib import Path
from random import Random

import pytest

from tests.bus_under_test import Bus, eventually
from tests.faults.programs import armed
from tests.faults.trial import PROGRAMS, trial

JUMPS_S = (7_200, -7_200, 0)
_BREACHES = "SELECT count(*) FROM events WHERE ce_type = 'sla.breached.v1'"


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_the_clock_jumps_ahead_and_back_under_load(bus: Bus, rng: Random, tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    moved = armed(bus, clock=clock)
    for program in PROGRAMS:
        moved.start(program)
    # No webhooks: their signatures hold for minutes only, by any clock.
    async with trial(bus, rng, crms=0) as load:
        await load.answered(200)
        for seconds in JUMPS_S:
            clock.write_text(str(seconds))
            await load.answered(200)

        async def broken() -> bool:
            return bool(bus.query(_BREACHES)[0][0])

        await eventually(broken, what="a promise that broke while the clock was ahead")
