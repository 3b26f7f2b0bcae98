"""The disks of the brokers, as Kafka gives them since 3.3 (KIP-827). By kafka-python: aiokafka has no such request."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


async def topic_sizes(settings: Settings) -> tuple[dict[str, int], float | None]:
    """Give the bytes of each topic on all brokers, and those free: of the fullest broker, times the brokers.

    Free is None where no broker says how large its disk is. Raises KafkaUnavailable.
    """
    answers = await asyncio.to_thread(_asked, settings, None)
    sizes = dict[str, int]()
    for one in (each for answer in answers for each in answer["log_dirs"]):
        for topic in one["topics"]:
            size = sum(partition["partition_size"] for partition in topic["partitions"])
            sizes[topic["name"]] = sizes.get(topic["name"], 0) + size
    dirs = _measured(answers)
    brokers = len({one.broker for one in dirs})
    return sizes, min((one.usable_bytes for one in dirs), default=0.0) * brokers if dirs else None


def _log_dirs(settings: Settings) -> list[LogDir]:
    return _measured(_asked(settings, {}))


def _asked(settings: Settings, topics: dict[str, list[int]] | None) -> Sequence[Mapping[str, Any]]:
    """Ask for all topics (None) or some; without any, the disks alone."""
    client = None
    try:
        client = KafkaAdminClient(**kafka_options(settings), request_timeout_ms=REQUEST_TIMEOUT_MS)
        answers: Sequence[Mapping[str, Any]] = client.describe_log_dirs(topics)
    except (KafkaError, OSError) as error:
        raise KafkaUnavailable(f"Kafka is away: {type(error).__name__}: {error}") from error
    finally:
        if client is not None:
            client.close()
    return answers


def _measured(answers: Sequence[Mapping[str, Any]]) -> list[LogDir]:
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
