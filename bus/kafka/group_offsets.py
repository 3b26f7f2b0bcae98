"""Reads and deletes what a consumer group has committed on a topic. By kafka-python: aiokafka has no such request."""

import asyncio
from collections.abc import Mapping

from kafka.admin import KafkaAdminClient
from kafka.errors import (
    GroupAuthorizationFailedError,
    GroupIdNotFoundError,
    GroupSubscribedToTopicError,
    KafkaError,
    NoError,
    NonEmptyGroupError,
    TopicAuthorizationFailedError,
)

from bus.domain.errors import Conflict, KafkaUnavailable
from bus.domain.text import Text
from bus.kafka.clients import REQUEST_TIMEOUT_MS, kafka_options
from bus.settings import Settings


async def committed_offsets(settings: Settings, group: str, topic: str) -> Mapping[int, int]:
    """Read what a group has committed on a topic, by partition. Raises Conflict, KafkaUnavailable."""
    return await asyncio.to_thread(_asked, settings, group, topic, delete=False)


async def delete_offsets(settings: Settings, group: str, topic: str) -> int:
    """Delete a group's committed offsets of one topic, and say of how many partitions; idempotent.

    Raises Conflict while a member subscribes to the topic, or where this program may not; KafkaUnavailable.
    """
    return len(await asyncio.to_thread(_asked, settings, group, topic, delete=True))


def _asked(settings: Settings, group: str, topic: str, *, delete: bool) -> Mapping[int, int]:
    client = None
    try:
        client = KafkaAdminClient(**kafka_options(settings), request_timeout_ms=REQUEST_TIMEOUT_MS)
        committed = client.list_group_offsets({group: None})[group]
        places = {where: one.offset for where, one in committed.items() if where.topic == topic and one.offset >= 0}
        for problem in client.delete_group_offsets(group, list(places)).values() if delete else ():
            if problem is not NoError:
                raise problem
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
    except (KafkaError, OSError) as error:
        raise KafkaUnavailable(f"Kafka is away: {type(error).__name__}: {error}") from error
    finally:
        if client is not None:
            client.close()
    return {where.partition: offset for where, offset in sorted(places.items())}
