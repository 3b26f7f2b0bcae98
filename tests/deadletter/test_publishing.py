"""What the room tells Kafka: each letter timed by its death, each decision after its letter; a crash only repeats."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bus.alerts.alert import Alert, AlertRule
from bus.domain.errors import InvariantBroken, KafkaUnavailable
from bus.kafka.range_reader import record_of
from bus.postgres.pool import connected
from bus.settings import Settings
from bus.wire.headers import header
from bus.wire.partitioner import partition_of
from bus.wire.record import Record
from bus.wire.undecodable import place_of
from deadletter import publishing as publishing_module
from deadletter import store as letters
from deadletter.dead_letter import DeadLetter
from deadletter.publishing import PASS_ROWS, VALUE_BYTES_MAX, LetterPublisher
from deadletter.redrive_policy import RedriveLimits
from deadletter.redrive_store import DeadLetterQuery, freeze
from schemas.messages import LetterDecided, LetterPosted
from schemas.topics import COMMANDS, DEADLETTER
from tests.bus_under_test import eventually
from tests.deadletter.room import BEGAN, DECIDED, DECISION, DIED, Room, dead, publishing, told
from tests.schemas.codecs import CODEC
from tests.store.kafka_log import records
from tests.store.relay_door import door_to

TICKET = "T20261122-000001"
TERMS = RedriveLimits(canary=1, watch=timedelta(0), rate_per_s=100)


_HEAD = """
INSERT INTO delivery_heads (target, ticket_id, version, next_at, parked) VALUES ('erp', %s, 1, now(), true)"""


@pytest.fixture
async def publisher(room: Room, settings: Settings) -> AsyncIterator[LetterPublisher]:
    """Make a publisher of this test's own."""
    async with publishing(room, settings) as one:
        yield one


async def about(settings: Settings, *numbers: int) -> list[tuple[Record, LetterPosted | LetterDecided]]:
    """Read what was told of letters, in order."""
    found = [record_of(one) for one in await records(settings, DEADLETTER)]
    read = [(one, CODEC.decode_record(one.value or b"")) for one in found]
    return [(record, one) for record, one in read if one.letter in numbers]


async def test_a_letter_is_told_at_the_time_of_its_death_under_its_ticket(room: Room, settings: Settings) -> None:
    one = dead(ticket_id=TICKET, headers={"x": "冰箱"}, value=b"\0\xff")
    (number,) = await room.put(one)
    assert await told(room, settings) == 1
    ((record, posted),) = await about(settings, number)
    assert (record.key, record.partition) == (TICKET.encode(), partition_of(TICKET, 6))
    assert record.timestamp_ms == int(DIED.timestamp() * 1000)
    assert (header(record.headers, "original-time"), header(record.headers, "origin")) == (
        BEGAN.isoformat(),
        "commands",
    )
    assert isinstance(posted, LetterPosted)
    same = ("origin", "origin_ref", "ticket_id", "trace_id", "reason", "kind", "cause", "detail", "attempts", "value")
    assert [getattr(posted, name) for name in same] == [getattr(one, name) for name in same]
    assert (dict(posted.headers), posted.value_bytes, len(posted.failures)) == ({"x": "冰箱"}, 2, 1)
    assert (posted.began_at, posted.died_at, posted.edited_from) == (BEGAN, DIED, None)
    assert await told(room, settings) == 0, "once is enough"


async def test_without_a_ticket_the_key_is_the_origin(room: Room, settings: Settings) -> None:
    (number,) = await room.put(dead(origin="webhook:crm", origin_ref="d1"))
    await told(room, settings)
    assert [record.key for record, _ in await about(settings, number)] == [b"webhook:crm"]


async def test_each_decision_is_told_after_its_letter_with_who_and_why(room: Room, settings: Settings) -> None:
    parked = dead(origin="delivery:erp", origin_ref=f"{TICKET}/1", target="erp", ticket_id=TICKET, version=1)
    (first,) = await room.put(parked)
    frozen = await freeze(room.pool, DeadLetterQuery(target="erp"), TERMS, replace(DECISION, why="物料已建档"))
    async with connected(room.pool) as connection:
        await connection.execute(_HEAD, (TICKET,))
    copy = await letters.replace(room.pool, first, b"mended", replace(DECISION, why="料号录错"))
    await letters.retry(room.pool, [copy], replace(DECISION, by="李工", why="再试"))
    (again,) = await room.put(parked)
    await letters.discard(room.pool, [again], replace(DECISION, why="线下处理"))
    await told(room, settings)
    said = [
        ("posted", one.letter, one.edited_from)
        if isinstance(one, LetterPosted)
        else (one.decision, one.letter, one.decided_by, one.decided_why, one.redrive)
        for _, one in await about(settings, first, copy, again)
    ]
    assert said == [
        ("posted", first, None),
        ("posted", copy, first),
        ("posted", again, None),
        ("frozen", first, "张工", "物料已建档", frozen.id),
        ("edited", first, "张工", "料号录错", None),
        ("retried", copy, "李工", "再试", None),
        ("discarded", again, "张工", "线下处理", None),
    ]
    decided = [one for one in await about(settings, first, copy, again) if isinstance(one[1], LetterDecided)]
    assert {record.timestamp_ms for record, _ in decided} == {int(DECIDED.timestamp() * 1000)}
    assert {(record.key, one.ticket_id) for record, one in decided} == {(TICKET.encode(), TICKET)}


