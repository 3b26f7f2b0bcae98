"""The samples that put events into tables: the sink into PostgreSQL, and the questions to an export."""

import asyncio
import json
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from bus.cli.samples import Language, sample
from bus.domain.events import TicketOpened
from bus.local.stack import Urls
from schemas.topics import physical
from tests.bus_under_test import eventually
from tests.databases import make_database
from tests.peers.test_examples import LATER_KIND, LATER_VERSION, LIMIT_S, REPEATED, TOPICS, Log, log

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
DONE = """
SELECT (SELECT count(*) FROM sink_events), sum(version), count(*) FROM sink_tickets"""

pytestmark = pytest.mark.peers
__all__ = ("log",)


@contextmanager
def sinking(log: Log, folder: Path, url: str, group: str, **own: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the sink on the topics of the log, its errors in a file; it is killed at the end, if it runs."""
    space = log.settings.namespace
    values = {"topics": ",".join(physical(space, topic) for topic in TOPICS), "group": f"{space}.{group}", **own}
    text = sample(Language.SQL, **values).replace("max_records=1000", "max_records=7")  # a ticket's events part
    (folder / "sink.py").write_text(text, encoding="utf-8")
    env = {**os.environ, "KAFKA_BOOTSTRAP": log.settings.kafka_bootstrap or "", "SCHEMA_REGISTRY_URL": log.registry}
    with (folder / "stderr").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "sink.py"], cwd=folder, env={**env, "SINK_URL": url}, stdout=subprocess.PIPE, stderr=errors
        )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def test_examples_sink_killed_in_a_batch_has_each_event_and_each_ticket_once(
    log: Log, parts: Urls, tmp_path: Path
) -> None:
    url = await asyncio.to_thread(make_database, parts, f"sink{uuid4().hex[:8]}")
    newest = {one.ticket_id: one.version for one in log.events}  # a ticket's events are in order
    newest[log.events[0].ticket_id] = LATER_VERSION
    whole = (len(log.events) + 1, sum(newest.values()), len(newest))
    with psycopg.connect(url, autocommit=True) as db:

        async def has(table: str) -> bool:
            return db.execute("SELECT to_regclass(%s)", (table,)).fetchone() != (None,)

        async def all_there() -> bool:
            return await has("sink_tickets") and db.execute(DONE).fetchone() == whole

        with sinking(log, tmp_path, url, "killed") as process:
            await eventually(lambda: has("sink_events"), within_s=LIMIT_S)
            process.kill()  # before, in or after its first batch
        with sinking(log, tmp_path, url, "first") as process:
            await eventually(all_there, within_s=LIMIT_S)
        last = {kind for (kind,) in db.execute("SELECT last_type FROM sink_tickets").fetchall()}
        assert last == {"note.added.v1", LATER_KIND}
        opened = [
            (one.ticket_id, one.event.region or None, one.occurred_at)
            for one in log.events
            if isinstance(one.event, TicketOpened)
        ]
        assert db.execute("SELECT ticket_id, region, opened_at FROM sink_tickets ORDER BY 1").fetchall() == sorted(
            opened
        )
        with sinking(log, tmp_path, url, "again") as process:
            async with asyncio.timeout(LIMIT_S):
                skipped = 0
                while skipped < len(log.events) + REPEATED + 1:
                    assert process.stdout is not None
                    line = (await asyncio.to_thread(process.stdout.readline)).decode()
                    assert line.startswith("0 rows; skip "), line
                    skipped += int(line.split()[3].rstrip(":"))
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, LIMIT_S) == 0
        assert db.execute(DONE).fetchone() == whole


def frame(ticket: str, version: int, kind: str, at: datetime, **data: object) -> str:
    """Spell an event as `ticketbus subscribe --json` prints it."""
    ce = {"type": kind, "time": at.isoformat(), "subject": ticket}
    return json.dumps({"kind": "event", "ce": ce, "ticket_version": version, "data": {"ticket_id": ticket, **data}})


def test_examples_analysis_answers_its_three_questions(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed: run `make peers`")
    monday = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)  # 00:30 of Monday 23 in Shanghai
    lines = []
    for n in range(4):
        name, minute = f"T{n}", timedelta(minutes=1)
        lines += [
            frame(name, 1, "ticket.opened.v1", monday, region="上海" if n < 3 else "北京"),
            frame(name, 2, "ticket.assigned.v1", monday + (n + 1) * 10 * minute),
            frame(name, 3, "ticket.assigned.v1", monday + 300 * minute),
            frame(name, 4, "ticket.resolved.v1", monday + 400 * minute),
        ]
    lines += [
        frame("T0", 5, "ticket.reopened.v1", monday + timedelta(days=1)),
        frame("T1", 5, "sla.breached.v1", monday, clock="response"),
        frame("T2", 5, "sla.breached.v1", monday + timedelta(days=7), clock="response"),
        frame("T3", 5, "sla.breached.v1", monday + timedelta(days=7), clock="response"),
        frame("T3", 6, "sla.breach.withdrawn.v1", monday + timedelta(days=8), clock="response"),
    ]
    file = tmp_path / "it's.jsonl"
    file.write_text("\n".join([*lines, lines[-1]]) + "\n", encoding="utf-8")  # a repeat counts once
    sample = runpy.run_path(str(EXAMPLES / "analysis" / "analyse.py"))
    answers: list[list[Any]] = []
    with duckdb.connect() as db:
        db.execute(sample["EVENTS"].replace("$file", "'" + str(file).replace("'", "''") + "'"))
        answers += [db.sql(sql).fetchall() for sql in sample["QUESTIONS"].values()]
    assert answers == [
        [("上海", 3, 20.0, 29.0), ("北京", 1, 40.0, 40.0)],
        [(4, 1, 25.0)],
        [("2026-11-23", "response", 1), ("2026-11-30", "response", 1)],
    ]
    shown = subprocess.run(
        [sys.executable, str(EXAMPLES / "analysis" / "analyse.py"), str(file)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert "北京" in shown.stdout
