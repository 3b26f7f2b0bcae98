"""Reads, sets and deletes what a consumer group has committed. By kafka-python: aiokafka has no such requests."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TypeAlias, TypeVar

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import (
    GroupAuthorizationFailedError,
    GroupIdNotFoundError,
    GroupSubscribedToTopicError,
    IllegalGenerationError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NoError,
    NonEmptyGroupError,
    RebalanceInProgressError,
    TopicAuthorizationFailedError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata

from bus.domain.errors import Conflict, KafkaUnavailable
from bus.domain.text import Text
from bus.kafka.clients import REQUEST_TIMEOUT_MS, kafka_options
from bus.settings import Settings

Result = TypeVar("Result")
Offsets: TypeAlias = Mapping[tuple[str, int], int]
"""Offsets by topic, as Kafka names it, and partition."""


async def committed_offsets(settings: Settings, group: str, topic: str) -> Mapping[int, int]:
    """Read what a group has committed on a topic, by partition. Raises Conflict, KafkaUnavailable."""
    return await asyncio.to_thread(_asked, settings, group, topic, delete=False)


async def delete_offsets(settings: Settings, group: str, topic: str) -> int:
    """Delete a group's committed offsets of one topic, and say of how many partitions; idempotent.

    Raises Conflict while a member subscribes to the topic, or where this program may not; KafkaUnavailable.
    """
    return len(await asyncio.to_thread(_asked, settings, group, topic, delete=True))


async def offsets_at(settings: Settings, places: Iterable[tuple[str, int]], at: datetime) -> Offsets:
    """Give the offset of the first record at or after a time of each (topic, partition); none where there is none.

    Raises KafkaUnavailable.
    """
    asked = {TopicPartition(*place): int(at.timestamp() * 1000) for place in places}

    def ask(client: KafkaAdminClient) -> Offsets:
        found = client.list_partition_offsets(asked)
        return {(where.topic, where.partition): one.offset for where, one in found.items() if one.offset >= 0}

    try:
        return await asyncio.to_thread(_with_client, settings, ask)
    except KafkaError as error:
        raise KafkaUnavailable(f"Kafka tells no offsets by time: {type(error).__name__}: {error}") from error


async def set_offsets(settings: Settings, group: str, offsets: Offsets) -> None:
    """Set what a group has committed; Kafka takes it of a group without members alone.

    Raises Conflict where it has members, or this program may not; then some may be set. KafkaUnavailable.
    """
    wanted = {TopicPartition(*place): OffsetAndMetadata(offset, "", -1) for place, offset in offsets.items()}

    def ask(client: KafkaAdminClient) -> None:
        for problem in client.alter_group_offsets(group, wanted).values():
            if problem is not NoError:
                raise problem

    try:
        await asyncio.to_thread(_with_client, settings, ask)
    except (UnknownMemberIdError, IllegalGenerationError, RebalanceInProgressError, NonEmptyGroupError):
        zh, en = f"消费组 {group} 又有了成员:先让它们停止", f"the group {group} has members again: stop them first"
        raise Conflict(Text(zh, en)) from None
    except (GroupAuthorizationFailedError, TopicAuthorizationFailedError):
        zh = f"此用户无权设置位移:需要对消费组 {group} 和其主题的 Read"
        en = f"this user may not set them: it needs Read on the group {group} and on its topics"
        raise Conflict(Text(zh, en)) from None
    except KafkaError as error:
        raise KafkaUnavailable(f"Kafka refused to set offsets: {type(error).__name__}: {error}") from error


def _with_client(settings: Settings, ask: Callable[[KafkaAdminClient], Result]) -> Result:
    """Ask by a client of its own. Raises KafkaUnavailable, and KafkaError for what Kafka refuses."""
    client = None
    try:
        client = KafkaAdminClient(**kafka_options(settings), request_timeout_ms=REQUEST_TIMEOUT_MS)
        return ask(client)
    except (KafkaConnectionError, KafkaTimeoutError, OSError) as error:
        raise KafkaUnavailable(f"Kafka is away: {type(error).__name__}: {error}") from error
    finally:
        if client is not None:
            client.close()


def _asked(settings: Settings, group: str, topic: str, *, delete: bool) -> Mapping[int, int]:
    def ask(client: KafkaAdminClient) -> Mapping[int, int]:
        committed = client.list_group_offsets({group: None})[group]
        places = {where: one.offset for where, one in committed.items() if where.topic == topic and one.offset >= 0}
        for problem in client.delete_group_offsets(group, list(places)).values() if delete else ():
            if problem is not NoError:
                raise problem
        return {where.partition: offset for where, offset in sorted(places.items())}

    try:
        return _with_client(settings, ask)
    except GroupIdNotFoundError:
        return {}
    except (GroupSubscribedToTopicError, NonEmptyGroupError):
        raise Conflict(
            Text(
                f"消费组 {group} 仍有成员订阅 {topic}:先让它们停止或不再订阅,位移未删除",
                f"members of the group {group} subscribe to {topic}: stop them or let them leave it first; "
                "nothing was deleted",
            )
        ) from None
    except (GroupAuthorizationFailedError, TopicAuthorizationFailedError):
        raise Conflict(
            Text(
                f"此用户无权删除位移:需要对消费组 {group} 的 Delete 和对主题 {topic} 的 Read",
                f"this user may not delete them: it needs Delete on the group {group} and Read on the topic {topic}",
            )
        ) from None
    except KafkaError as error:
        raise KafkaUnavailable(f"Kafka is away: {type(error).__name__}: {error}") from error