async def test_more_than_a_pass_is_told_in_order(room: Room, settings: Settings) -> None:
    numbers = await room.put(*(dead(origin_ref=str(n), ticket_id=TICKET) for n in range(PASS_ROWS + 20)))
    await letters.discard(room.pool, numbers, DECISION)
    assert await told(room, settings) == 2 * len(numbers)
    read = [one for _, one in await about(settings, *numbers)]
    assert [one.letter for one in read if isinstance(one, LetterPosted)] == numbers
    assert [one.letter for one in read if isinstance(one, LetterDecided)] == numbers
    for number in numbers:
        assert [type(one) for one in read if one.letter == number] == [LetterPosted, LetterDecided]


@pytest.mark.parametrize("mark", ["_MARK_RETURNS", "_MARK_LETTERS", "_MARK_DECISIONS"])
async def test_a_crash_between_send_and_mark_repeats_the_same_and_loses_nothing(
    room: Room, settings: Settings, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    seen = {place_of(record_of(one)) for one in await records(settings, COMMANDS)}
    numbers = await room.put(*(dead(origin_ref=str(n)) for n in range(3)))
    await letters.retry(room.pool, numbers, DECISION)
    with monkeypatch.context() as planted:
        planted.setattr(publishing_module, mark, "SELECT 1/0, %s")
        with pytest.raises(Exception, match="division by zero"):
            await told(room, settings)
    await told(room, settings)
    read = [(record.value, record.headers, record.timestamp_ms) for record, _ in await about(settings, *numbers)]
    kinds = [type(one) for _, one in await about(settings, *numbers)]
    back = [one for one in await records(settings, COMMANDS) if place_of(record_of(one)) not in seen]
    counts = (len(back), kinds.count(LetterPosted), kinds.count(LetterDecided))
    match mark:
        case "_MARK_RETURNS":
            assert [one.value for one in back[:3]] == [one.value for one in back[3:]]
            assert counts == (6, 3, 3)
        case "_MARK_LETTERS":
            assert read[:3] == read[3:6]
            assert counts == (3, 6, 3)
        case _:
            assert read[3:6] == read[6:9]
            assert counts == (3, 3, 6)


async def test_what_cannot_be_told_holds_up_nothing_that_goes_back(
    room: Room, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (number,) = await room.put(dead())
    await letters.retry(room.pool, [number], DECISION)
    found = list[Alert]()
    async with publishing(room, settings) as publisher:

        def refuse(_letter: DeadLetter) -> dict[str, Any]:
            raise InvariantBroken("no schema for it")

        monkeypatch.setattr(LetterPublisher, "_posted", lambda _self, letter: refuse(letter))
        publisher.report = found.append
        for _ in range(3):
            await publisher.publish_once()
    assert [one.rule for one in found] == [AlertRule.STAGE_STOPPED]
    async with connected(room.pool) as connection:
        rows = await (await connection.execute("SELECT returned_at IS NOT NULL FROM letter_decisions")).fetchall()
    assert rows == [(True,)]


async def test_while_kafka_is_away_everything_waits_and_then_is_told(room: Room, settings: Settings) -> None:
    (number,) = await room.put(dead())
    await letters.discard(room.pool, [number], DECISION)
    async with door_to(settings.kafka_bootstrap or "") as (address, open_door):
        away = settings.model_copy(update={"kafka_bootstrap": address})
        async with publishing(room, away) as publisher:
            with pytest.raises(KafkaUnavailable):
                await publisher.publish_once()
            running = asyncio.create_task(publisher.run())
            assert await unpublished(room) == (1, 1)
            await open_door()

            async def told() -> bool:
                return await unpublished(room) == (0, 0)

            await eventually(told)
            running.cancel()
            await asyncio.wait([running])
    assert [type(one) for _, one in await about(settings, number)] == [LetterPosted, LetterDecided]


async def test_two_publishers_at_once_tell_each_letter_once(room: Room, settings: Settings) -> None:
    numbers = await room.put(*(dead(origin_ref=str(n), ticket_id=TICKET) for n in range(250)))

    async def drain() -> None:
        async with publishing(room, settings) as publisher:
            while await unpublished(room) != (0, 0):
                await publisher.publish_once()

    await asyncio.wait_for(asyncio.gather(drain(), drain()), 120)
    assert [one.letter for _, one in await about(settings, *numbers)] == numbers


@pytest.mark.parametrize("own", [
    {"value": b"x" * (3 * 1024 * 1024)},
    {"headers": {f"h{n}": "值" * 1000 for n in range(700)}},
    {"value": b"x" * VALUE_BYTES_MAX, "headers": {"long": "x" * 800_000}},
], ids="+".join)  # fmt: skip
async def test_no_letter_is_too_large_to_be_told_and_the_next_is_told_too(
    room: Room, settings: Settings, own: dict[str, Any]
) -> None:
    large, small = await room.put(dead(origin_ref="large", **own), dead())
    await told(room, settings)
    posted = {one.letter: one for _, one in await about(settings, large, small) if isinstance(one, LetterPosted)}
    assert set(posted) == {large, small}
    whole = await letters.read(room.pool, large)
    assert posted[large].value_bytes == len(whole.value)
    assert posted[large].value == whole.value[: len(posted[large].value)]
    assert len(posted[large].value) == min(len(whole.value), VALUE_BYTES_MAX)
    assert not posted[large].headers or posted[large].headers == whole.headers


async def unpublished(room: Room) -> tuple[int, int]:
    """Count the letters and the decisions that nobody was told of."""
    async with connected(room.pool) as connection:
        query = "SELECT (SELECT count(*) FROM letters WHERE published_at IS NULL), \
(SELECT count(*) FROM letter_decisions WHERE published_at IS NULL)"
        ((untold, undecided),) = await (await connection.execute(query)).fetchall()
    return untold, undecided
