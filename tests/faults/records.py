"""What is put straight onto the log, or moved there, past the bus: repeats, disorder, poison, offsets by force."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Final

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from bus.domain.events import Recorded, TicketOpened
from bus.domain.terms import TicketId
from bus.kafka.clients import make_consumer, start_producer
from bus.kafka.range_reader import open_reader
from bus.wire.codec import Codec
from bus.wire.record import Record
from schemas.topics import LOG, load_contract, physical
from tests.bus_under_test import Bus, eventually

UNKNOWN_SCHEMA: Final = struct.pack(">bI", 0, 0x7FFF_FFFF) + b"\x02"
GROUP_EMPTY_S_MAX = 120.0  # a killed member is missed after the session's time-out


async def records_of(bus: Bus, topic: str = LOG) -> list[Record]:
    """Read all that a topic of the bus holds, partition by partition."""
    name, found = physical(bus.settings.namespace, topic), list[Record]()
    async with open_reader(bus.settings) as reader:
        ends = await reader.ends(name, range(load_contract().topics[topic].partitions))
        for partition, end in ends.items():
            async for chunk in reader.read(name, partition, 0, end, most=10_000):
                found.extend(chunk.records)
    return found


async def append(bus: Bus, records: Sequence[Record]) -> None:
    """Append records to their own topics and partitions, in this order, past outbox and relay."""
    producer = await start_producer(bus.settings)
    try:
        for one in records:
            await producer.send_and_wait(
                one.topic, one.value, key=one.key, partition=one.partition, headers=list(one.headers)
            )
    finally:
        await producer.stop()


def repeats(records: Sequence[Record], rng: Random, *, most: int) -> list[Record]:
    """Choose records of a log to be appended once to five times more, in any order."""
    chosen = rng.sample(records, min(most, len(records)))
    again = [one for one in chosen for _ in range(rng.randint(1, 5))]
    rng.shuffle(again)
    return again


def foreign(topic: str, partition: int, value: bytes) -> Record:
    """Make a record of nobody's."""
    return Record(topic=topic, partition=partition, offset=-1, key=b"T", value=value, headers=(), timestamp_ms=0)


def garbage(rng: Random) -> bytes:
    """Make bytes that are no record; now and then they begin like one."""
    return rng.choice([b"", b"\x00", b"\x00\x00\x00\x00\x01"]) + rng.randbytes(rng.randint(1, 200))


def with_nul(codec: Codec, opened: Recorded) -> bytes:
    """Make the perfect poison of an opening: another's, so that it is no repeat; sound Avro that PostgreSQL refuses."""
    assert isinstance(opened.event, TicketOpened)
    return codec.encode(replace(opened, ticket_id=TicketId("T0"), event=replace(opened.event, title="\u0000")))


async def move_group(bus: Bus, stage: str, offsets: Mapping[int, int], topic: str = LOG) -> None:
    """Let a stage's consumer group stand at these offsets. The stage must be stopped: Kafka refuses it until then."""
    namespace = bus.settings.namespace
    places = {TopicPartition(physical(namespace, topic), one): offset for one, offset in offsets.items()}

    async def moved() -> bool:
        consumer = make_consumer(bus.settings, group_id=physical(namespace, f"ticketbus.{stage}"))
        await consumer.start()
        try:
            consumer.assign(list(places))
            await consumer.commit(places)
        except KafkaError:  # a member that was killed still counts
            return False
        finally:
            await consumer.stop()
        return True

    await eventually(moved, within_s=GROUP_EMPTY_S_MAX, what=f"the group of {stage} without members")
