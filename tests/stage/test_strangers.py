"""Producers of other people, by the C client: every codec, transactions that end or do not, headers without a value."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from confluent_kafka import Producer

from bus.kafka.clients import kafka_options
from tests.bus_under_test import eventually
from tests.stage.rig import PARTITIONS, Counting, Rig
from tests.stage.test_worker import has

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
LIMIT_S = 20.0


def stranger(rig: Rig, **options: Any) -> Producer:
    """Make a producer as librdkafka makes it."""
    return Producer({"bootstrap.servers": rig.settings.kafka_bootstrap, "linger.ms": 50, **options})


async def flushed(producer: Producer) -> None:
    assert await asyncio.to_thread(producer.flush, LIMIT_S) == 0


async def sent(rig: Rig, producer: Producer, text: str, count: int = 5, partition: int = 0) -> None:
    for number in range(count):
        producer.produce(rig.topic, f"{text}{number}".encode(), partition=partition)
    await flushed(producer)


@pytest.mark.parametrize("codec", CODECS)
async def test_strangers_every_codec_is_read_live_and_read_again(rig: Rig, codec: str) -> None:
    rig.work(Counting())
    await sent(rig, stranger(rig, **{"compression.type": codec}), codec, count=50)
    await eventually(has(rig, 50))
    assert len(await rig.records(0)) == 50


async def transactional(rig: Rig) -> Producer:
    producer = stranger(rig, **{"transactional.id": uuid4().hex})
    await asyncio.to_thread(producer.init_transactions, LIMIT_S)
    return producer


async def test_strangers_an_aborted_transaction_takes_no_effect_and_a_committed_one_does(rig: Rig) -> None:
    rig.work(Counting())
    producer = await transactional(rig)
    for number, end in enumerate((producer.abort_transaction, producer.commit_transaction) * 3):
        producer.begin_transaction()
        await sent(rig, producer, f"{end.__name__}{number}-")
        await asyncio.to_thread(end, LIMIT_S)
    await eventually(has(rig, 15))
    await rig.produce(0, b"after")
    await eventually(has(rig, 16))
    assert await rig.ask("SELECT count(*) FROM effects WHERE value LIKE 'abort%%'") == [(0,)]
    assert {one.failure for one in (await rig.standing()).values()} == {None}


async def test_strangers_an_open_transaction_waits_with_what_follows_it_and_stops_nothing(rig: Rig) -> None:
    rig.work(Counting())
    await rig.produce_many(2)
    await eventually(has(rig, 2 * PARTITIONS))
    producer = await transactional(rig)
    producer.begin_transaction()
    await sent(rig, producer, "open")
    await rig.produce_many(3, "later")
    await eventually(has(rig, 2 * PARTITIONS + 3 * (PARTITIONS - 1)))
    looks = await looked_at(rig)
    await eventually(lambda: looks(3), what="three looks at the log while the transaction is open")
    standing = await rig.standing()
    assert {one.failure for one in standing.values()} == {None}
    assert standing[0].next_offset == 2
    await asyncio.to_thread(producer.commit_transaction, LIMIT_S)
    await eventually(has(rig, 5 * PARTITIONS + 5))


async def looked_at(rig: Rig) -> Callable[..., Any]:
    """Count the stage's looks by its reads of the positions, as PostgreSQL does."""
    query = (
        "SELECT coalesce(seq_scan, 0) + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'stage_offsets'"
    )
    ((before,),) = await rig.ask(query)

    async def so_many(count: int) -> bool:
        ((now,),) = await rig.ask(query)
        return bool(now >= before + count)

    return so_many


async def test_strangers_a_header_without_a_value_is_absent(rig: Rig) -> None:
    seen = list[Any]()

    class Looking(Counting):
        async def handle(self, connection: Any, records: Any) -> None:
            seen.extend(record.headers for record in records)
            await super().handle(connection, records)

    rig.work(Looking())
    producer = stranger(rig)
    producer.produce(rig.topic, b"v", partition=1, headers=[("traceparent", None), ("kept", b""), ("ce_id", None)])
    await flushed(producer)
    await eventually(has(rig, 1))
    assert seen == [(("kept", b""),)]
    assert [one.headers for one in await rig.records(1)] == seen


class NotUtf8(str):
    """A header's name as C and Go send it: bytes, whatever they are."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        return b"\xff\xfename"


@pytest.mark.parametrize("codec", [0, 1], ids=["none", "gzip"])
async def test_strangers_a_header_name_that_is_not_utf_8_holds_nothing_up(rig: Rig, codec: int) -> None:
    seen = list[Any]()

    class Looking(Counting):
        async def handle(self, connection: Any, records: Any) -> None:
            seen.extend(records)
            await super().handle(connection, records)

    rig.work(Looking())
    async with AIOKafkaProducer(**kafka_options(rig.settings)) as producer:
        batch = producer.create_batch()
        batch._builder = _DefaultRecordBatchBuilderPy(2, codec, False, -1, -1, -1, 16_384)
        for number, name in enumerate(("a", NotUtf8("b"), "c")):
            value, headers = f"v{number}".encode(), [(name, b"1"), ("ok", b"2")]
            batch.append(timestamp=None, key=b"k", value=value, headers=headers)
        batch.close()
        await producer.send_batch(batch, rig.topic, partition=0)
    await rig.produce(0, b"after")
    await eventually(has(rig, 4))
    assert [(one.value, one.headers) for one in seen] == [
        (b"v0", (("a", b"1"), ("ok", b"2"))),
        (b"v1", (("\udcff\udcfename", b"1"), ("ok", b"2"))),
        (b"v2", (("c", b"1"), ("ok", b"2"))),
        (b"after", ()),
    ]
    assert await rig.records(0) == seen
