"""The time that is charged, of a ticket and of a day, on the real parts."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bus.domain.commands import Assign
from bus.gateway.http.journey_answers import JourneyAnswer
from bus.intake.dispatch import utc_now
from bus.intake.sandbox import Practice, practice_opening
from bus.local.stack import Urls
from bus.programs.journeys import journeys_of
from tests.bus_under_test import Bus, bus_on
from tests.consistency.test_two_stores import WANG, opening, request
from tests.gateway.typed import type_faults
from tests.journey.test_journey import write

TEN_IN_CHINA = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
PUBLISHED = """
UPDATE outbox o SET published_at = e.occurred_at + interval '1 minute', kafka_offset = 0
FROM events e WHERE (e.ticket_id, e.version) = (o.ticket_id, o.version)"""


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Make a bus of the test's own."""
    with bus_on(parts, tmp_path) as made:
        yield made


async def test_time_report_of_a_ticket_is_its_age_and_of_a_day_what_falls_there(bus: Bus) -> None:
    async with bus.core() as core:
        for command, at in ((opening(1), TEN_IN_CHINA), (Assign(assignee=WANG), TEN_IN_CHINA + timedelta(hours=1))):
            await core.dispatcher.dispatch([replace(request(1, command, 0), at=at, received_at=at)])
        virtual = Practice(person="张工", region="", number="practice-1")
        await core.dispatcher.dispatch([practice_opening(virtual, core.dispatcher.rules, TEN_IN_CHINA)])
        await write(core, PUBLISHED)
        began = utc_now()
        journey = await journeys_of(core)("C-1")
        later = await journeys_of(core)("C-1", after=1)
    assert journey is not None
    assert later is not None
    assert (type_faults(JourneyAnswer, journey), later["time"]) == ([], None)
    time = journey["time"]
    assert time["total"] == pytest.approx((began - TEN_IN_CHINA).total_seconds(), abs=5)
    assert (time["source"], time["bus"]) == (59 * 60, 2 * 60)
    assert time["engineer"] == pytest.approx(time["total"] - 61 * 60)
    report = json.loads(bus.run("report", "time", "--day", "2026-11-20", "--json").stdout)
    day = 14 * 3600
    assert report == {
        "day": "2026-11-20", "tickets": 1, "source": 59 * 60, "bus": 2 * 60, "target": 0, "customer": 0, "parts": 0,
        "engineer": day - 61 * 60, "total": day,
    }  # fmt: skip
    line = bus.run("report", "time", "--day", "2026-11-20").stdout
    assert "工单 tickets 1, 用时 time 14 h 00 m 00 s: 工程师 engineer 12 h 59 m 00 s (93%)" in line
    assert "用时 time" in bus.run("trace", "C-1").stdout
