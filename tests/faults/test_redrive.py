"""A redrive killed in the middle, again and again, and two people who redrive the same letters: each is sent once."""

import asyncio
import re
import signal
from pathlib import Path
from random import Random

import pytest

from bus.intake.dead_letter_limit import IN_A_ROW
from tests.bus_under_test import Bus, eventually
from tests.faults.clients import PART_NO
from tests.faults.masses import asks_for, masses
from tests.faults.outside import ERP, PLENTY, QUICK, UNKNOWN_PART, outside
from tests.faults.programs import REDRIVE_STEPS, armed
from tests.faults.test_kill import long
from tests.faults.trial import START_S_MAX, ended, trial

LETTERS = IN_A_ROW - 10  # fewer than pause the target
TERMS = ("--watch", "0", "--rate", "5", "--by", "张工", "--why", "物料已建档")


@pytest.mark.parametrize(("step", "kills"), [long(step, 12) for step in REDRIVE_STEPS])
async def test_a_redrive_killed_at_a_step_sends_each_letter_once(
    bus: Bus, rng: Random, tmp_path: Path, step: str, kills: int
) -> None:
    async with outside(bus, tmp_path, crm=QUICK, erp=QUICK) as world:
        async with trial(bus, rng, rate=5, parts=0) as load, masses(bus, load.history) as many:
            await many.give(await many.work(LETTERS), asks_for(UNKNOWN_PART, "PR-1"), asks_for(PART_NO, "PR-2"))
            await _parked(bus, LETTERS)
            world.erp.books.stock[UNKNOWN_PART] = PLENTY
            frozen = await asyncio.gather(*(_freeze(bus) for _ in range(2)))
            redrives = [one for one in frozen if one]
            assert sum(one[1] for one in redrives) == LETTERS, f"two at once froze {frozen}"
            for number, _ in redrives:
                bus.start("deadletter", "redrive", "run", number)
                await _stands(bus, number, "running")
                bus.stop("deadletter", signal.SIGKILL)  # it looked on, no more
            bus.stop("worker", signal.SIGKILL)
            for _ in range(kills):
                armed(bus, f"kill:{step}:{rng.randint(1, 4)}").start("worker")
                await ended(bus, "worker", within_s=START_S_MAX)
            bus.start("worker")
            for number, _ in redrives:
                await _stands(bus, number, "done")
            await world.drained()
        print(f"{LETTERS} letters, {kills} times killed at {step}")
        world.judge(letters=LETTERS)
        assert world.erp.calls.count("Save") == LETTERS + 2 * LETTERS, "each refused once, and taken once"


async def _stands(bus: Bus, number: str, state: str) -> None:
    async def stands() -> bool:
        return bus.query("SELECT state FROM redrives WHERE id = %s", int(number)) == [(state,)]

    await eventually(stands, within_s=START_S_MAX, each_s=0.2, what=lambda: f"{state}; {bus.log_of('worker')[-1500:]}")


async def _parked(bus: Bus, count: int) -> None:
    async def parked() -> bool:
        return bus.query("SELECT count(*) FROM delivery_heads WHERE parked") == [(count,)]

    await eventually(parked, within_s=START_S_MAX, what=lambda: bus.log_of("worker")[-1500:])


async def _freeze(bus: Bus) -> tuple[str, int] | None:
    """Freeze what there is; gives the redrive's number and how many letters it holds, None where nothing was left."""
    run = await asyncio.to_thread(bus.run, "deadletter", "redrive", "freeze", "--target", ERP, *TERMS)
    if run.returncode:
        assert run.returncode == 1, run.stderr
        return None
    number, letters = re.findall(r"redrive (\d+): (\d+)", run.stdout)[0]
    return number, int(letters)
