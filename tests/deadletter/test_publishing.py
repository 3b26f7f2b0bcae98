"""What the room tells Kafka: each letter timed by its death, each decision after its letter; a crash only repeats."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bus.domain.errors import KafkaUnavailable
from bus.kafka.range_reader import record_of
from bus.outbox import relay as relay_module
from bus.outbox.record import shard_of
from bus.postgres.pool import connected, in_transaction
from bus.settings import Settings
from bus.wire.headers import header
from bus.wire.partitioner import partition_of
from bus.wire.record import Record
from bus.wire.undecodable import place_of
from deadletter import store as letters
from deadletter.records import VALUE_BYTES_MAX
from deadletter.redrive_policy import RedriveLimits
from deadletter.redrive_store import DeadLetterQuery, freeze
from schemas.messages import LetterDecided, LetterPosted
from schemas.topics import COMMANDS, DEADLETTER, load_contract
from tests.bus_under_test import eventually
from tests.databases import KEYS
from tests.deadletter.letters import BEGAN, DECIDED, DECISION, DIED, LetterStore, dead, relaying, told
from tests.proxy import unreachable
from tests.schemas.codecs import CODEC
from tests.store.kafka_log import records

TICKET = "T20261122-000001"
TERMS = RedriveLimits(canary=1, watch=timedelta(0), rate_per_s=100)
CONTRACT = load_contract()


_HEAD = """
INSERT INTO delivery_heads (target, ticket_id, version, next_at, parked) VALUES ('erp', %s, 1, now(), true)"""


async def about(settings: Settings, *numbers: int) -> list[tuple[Record, LetterPosted | LetterDecided]]:
    """Read what was told of letters, in order."""
    found = [record_of(one) for one in await records(settings, DEADLETTER)]
    read = [(one, CODEC.decode_record(one.value or b"")) for one in found]
    return [(record, one) for record, one in read if one.letter in numbers]


async def test_publishing_a_letter_is_told_at_the_time_of_its_death_under_its_ticket(
    letter_store: LetterStore, settings: Settings
) -> None:
    failure = {"at": DIED.isoformat(), "kind": "rejected", "detail": "HTTP 400", "message": "客户 张伟丽 不存在"}
    one = dead(ticket_id=TICKET, headers={"x": "冰箱"}, value=b"\0\xff", failures=[failure])
    (number,) = await letter_store.put(one)
    assert await told(letter_store, settings) == 1
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
    assert "张伟丽" not in posted.failures[0], "a target's own words stay where they can be erased"
    assert (posted.began_at, posted.died_at, posted.edited_from) == (BEGAN, DIED, None)
    assert await told(letter_store, settings) == 0, "once is enough"


async def test_publishing_without_a_ticket_the_key_is_the_origin(letter_store: LetterStore, settings: Settings) -> None:
    (number,) = await letter_store.put(dead(origin="webhook:crm", origin_ref="d1"))
    await told(letter_store, settings)
    assert [record.key for record, _ in await about(settings, number)] == [b"webhook:crm"]


async def test_publishing_each_decision_is_told_after_its_letter_with_who_and_why(
    letter_store: LetterStore, settings: Settings
) -> None:
    parked = dead(origin="delivery:erp", origin_ref=f"{TICKET}/1", target="erp", ticket_id=TICKET, version=1)
    encode = CODEC.encode_record
    (first,) = await letter_store.put(parked)
    frozen = await in_transaction(
        letter_store.pool, freeze, DeadLetterQuery(target="erp"), TERMS, replace(DECISION, why="物料已建档"), encode
    )
    async with connected(letter_store.pool) as connection:
        await connection.execute(_HEAD, (TICKET,))
    copy = await in_transaction(
        letter_store.pool, letters.replace, first, b"mended", replace(DECISION, why="料号录错"), encode
    )
    await in_transaction(
        letter_store.pool, letters.retry, [copy], replace(DECISION, by="李工", why="再试"), encode, KEYS
    )
    (again,) = await letter_store.put(parked)
    await in_transaction(letter_store.pool, letters.discard, [again], replace(DECISION, why="线下处理"), encode)
    await told(letter_store, settings)
    said = [
        ("posted", one.letter, one.edited_from)
        if isinstance(one, LetterPosted)
        else (one.decision, one.letter, one.decided_by, one.decided_why, one.redrive)
        for _, one in await about(settings, first, copy, again)
    ]
    assert said == [
        ("posted", first, None),
        ("frozen", first, "张工", "物料已建档", frozen.id),
        ("edited", first, "张工", "料号录错", None),
        ("posted", copy, first),
        ("retried", copy, "李工", "再试", None),
        ("posted", again, None),
        ("discarded", again, "张工", "线下处理", None),
    ]
    decided = [one for one in await about(settings, first, copy, again) if isinstance(one[1], LetterDecided)]
    assert {record.timestamp_ms for record, _ in decided} == {int(DECIDED.timestamp() * 1000)}
    assert {(record.key, one.ticket_id) for record, one in decided} == {(TICKET.encode(), TICKET)}


async def test_publishing_more_than_a_pass_is_told_in_order(
    letter_store: LetterStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "SHARD_ROWS_MAX", 100)
    numbers = await letter_store.put(*(dead(origin_ref=str(n), ticket_id=TICKET) for n in range(120)))
    await in_transaction(letter_store.pool, letters.discard, numbers, DECISION, CODEC.encode_record)
    async with relaying(letter_store, settings) as relay:
        assert [await relay.publish_once() for _ in range(4)] == [100, 100, 40, 0]
    read = [one for _, one in await about(settings, *numbers)]
    assert [one.letter for one in read if isinstance(one, LetterPosted)] == numbers
    assert [one.letter for one in read if isinstance(one, LetterDecided)] == numbers
    for number in numbers:
        assert [type(one) for one in read if one.letter == number] == [LetterPosted, LetterDecided]


@pytest.mark.parametrize("marked", [False, True], ids=["sent", "marked"])
async def test_publishing_a_crash_between_send_and_commit_repeats_the_same_and_loses_nothing(
    letter_store: LetterStore, settings: Settings, monkeypatch: pytest.MonkeyPatch, marked: bool
) -> None:
    seen = {place_of(record_of(one)) for one in await records(settings, COMMANDS)}
    numbers = await letter_store.put(*(dead(origin_ref=str(n)) for n in range(3)))
    await in_transaction(letter_store.pool, letters.retry, numbers, DECISION, CODEC.encode_record, KEYS)
    mark: Callable[..., Any] = relay_module._mark

    async def crash(*given: Any) -> None:
        if marked:
            await mark(*given)
        raise ZeroDivisionError

    with monkeypatch.context() as planted:
        planted.setattr(relay_module, "_mark", crash)
        with pytest.raises(ZeroDivisionError):
            await told(letter_store, settings)
    assert await told(letter_store, settings) == 9
    found = await about(settings, *numbers)
    read = [(one.key, one.value, one.headers, one.timestamp_ms, one.partition) for one, _ in found]
    assert [type(one) for _, one in found] == [*[LetterPosted] * 3, *[LetterDecided] * 3] * 2
    assert read[:6] == read[6:]
    back = [record_of(one) for one in await records(settings, COMMANDS)]
    again = [(one.key, one.value, one.headers, one.partition) for one in back if place_of(one) not in seen]
    assert (len(again), again[:3]) == (6, again[3:])


async def test_publishing_while_kafka_is_away_everything_waits_and_then_is_told(
    letter_store: LetterStore, settings: Settings
) -> None:
    (number,) = await letter_store.put(dead())
    await in_transaction(letter_store.pool, letters.discard, [number], DECISION, CODEC.encode_record)
    host, _, port = (settings.kafka_bootstrap or "").rpartition(":")
    async with unreachable(host, int(port)) as proxy:
        address = f"127.0.0.1:{proxy.port}"
        away = settings.model_copy(update={"kafka_bootstrap": address})
        async with relaying(letter_store, away) as relay:
            with pytest.raises(KafkaUnavailable):
                await relay.publish_once()
            running = asyncio.create_task(relay.run())
            assert await waiting(letter_store) == {shard_of(DEADLETTER): 2}
            await proxy.mend()
            await until_waiting(letter_store, {})
            running.cancel()
            await asyncio.wait([running])
    assert [type(one) for _, one in await about(settings, number)] == [LetterPosted, LetterDecided]


async def test_publishing_two_relays_at_once_tell_each_letter_once(
    letter_store: LetterStore, settings: Settings
) -> None:
    numbers = await letter_store.put(*(dead(origin_ref=str(n), ticket_id=TICKET) for n in range(250)))

    async def drain() -> None:
        async with relaying(letter_store, settings) as relay:
            while await waiting(letter_store):
                await relay.publish_once()

    await asyncio.wait_for(asyncio.gather(drain(), drain()), 120)
    assert [one.letter for _, one in await about(settings, *numbers)] == numbers


@pytest.mark.parametrize("own", [
    {"value": b"x" * (3 * 1024 * 1024)},
    {"headers": {f"h{n}": "值" * 1000 for n in range(700)}},
    {"value": b"x" * VALUE_BYTES_MAX, "headers": {"long": "x" * 800_000}},
    {"value": b"x" * VALUE_BYTES_MAX, "headers": {"h": "值" * 60_000}, "detail": "值" * 400_000},
    {"failures": [{"detail": "值" * 30_000} for _ in range(20)]},
], ids="+".join)  # fmt: skip
async def test_publishing_no_letter_is_too_large_to_be_told_and_the_next_is_told_too(
    letter_store: LetterStore, settings: Settings, own: dict[str, Any]
) -> None:
    large, small = await letter_store.put(dead(origin_ref="large", **own), dead())
    await told(letter_store, settings)
    posted = {one.letter: one for _, one in await about(settings, large, small) if isinstance(one, LetterPosted)}
    assert set(posted) == {large, small}
    whole = await in_transaction(letter_store.pool, letters.read, large)
    assert posted[large].value_bytes == len(whole.value)
    assert posted[large].value == whole.value[: len(posted[large].value)]
    assert len(posted[large].value) == min(len(whole.value), VALUE_BYTES_MAX)
    assert not posted[large].headers or posted[large].headers == whole.headers
    assert whole.detail.startswith(posted[large].detail)


async def test_publishing_what_is_not_committed_is_not_told(letter_store: LetterStore) -> None:
    async def crash() -> None:
        async with connected(letter_store.pool) as connection:
            await letters.post(connection, [dead()], CODEC.encode_record)
            assert (await (await connection.execute("SELECT count(*) FROM outbox")).fetchall()) == [(1,)]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await crash()
    assert (await letter_store.letters(), await waiting(letter_store)) == ([], {})


async def waiting(letter_store: LetterStore) -> dict[int, int]:
    """Count what is not published, by shard."""
    async with connected(letter_store.pool) as connection:
        query = "SELECT shard, count(*) FROM outbox WHERE published_at IS NULL GROUP BY shard"
        return dict(await (await connection.execute(query)).fetchall())


async def until_waiting(letter_store: LetterStore, wanted: dict[int, int]) -> None:
    """KeepWatching until just so many rows wait in each shard."""

    async def so_many() -> bool:
        return await waiting(letter_store) == wanted

    await eventually(so_many, within_s=60, what=f"{wanted} waiting")
