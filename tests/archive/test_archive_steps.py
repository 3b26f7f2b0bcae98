"""The archiving of a month, step by step: broken off, killed, changed beside it, and by the command line."""

import asyncio
import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from bus.app import Core, open_core
from bus.archive.replacing import MonthChanged, NotArchived
from bus.archive.writing import archive_month
from bus.domain.batch import Accepted
from bus.domain.commands import Request
from bus.postgres.event_months import months
from bus.postgres.pool import in_transaction
from bus.programs.archiving import archive
from bus.settings import Settings
from schemas.topics import LOG, physical
from tests.archive.conftest import (
    CLOSED_TICKETS,
    LATER,
    OPEN_TICKETS,
    archived,
    ask,
    events,
    live,
    log_report,
    reopening,
    told,
)
from tests.audit.lives import report_of
from tests.bus_under_test import Bus

_ROOT = Path(__file__).parents[2]
STEPS = ("chosen", "written", "filed", "sources", "counted", "replaced")


KILLED = """
import asyncio, os, signal, sys
from bus.app import open_core
from bus.programs.archiving import archive
from bus.settings import load
from tests.archive.conftest import LATER

async def main():
    async with open_core(load(), connections=4) as core:
        await archive(core, now=lambda: LATER, say=killing)

def killing(step):
    if step == "counted":
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_archive_broken_off_after_any_step_nothing_is_lost_or_doubled(core: Core) -> None:
    tickets = await live(core)
    journeys, before = [await told(core, one) for one in tickets], await events(core)
    for broken_off in STEPS:

        def stop(step: str, at: str = broken_off) -> None:
            if step == at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await archived(core, say=stop)
        assert [await told(core, one) for one in tickets] == journeys
    ((files, rows),) = await ask(core, "SELECT count(*), sum(events) FROM archived_months")
    assert (files, rows) == (1, len(before) - OPEN_TICKETS)
    assert (await log_report(core), (await report_of(core)).listed) == ([], [])


async def test_archive_killed_before_the_month_is_replaced_it_is_run_again(core: Core, bus: Bus) -> None:
    tickets = await live(core)
    journeys, before = [await told(core, one) for one in tickets], await events(core)
    killed = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", KILLED], env=bus.environment, cwd=_ROOT, timeout=120, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert await events(core) == before
    made = await archived(core)
    assert made.events == len(before) - OPEN_TICKETS
    assert [await told(core, one) for one in tickets] == journeys
    assert await log_report(core) == []
    named = {name for (name,) in await ask(core, "SELECT relname FROM pg_class WHERE relname LIKE 'events%\\_open'")}
    assert not named


async def test_archive_waits_for_what_waits_and_refuses_what_cannot_be(core: Core) -> None:
    (one, two, *_) = await live(core, seal=False)
    before, records = LATER, physical(core.settings.namespace, LOG)
    (month, *_) = await in_transaction(core.pool, months)
    with pytest.raises(NotArchived, match="not over"):
        await archive_month(core.pool, month, before, records, now=datetime.now(UTC))
    await ask(core, "UPDATE outbox SET published_at = NULL WHERE ticket_id = %s RETURNING 1", one)
    assert (await archived(core, dry_run=True)).tickets == CLOSED_TICKETS - 1
    typed = replace(core, settings=core.settings.model_copy(update={"archive_dir": Path("/mnt/not/mounted")}))
    with pytest.raises(NotArchived, match="/mnt/not/mounted: there is no such directory"):
        await archive(typed)
    await ask(
        core,
        """INSERT INTO stage_offsets (handler, topic, partition, next_offset) SELECT 'lists', %s, partition, 0
        FROM generate_series(0, 23) partition RETURNING 1""",
        records,
    )
    with pytest.raises(NotArchived, match="lists"):
        await archived(core)
    await ask(core, "UPDATE stage_offsets SET next_offset = 1000 RETURNING 1")

    def insert(step: str) -> None:
        if step == "filed":
            with psycopg.connect(core.settings.database_url or "") as connection:
                connection.execute(
                    "INSERT INTO events SELECT ticket_id, 99, event_id, ce_type, command_id, trace_id, source, "
                    "occurred_at, recorded_at, historic, value FROM events WHERE ticket_id = %s AND version = 1",
                    (two,),
                )

    def reopen(step: str) -> None:
        if step == "counted":
            with ThreadPoolExecutor() as thread:
                thread.submit(asyncio.run, _dispatched(core.settings, reopening(2))).result()

    for change in (insert, reopen):
        with pytest.raises(MonthChanged):
            await archive_month(core.pool, month, before, records, now=LATER, say=change)
        await ask(core, "DELETE FROM events WHERE version = 99 RETURNING 1")
    assert (await ask(core, "SELECT count(*) FROM archived_months"))[0] == (0,)


async def _dispatched(settings: Settings, one: Request) -> None:
    async with open_core(settings) as other:
        (outcome,) = await other.dispatcher.dispatch([one])
        assert isinstance(outcome, Accepted)
        await other.relay.close()


async def test_archive_by_the_command_line(core: Core, bus: Bus) -> None:
    (one, *_) = await live(core)
    made = await archived(core)

    async def run(*arguments: str) -> tuple[int, str]:
        done = await asyncio.to_thread(bus.run, "archive", *arguments)
        return done.returncode, done.stdout + done.stderr

    code, said = await run("list", "--json")
    assert (code, json.loads(said)["file"]) == (0, made.file)
    code, said = await run("read", "--ticket", one.lower(), "--json")
    assert [json.loads(line)["version"] for line in said.splitlines()][:3] == [1, 2, 3]
    assert await run("verify") == (0, f"{made.file}: 完好 / whole\n")
    code, said = await run("--month", "2031-13")
    assert (code, "there is no '2031-13'" in said) == (1, True)
    code, said = await run("--dry-run")
    assert (code, "no month to archive" in said) == (0, True)
