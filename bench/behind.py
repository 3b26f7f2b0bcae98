"""The read models are 23,000 events behind when live traffic sets in: how long do the live events wait meanwhile?"""

import asyncio
from collections.abc import Sequence
from time import monotonic

import psutil

from bench.bus import Bus, until
from bench.figure import Figure
from bench.seed import seed
from bench.sightings import quantile_ms, sight_live, sightings
from bench.stages import CLEAR
from bench.traffic import steady
from bus.app import Core
from bus.postgres.pool import connected
from bus.stage_names import STAGES

_BEHIND = 23_000
_ROWS = 16_500  # of the incident log come to a little more events than that
_PER_S = 50
_AFTER_S = 3.0
_DONE = "SELECT coalesce(sum(next_offset), 0) FROM stage_offsets WHERE handler = 'tickets'"


async def run(bus: Bus) -> list[Figure]:
    """Fill the log while no worker runs; start one under live traffic, then again with a worker for the lists alone."""
    sight_live(bus.database_url)
    async with bus.core() as core:
        await seed(core, rows=_ROWS)
        await core.relay.close()
        bus.start("gateway")
        await bus.ready()
        figures = [await _measured(bus, core, "one worker", [()])]
        await _forget(core)
        apart = [("--stages", "projections"), ("--stages", ",".join(one for one in STAGES if one != "projections"))]
        figures.append(await _measured(bus, core, "a worker for the lists, another for the rest", apart))
        bus.stop("gateway")
    return figures


async def _measured(bus: Bus, core: Core, how: str, workers: Sequence[Sequence[str]]) -> Figure:
    behind = await _one(core, "SELECT count(*) FROM events")
    with sightings(bus.database_url, "committed", "projected") as seen:
        watching = asyncio.create_task(_catching_up(core, behind))
        names = [f"worker{number}" for number in range(len(workers))]
        pids = [
            bus.start_process(name, bus.module, "worker", *arguments)
            for name, arguments in zip(names, workers, strict=True)
        ]
        until_s = [float("inf")]
        watching.add_done_callback(lambda _: until_s.__setitem__(0, monotonic() + _AFTER_S))
        await steady(bus, per_s=_PER_S, goes_on=lambda: monotonic() < until_s[0])
        first, caught_up = await watching
        cpu_s = sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)
        committed = seen.seen["committed"]
        projected = await seen.until_all(committed.keys(), "projected", within_s=60)
    for name in names:
        bus.stop(name)
    during = [projected[one] - at for one, at in committed.items() if first <= at <= caught_up]
    after = [projected[one] - at for one, at in committed.items() if at > caught_up]
    return Figure(
        name=f"{how}: live events while {behind:,} are caught up with, commit to read model, p95",
        value=quantile_ms(during, 0.95) / 1000,
        unit="s",
        against=f"once caught up: {quantile_ms(after, 0.95) / 1000:.2f} s",
        goal="≤ 2",
        note=f"the lists took {caught_up - first:.1f} s; {cpu_s:.1f} s of CPU for all read models, starts included; "
        f"{len(during)} live events meanwhile; a partition's live events stand behind its own past",
    )


async def _forget(core: Core) -> None:
    """Let every read model begin anew."""
    async with connected(core.pool) as connection:
        await connection.execute(CLEAR.encode())


async def _catching_up(core: Core, behind: int) -> tuple[float, float]:
    """Tell when the read model began to move and when it had passed what was there before."""
    moments = []
    for goal in (1, behind):

        async def there(goal: int = goal) -> bool:
            return await _one(core, _DONE) >= goal

        await until(there, within_s=120)
        moments.append(monotonic())
    return moments[0], moments[1]


async def _one(core: Core, query: str) -> int:
    async with connected(core.pool) as connection:
        row = await (await connection.execute(query.encode())).fetchone()
    assert row
    return int(row[0])
