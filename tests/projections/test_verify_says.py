"""`ticketbus projection verify` says what a comparison cannot show: who stands still, and who is behind."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from bus.app import Core
from bus.domain.events import Recorded
from bus.domain.terms import TicketId
from bus.intake.dispatch import utc_now
from bus.kafka.clients import start_producer
from bus.kafka.range_reader import open_reader
from bus.local.stack import Urls
from bus.postgres.pool import connected
from bus.postgres.store import add_events
from bus.stage import offsets
from bus.stage.runner import Runner
from bus.wire.event_reader import EventReader
from bus.wire.partitioner import partition_of
from projections.read_models import READ_MODELS, TICKET_MODELS
from projections.store import ProjectionHandler
from schemas.topics import LOG, physical
from tests.bus_under_test import Bus, bus_on
from tests.projections.told import many

PARTITIONS = 6
TABLES = sum(len(model.tables) for model in READ_MODELS.values())


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Make a bus of this test's own; nothing runs."""
    with bus_on(parts, tmp_path) as made:
        yield made


@pytest.fixture
async def core(bus: Bus) -> AsyncIterator[Core]:
    """Open its core."""
    async with bus.core() as opened:
        yield opened


async def become_true(core: Core, events: Sequence[Recorded]) -> None:
    """Write events to both stores."""
    values = [(one, core.codec.encode(one)) for one in events]
    async with connected(core.pool) as connection:
        await add_events(connection, values)
    producer = await start_producer(core.settings)
    try:
        for one, value in values:
            where = partition_of(one.ticket_id, PARTITIONS)
            await producer.send_and_wait(physical(core.settings.namespace, LOG), value, partition=where)
    finally:
        await producer.stop()


async def keep(core: Core) -> None:
    """Bring every read model as far as it gets, as a worker would."""
    topic = physical(core.settings.namespace, LOG)
    async with open_reader(core.settings) as reader:
        runner = Runner(topic=topic, pool=core.pool, reader=reader, now=utc_now, report=core.alerts)
        async with connected(core.pool) as connection:
            await offsets.begin(connection, list(TICKET_MODELS), topic, range(PARTITIONS))
        ends = await reader.ends(topic, range(PARTITIONS))
        for model in TICKET_MODELS.values():
            await runner.catch_up([ProjectionHandler(model, EventReader(decode=core.codec.decode))], ends)


def verified(bus: Bus, *arguments: str) -> CompletedProcess[str]:
    """Run the command."""
    return bus.run("projection", "verify", *arguments)


def as_json(done: CompletedProcess[str]) -> list[dict[str, Any]]:
    """Read its lines."""
    return [json.loads(line) for line in done.stdout.splitlines()]


async def test_verify_says_a_read_model_that_stands_still_is_bad_news_although_it_is_equal(
    bus: Bus, core: Core
) -> None:
    events = many(12)
    last = events[-1]
    where = partition_of(last.ticket_id, PARTITIONS)
    stands = sum(partition_of(one.ticket_id, PARTITIONS) == where for one in events)
    opened = next(one for one in events if one.ticket_id == last.ticket_id)
    broken = [replace(opened, version=last.version + n) for n in (1, 2, 3)]  # opened again, and again
    await become_true(core, [*events, *broken])
    await keep(core)
    place = f"{physical(core.settings.namespace, LOG)}/{where}"

    done = verified(bus)
    lines = [line for line in done.stdout.splitlines() if "STOPPED" in line]
    assert done.returncode == 1, done.stdout + done.stderr
    assert [line.split()[0] for line in lines] == ["sla_clocks", "tickets"]  # others ask nothing of an opening
    for line in lines:
        assert f"STOPPED at {place} before offset {stands}: 3 records are not in it; offset {stands}: " in line
        assert "opened twice" in line
    assert "behind" not in done.stdout
    assert done.stdout.count("equal") == TABLES
    for row in as_json(verified(bus, "tickets", "--json")):
        assert (row["model"], row["table"], row["equal"], row["differences"]) == ("tickets", "tickets", True, [])
        assert row["rows"] == row["rebuilt_rows"] == 12
        assert row["behind"] == 3
        (stopped,) = row["stopped"]
        assert (stopped["partition"], stopped["next_offset"], stopped["lag"]) == (where, stands, 3)
        assert "opened twice" in stopped["failure"]


async def test_verify_says_a_read_model_that_is_behind_is_told_how_far_and_is_no_bad_news(bus: Bus, core: Core) -> None:
    events = many(12)
    await become_true(core, events)
    done = verified(bus)  # nobody ever began
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if "behind" in line] == [
        f"{model:<12} behind: {len(events)} records are not in it yet" for model in sorted(TICKET_MODELS)
    ]
    await keep(core)
    done = verified(bus)
    assert (done.returncode, "behind" in done.stdout, done.stdout.count("equal")) == (0, False, TABLES)
    await become_true(core, [replace(one, ticket_id=TicketId(f"{one.ticket_id}9")) for one in events[:5]])
    rows = [row for row in as_json(verified(bus, "--json")) if row["model"] in TICKET_MODELS]
    assert [(row["behind"], row["stopped"]) for row in rows] == [(5, [])] * sum(
        len(one.tables) for one in TICKET_MODELS.values()
    )


async def test_verify_says_a_log_that_ends_before_where_a_read_model_stands_is_bad_news_before_any_worker_looks(
    bus: Bus, core: Core
) -> None:
    await become_true(core, many(3))
    await keep(core)
    async with connected(core.pool) as connection:
        await connection.execute("UPDATE stage_offsets SET next_offset = 99")
    done = verified(bus, "tickets")
    assert done.returncode == 1
    assert done.stdout.count(" before offset 99: 0 records are not in it; the log ends at ") == PARTITIONS


async def test_stage_reset_sets_a_handler_of_another_topic_to_its_start(bus: Bus, core: Core) -> None:
    await become_true(core, many(3))
    await keep(core)
    async with connected(core.pool) as connection:
        await connection.execute("UPDATE stage_offsets SET topic_id = gen_random_uuid()")
    listed = bus.run("projection", "list")
    assert (listed.returncode, listed.stdout.count("made anew")) == (1, len(TICKET_MODELS) * PARTITIONS)

    async def standing(handler: str) -> set[int]:
        async with connected(core.pool) as connection:
            return {one.next_offset for one in await offsets.positions(connection, [handler])}

    assert bus.run("stage", "reset", "tickets").stdout.startswith("tickets: 6 ")
    assert await standing("tickets") == {0}
    again = bus.run("stage", "reset", "tickets")  # it stands where it can go on
    assert (again.returncode, "nothing is reset" in again.stderr) == (1, True)
    assert bus.run("stage", "reset", "deliveries").returncode == 2
    assert "did you mean tickets" in bus.run("stage", "reset", "ticket").stderr
