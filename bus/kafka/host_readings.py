"""Readings of hosts on `bus.hosts`: sent by a watch itself, or by the gateway for one without a way to Kafka."""

from collections.abc import Iterable

from bus.kafka.clients import HeldProducer
from bus.settings import Settings
from bus.wire.codec import Codec
from schemas.messages import HostRead
from schemas.topics import HOSTS, physical

SEND_S_MAX = 10.0


class HostReadings:
    """Puts readings on the topic; close it."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        """Connect to nothing yet."""
        self._topic, self._held, self._codec = physical(settings.namespace, HOSTS), HeldProducer(settings), codec

    async def send(self, readings: Iterable[HostRead]) -> None:
        """Have readings acknowledged by all replicas. Raises KafkaUnavailable: they may or may not be there."""
        async with self._held.sending(SEND_S_MAX) as producer:
            for one in readings:
                await producer.send_and_wait(self._topic, self._codec.encode_record(one), key=record_key(one))

    async def remove(self, hosts: Iterable[HostRead]) -> None:
        """Say that hosts and paths are no more: a record without a value. Raises KafkaUnavailable."""
        async with self._held.sending(SEND_S_MAX) as producer:
            for one in hosts:
                await producer.send_and_wait(self._topic, None, key=record_key(one))

    async def close(self) -> None:
        """Close the producer; idempotent."""
        await self._held.close()


def record_key(reading: HostRead) -> bytes:
    """Give the key under which compaction keeps the last reading: two disks of a host have one each."""
    return f"{reading.host}|{reading.path}".encode()
