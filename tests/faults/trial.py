"""A trial: load on a bus while something fails, then quiet, then the checker's verdict."""

import os
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import orjson

from bus.stage_names import SLA, STAGES
from tests.bus_under_test import Bus, eventually
from tests.faults.checker import Fault, check
from tests.faults.effects import quiet, read_effects
from tests.faults.history import History
from tests.faults.load import Load, load

QUIET_S_MAX = 30.0  # within this after healing nothing is behind any more (O7), on a machine that does nothing else
START_S_MAX = 180  # a machine that does much else
PROGRAMS = ("gateway", "worker")


@asynccontextmanager
async def trial(
    bus: Bus, rng: Random, *, besides: Collection[Fault] = (), quiet_s: float | None = None, **options: Any
) -> AsyncIterator[Load]:
    """Run load for as long as the block lasts; the bus must be whole when it ends. Starts what does not run.

    Afterwards nothing may be wrong, but for the kinds of findings that the fault itself brings about.
    """
    for program in PROGRAMS:
        if program not in bus.processes:
            bus.start(program)
    await bus.ready()
    with History(bus.folder / "history.jsonl") as history:
        async with load(bus, history, seed=rng.randrange(2**31), **options) as running:
            await running.answered(20)
            yield running
        await judge(bus, history, besides=besides, quiet_s=quiet_s)


async def judge(bus: Bus, history: History, *, besides: Collection[Fault] = (), quiet_s: float | None = None) -> None:
    """Wait for quiet, hold the history against the stores and say how many commands that were."""
    await bus.ready()
    await stages_run(bus)
    taken = await quiet(bus, within_s=quiet_s or quiet_s_max())
    ops, effects = history.ops(), await read_effects(bus)
    answers, commands = Counter(op.kind.value for op in ops), len({op.command_id for op in ops})
    print(f"{commands} commands, {dict(answers)}, {len(effects.stored)} events, quiet after {taken:.1f} s")
    found = [one for one in check(ops, effects) if one.fault not in besides]
    assert not found, f"{len(found)} findings, the first: {found[:5]}; worker: {bus.log_of('worker')[-800:]}"


def quiet_s_max() -> float:
    """Answer how long it may take until nothing is behind any more: longer by what else the machine has to do."""
    return QUIET_S_MAX * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


async def stages_run(bus: Bus) -> None:
    """Wait until the worker has started all its stages: not before then is it healed."""

    async def all_run() -> bool:
        lines = [line for line in bus.log_since_start("worker").splitlines() if '"stage_started"' in line]
        return {orjson.loads(line)["stage"] for line in lines} == {*STAGES} - {SLA}

    await eventually(all_run, within_s=START_S_MAX, what=lambda: f"a worker: {bus.log_of('worker')[-1500:]}")


async def ended(bus: Bus, program: str, *, within_s: float = START_S_MAX) -> None:
    """Wait until a program has ended by its own fault, and forget it."""

    async def gone() -> bool:
        return bus.processes[program].poll() is not None

    await eventually(gone, within_s=within_s, what=lambda: f"{program} dead: {bus.log_of(program)[-1500:]}")
    bus.processes.pop(program)
