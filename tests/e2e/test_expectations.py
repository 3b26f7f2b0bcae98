"""Expectations on the whole bus: a worker opens them with its events, and judges them, also after a kill -9."""

import asyncio
import signal
from pathlib import Path

from tests.bus_under_test import Bus, eventually
from tests.consistency.test_two_stores import life, request

FILE = """
listed: {after: [TicketOpened], hop: projected, at: tickets, within: PT1S}
issued: {after: [TicketOpened], hop: acted_on, at: [PartsIssued], within: PT6S}
"""
STATES = "SELECT expectation, replace(state, 'late', 'met') FROM expectations ORDER BY 1"  # in time or not: it came


async def test_expectations_a_worker_opens_and_judges_them_and_its_successor_goes_on(bus: Bus, tmp_path: Path) -> None:
    path = tmp_path / "expectations.yaml"
    path.write_text(FILE, encoding="utf-8")
    bus.environment["TICKETBUS_EXPECTATIONS_FILE"] = str(path)
    bus.start("worker")

    async def stands() -> bool:
        return '"stage":"delivery"' in bus.log_of("worker")

    await eventually(stands, what=lambda: bus.last_words("worker"))  # the six seconds are not those of its start
    async with bus.core() as core:
        await core.dispatcher.dispatch([request(1, life(1)[0], 0)])

        async def reads(*states: tuple[str, str]) -> bool:
            return await asyncio.to_thread(bus.query, STATES) == list(states)

        await eventually(lambda: reads(("issued", "pending"), ("listed", "met")), what=lambda: bus.last_words("worker"))
        bus.stop("worker", signal.SIGKILL)
        bus.start("worker")
        await eventually(lambda: reads(("issued", "missed"), ("listed", "met")), what=lambda: bus.last_words("worker"))
    bus.stop("worker")
