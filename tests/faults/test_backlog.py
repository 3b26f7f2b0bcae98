"""An outage that left 23,000 events behind: while they drain, what happens now is told at once (R37)."""

import time
from pathlib import Path
from random import Random

import psutil
import pytest

from bus.domain.commands import Note, Start
from tests.bus_under_test import Bus, eventually
from tests.domain.people import ASSIGN
from tests.faults.masses import masses
from tests.faults.outside import CRM, outside
from tests.faults.trial import trial

BACKLOG = 23_000
LIVE_P95_S_MAX = 2.0
ROWS = "SELECT count(*) FROM deliveries WHERE target = %s AND state = %s"


@pytest.mark.faults
@pytest.mark.timeout(900)
async def test_live_events_pass_a_backlog(bus: Bus, rng: Random, tmp_path: Path) -> None:
    async with outside(bus, tmp_path) as world:
        async with trial(bus, rng, rate=20, parts=0) as load, masses(bus, load.history) as many:
            worker = psutil.Process(bus.processes["worker"].pid)
            rss = [worker.memory_info().rss]
            await world.crm.stop()
            life = (ASSIGN, Start(), Note(text="一"), Note(text="二"))
            await many.give(await many.open(BACKLOG // (len(life) + 1)), *life)

            async def all_wait() -> bool:
                return int(bus.query(ROWS, CRM, "waiting")[0][0]) >= BACKLOG

            await eventually(all_wait, within_s=120, what=lambda: bus.log_of("worker")[-1500:])
            waiting, done = (int(bus.query(ROWS, CRM, state)[0][0]) for state in ("waiting", "done"))
            rss.append(worker.memory_info().rss)
            await world.crm.start()

            async def flows() -> bool:
                return int(bus.query(ROWS, CRM, "done")[0][0]) > done

            await eventually(flows)
            began = time.time()

            async def drained() -> bool:
                rss.append(worker.memory_info().rss)
                return int(bus.query(ROWS, CRM, "waiting")[0][0]) < waiting / 100

            await eventually(drained, within_s=300, each_s=0.5, what=lambda: str(world.standing()))
            over = time.time()
        world.judge()
        half, most = (world.waited_s(CRM, share, since=began, until=over) for share in (0.5, 0.95))
        print(f"{waiting} waited and were told in {over - began:.1f} s, {waiting / (over - began):.0f}/s")
        print(f"live meanwhile: p50 {half:.3f} s, p95 {most:.3f} s")
        print(f"worker: {rss[0] >> 20} MiB before, {rss[1] >> 20} with the backlog, {max(rss) >> 20} at most")
        assert most <= LIVE_P95_S_MAX
