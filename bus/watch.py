"""Watches the host it runs on: a sign of life and the disk's reading, every few seconds, to `bus.hosts`."""

import asyncio
import contextlib
import shutil
import socket
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import psutil
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from tenacity import retry, retry_if_exception_type, wait_fixed

from bus.codec import Codec
from bus.errors import KafkaUnavailable
from bus.kafka import start_producer
from bus.records import HostRead
from bus.settings import Settings
from bus.topics import HOSTS, physical

PERIOD_S = 10.0
log = structlog.get_logger()


def read_host(path: Path, at: datetime) -> HostRead:
    """Read the disk that holds `path` and the memory; blocks for a moment."""
    disk = shutil.disk_usage(path)
    return HostRead(
        host=socket.gethostname(),
        read_at=at,
        path=str(path),
        disk_total_bytes=float(disk.total),
        disk_free_bytes=float(disk.free),
        memory_free_bytes=float(psutil.virtual_memory().available),
    )


async def watch(settings: Settings, codec: Codec, path: Path, now: Callable[[], datetime]) -> None:
    """Send a reading every 10 s until cancelled; while Kafka is away the readings of that time are given up."""
    topic = physical(settings.namespace, HOSTS)
    producer = await _connect(settings)
    try:
        while True:
            reading = read_host(path, now())
            try:
                async with asyncio.timeout(PERIOD_S):
                    await producer.send_and_wait(topic, codec.encode_record(reading), key=reading.host.encode())
            except (KafkaError, OSError) as error:
                log.warning("reading_not_sent", cause=type(error).__name__)
            await asyncio.sleep(PERIOD_S)
    finally:
        with contextlib.suppress(KafkaError, OSError):
            await producer.stop()


@retry(retry=retry_if_exception_type(KafkaUnavailable), wait=wait_fixed(1))
async def _connect(settings: Settings) -> AIOKafkaProducer:
    return await start_producer(settings)
