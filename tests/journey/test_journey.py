"""A ticket is found by whatever is known of it, and told as of one moment; notes of pushes are kept for a month."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest

from bus.app import Core
from bus.domain.batch import Refused
from bus.domain.commands import Note
from bus.domain.terms import CommandId, KeyKind, TraceId
from bus.domain.values import Customer, IncidentKey
from bus.gateway.http.journey_answers import JourneyAnswer
from bus.journey import journey as journey_module
from bus.journey.journey import JourneyParts, journey
from bus.local.stack import Urls
from bus.postgres.pool import connected
from bus.postgres.retention import days_kept, delete_old_rows
from schemas.topics import LOG, physical
from tests.bus_under_test import Bus, bus_on, eventually
from tests.consistency.test_two_stores import opening, request
from tests.gateway.typed import type_faults

DEVICE = """
INSERT INTO device_history (ticket_id, version, serial, type, title, opened_at, root_cause, summary, parts)
VALUES (%s, 1, 'SN-7', 't', 't', %s, '', '', '[]')"""
OFFSETS = """
INSERT INTO stage_offsets (handler, partition, topic, next_offset)
SELECT %s, shard, %s, 9 FROM outbox WHERE ticket_id = %s AND topic = 'ticket.events'"""
BATCH = """
INSERT INTO stage_batches (handler, partition, first_offset, next_offset, at)
SELECT %s, shard, 0, %s, %s FROM outbox WHERE ticket_id = %s AND topic = 'ticket.events'"""

DELIVERED = """
INSERT INTO deliveries (target, ticket_id, version, enqueued_at) SELECT 'erp', ticket_id, version, now() FROM events
ON CONFLICT DO NOTHING"""

RUNS = """
INSERT INTO programs (instance, program, host, pid, ahead_s, parts)
VALUES (gen_random_uuid(), 'worker', 'h', 1, 0, '{"projections": null, "delivery": null}')"""


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """Make a bus of the module's own."""
    with bus_on(parts, tmp_path_factory.mktemp("journey")) as made:
        yield made


@pytest.fixture
async def core(bus: Bus) -> AsyncIterator[Core]:
    """Open its core."""
    async with bus.core() as opened:
        yield opened


async def told(core: Core, anything: str) -> dict[str, Any]:
    """Tell the journey of what is known."""
    log = JourneyParts(records=physical(core.settings.namespace, LOG), stages={"d": "projections", "f": "projections"})
    found = await journey(core.pool, core.clear, log, anything)
    assert found is not None
    assert type_faults(JourneyAnswer, found) == []
    return found


async def write(core: Core, text: str, *parameters: object) -> None:
    async with connected(core.pool) as connection:
        await connection.execute(text.encode(), parameters)


async def test_journey_a_name_of_two_tickets_tells_the_newest_and_names_the_other(core: Core) -> None:
    older, newer = request(1, opening(1), 0), request(2, replace(opening(2), serial="SN-7"), 5)
    first, second = await core.dispatcher.dispatch([older, newer])
    first_id, second_id = (getattr(one, "ticket_id", "") for one in (first, second))
    for ticket_id, at in ((first_id, older.at), (second_id, newer.at)):
        await write(core, DEVICE, ticket_id, at)
    by_serial = await told(core, "SN-7")
    assert (by_serial["ticket_id"], by_serial["also"]) == (second_id, [first_id])
    for name in (first_id, "O-1", "C-1", f"{1:032x}"):
        assert (await told(core, name))["ticket_id"] == first_id


async def test_journey_a_ticket_s_own_number_and_trace_come_before_names_that_others_gave(core: Core) -> None:
    victim, trace = request(11, opening(11), 0), f"{11:032x}"
    (opened,) = await core.dispatcher.dispatch([victim])
    number = getattr(opened, "ticket_id", "")
    tricks = [replace(opening(12), source_no=trace), replace(opening(13), serial=trace), opening(14)]
    others = [request(n, one, 60) for n, one in enumerate(tricks, 12)]
    others[2] = replace(others[2], trace_id=TraceId(trace))
    await core.dispatcher.dispatch(others)
    for name in (number, trace):
        assert (await told(core, name))["ticket_id"] == number
    refused = await core.dispatcher.dispatch([request(15, replace(opening(15), source_no=number.lower()), 60)])
    assert [one.error.code for one in refused if isinstance(one, Refused)] == ["like_a_ticket_number"]


async def test_journey_of_a_phone_names_all_its_tickets_before_what_others_named_like_it(core: Core) -> None:
    phone = "13800009911"
    victim = replace(opening(21), customer=Customer(phone="+86 138-0000-9911"))
    also = replace(opening(22), customer=Customer(phone=phone))
    about = replace(opening(23), incident_key=IncidentKey(kind=KeyKind.PHONE, value=phone))
    tricks = [
        replace(opening(24), source_no=phone),
        replace(opening(25), serial=phone),
        replace(opening(26), incident_key=IncidentKey(kind=KeyKind.SERIAL, value=phone)),
    ]
    asked = [request(21 + n, one, 60 * n) for n, one in enumerate([victim, also, about, *tricks])]
    asked[3] = replace(asked[3], source="other")
    numbers = [getattr(one, "ticket_id", "") for one in await core.dispatcher.dispatch(asked)]
    found = await told(core, "+86 138 0000 9911")
    assert found["ticket_id"] == numbers[2]
    assert {*numbers[:2]} <= {*found["also"]}


