"""Watches the host it runs on: a sign of life and the disk's reading, every few seconds, to `bus.hosts`."""

import asyncio
import shutil
import socket
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import psutil
import structlog

from bus.domain.errors import KafkaUnavailable
from bus.kafka.clients import HeldProducer
from bus.settings import Settings
from bus.wire.codec import Codec
from schemas.messages import HostRead
from schemas.topics import HOSTS, physical

PERIOD_S = 10.0
log = structlog.get_logger()


def read_host(path: Path, role: str, at: datetime) -> HostRead:
    """Read the disk that holds `path` and the memory; blocks for a moment."""
    disk = shutil.disk_usage(path)
    return HostRead(
        host=socket.gethostname(),
        read_at=at,
        path=str(path),
        disk_total_bytes=float(disk.total),
        disk_free_bytes=float(disk.free),
        memory_free_bytes=float(psutil.virtual_memory().available),
        role=role,
    )


def record_key(reading: HostRead) -> bytes:
    """Give the key under which compaction keeps the last reading: two disks of a host have one each."""
    return f"{reading.host}|{reading.path}".encode()


async def remove(settings: Settings, hosts: Iterable[HostRead]) -> None:
    """Tell the topic that hosts and paths are no more: a record without a value. Raises KafkaUnavailable."""
    topic, held = physical(settings.namespace, HOSTS), HeldProducer(settings)
    try:
        async with held.sending(PERIOD_S) as producer:
            for one in hosts:
                await producer.send_and_wait(topic, None, key=record_key(one))
    finally:
        await held.close()


async def watch(settings: Settings, codec: Codec, path: Path, now: Callable[[], datetime]) -> None:
    """Send a reading every 10 s until cancelled; while Kafka is away the readings of that time are given up."""
    topic, held = physical(settings.namespace, HOSTS), HeldProducer(settings)
    try:
        while True:
            reading = read_host(path, settings.host_role, now())
            try:
                async with held.sending(PERIOD_S) as producer:
                    await producer.send_and_wait(topic, codec.encode_record(reading), key=record_key(reading))
            except KafkaUnavailable as error:
                log.warning("reading_not_sent", cause=str(error))
            await asyncio.sleep(PERIOD_S)
    finally:
        await held.close()
