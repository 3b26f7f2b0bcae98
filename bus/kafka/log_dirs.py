"""The disks of the brokers, as Kafka gives them since 3.3 (KIP-827). By kafka-python: aiokafka has no such request."""

import asyncio
from dataclasses import dataclass

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from bus.domain.errors import KafkaUnavailable
from bus.kafka.clients import REQUEST_TIMEOUT_MS, kafka_options
from bus.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDir:
    """A broker's directory: size of its disk and what is usable of it, in bytes."""

    broker: int
    path: str
    total_bytes: float
    usable_bytes: float


async def log_dirs(settings: Settings) -> list[LogDir]:
    """Ask all brokers. Raises KafkaUnavailable; a directory that this program may not see, or a broker older than 3.3
    does not measure, is left out.
    """
    return await asyncio.to_thread(_log_dirs, settings)


def _log_dirs(settings: Settings) -> list[LogDir]:
    client = None
    try:
        client = KafkaAdminClient(**kafka_options(settings), request_timeout_ms=REQUEST_TIMEOUT_MS)
        answers = client.describe_log_dirs({})
    except (KafkaError, OSError) as error:
        raise KafkaUnavailable(f"Kafka is away: {type(error).__name__}: {error}") from error
    finally:
        if client is not None:
            client.close()
    return [
        LogDir(
            broker=answer["broker"],
            path=one["log_dir"],
            total_bytes=float(one["total_bytes"]),
            usable_bytes=float(one["usable_bytes"]),
        )
        for answer in answers
        for one in answer["log_dirs"]
        if not one["error_code"] and one.get("total_bytes", -1) > 0
    ]