async def test_journey_a_ticket_that_changes_while_it_is_told_is_told_as_it_was(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    await core.dispatcher.dispatch([request(3, opening(3), 0)])
    read, notes = journey_module._read, iter(range(100))

    async def slowly(connection: Any, source: Any, asked: Any) -> Any:
        found = await read(connection, source, asked)
        await core.dispatcher.dispatch([request(3, Note(text=f"{next(notes)}"), 10)])
        await write(core, DELIVERED)
        return found

    with monkeypatch.context() as planted:
        planted.setattr(journey_module, "_read", slowly)
        assert [one["version"] for one in (await told(core, "O-3"))["events"]] == [1]
    assert len((await told(core, "O-3"))["events"]) > 1


async def test_journey_a_projection_is_told_with_the_batch_that_held_the_record(core: Core) -> None:
    (opened,) = await core.dispatcher.dispatch([request(4, opening(4), 0)])
    ticket_id = getattr(opened, "ticket_id", "")
    await write(core, "UPDATE outbox SET published_at = now(), kafka_offset = 7 WHERE ticket_id = %s", ticket_id)
    at = datetime(2026, 1, 18, 9, tzinfo=UTC)
    topic = physical(core.settings.namespace, LOG)
    for handler, name, end in (("a", topic, 8), ("b", topic, 7), ("c", "other", 8)):
        await write(core, OFFSETS, handler, name, ticket_id)
        await write(core, BATCH, handler, end, at, ticket_id)
    hops = (await told(core, ticket_id))["events"][0]["hops"]
    assert [(one["where"], one["at"]) for one in hops if one["hop"] == "projected"] == [("a", at)]


async def test_journey_what_a_handler_has_not_read_is_in_the_verdict_whoever_runs(core: Core) -> None:
    (opened,) = await core.dispatcher.dispatch([request(5, opening(5), 0)])
    ticket_id = getattr(opened, "ticket_id", "")
    await write(core, "UPDATE outbox SET published_at = now(), kafka_offset = 9 WHERE ticket_id = %s", ticket_id)
    topic = physical(core.settings.namespace, LOG)
    await write(core, OFFSETS, "d", topic, ticket_id)
    await write(core, OFFSETS, "f", "another topic", ticket_id)  # of a handler's former topic: it counts for nothing
    await write(core, "TRUNCATE programs")
    [line] = (await told(core, ticket_id))["verdict"]
    assert (line["cause"], line["where"], line["evidence"]["ahead"]) == ("no_worker", "d, f", 9)
    await write(core, RUNS)
    await write(core, "UPDATE stage_offsets SET failure = 'offset 9: 13800001111' WHERE handler = 'd'")
    stopped, behind = (await told(core, ticket_id))["verdict"]
    assert (stopped["cause"], behind["cause"], behind["where"]) == ("stage_stopped", "stage_behind", "f")
    assert "v1: no effect in d yet, which stands still: offset 9: 138****1111" in stopped["en"]
    await write(core, "UPDATE programs SET beat_at = now() - interval '1 minute'")
    assert [one["cause"] for one in (await told(core, ticket_id))["verdict"]] == ["worker_frozen"]
    await write(core, "UPDATE stage_offsets SET next_offset = 10, topic = %s WHERE handler IN ('d', 'f')", topic)
    [line] = (await told(core, ticket_id))["verdict"]
    assert line["en"].startswith("nothing is stuck")


async def test_journey_comes_in_pages_and_its_verdict_is_of_the_whole(core: Core, bus: Bus) -> None:
    (opened,) = await core.dispatcher.dispatch([request(6, opening(6), 0)])
    notes = [replace(request(6, Note(text=f"{n}"), n), command_id=CommandId(uuid4())) for n in range(1, 10)]
    await core.dispatcher.dispatch(notes)
    number = getattr(opened, "ticket_id", "")
    await write(core, DELIVERED)
    read, after = list[dict[str, Any]](), 0
    while True:
        page = await journey(core.pool, core.clear, JourneyParts(records="x", stages={}), "O-6", after=after, most=4)
        assert page is not None
        assert "v1…v10 (10) is committed and not on Kafka yet" in page["verdict"][0]["en"]
        read += page["events"]
        if page["next"] is None:
            break
        after = int(page["next"])
    whole = await told(core, number)
    assert [one["version"] for one in read] == list(range(1, 11))
    assert read == whole["events"]
    shown = bus.run("trace", number, "--json")
    assert len(orjson.loads(shown.stdout)["events"]) == 10


async def test_journey_notes_of_pushes_are_forgotten_after_a_month(core: Core) -> None:
    now = datetime.now(UTC)
    for version, age in ((1, timedelta(days=31)), (2, timedelta(days=29))):
        await write(core, "INSERT INTO pushes VALUES ('T1', %s, 'ticket.status', 'c', %s)", version, now - age)
    forgetting = asyncio.create_task(delete_old_rows(core.pool, days_kept({})))

    async def forgotten() -> bool:
        async with connected(core.pool) as connection:
            rows = await (await connection.execute("SELECT version FROM pushes")).fetchall()
        return rows == [(2,)]

    await eventually(forgotten)
    forgetting.cancel()
    await asyncio.wait([forgetting])
