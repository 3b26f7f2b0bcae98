"""Consumer groups: their members, the topics that each subscribes to, and the offsets that they have committed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocol, ConsumerProtocolMemberMetadata
from aiokafka.protocol.admin import DescribeGroupsRequest_v0, DescribeGroupsRequest_v1, DescribeGroupsRequest_v2
from aiokafka.protocol.api import Request

BATCH: Final = 200  # groups in one request
_DEAD: Final = "Dead"  # also of a group of KIP-848, asked in the classic way


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMember:
    """A member of a consumer group, and the topics that it subscribes to, as the broker knows them."""

    group: str
    client_id: str
    host: str
    member_id: str
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerGroup:
    """A group, its coordinator, and those of its members whose subscription the broker gives.

    `size`: how many members it has, also while it rebalances, when no subscription is known; None where the broker does
    not say: of the newer protocol (KIP-848), and of readers that only commit.
    """

    name: str
    node: int
    members: tuple[GroupMember, ...] = ()
    size: int | None = None

    def members_on(self, topic: str) -> int | None:
        """Count the members that read a topic, or may; None where nobody knows."""
        if self.size is None:
            return None
        return self.size - sum(topic not in one.topics for one in self.members)

    def elsewhere(self, topic: str) -> bool | None:
        """Say whether it has members and none of them subscribes to a topic.

        None where nobody knows: without members, while it rebalances, and where a member names no topics.
        """
        if any(topic in one.topics for one in self.members):
            return False
        named = sum(bool(one.topics) for one in self.members)
        return True if named and named == self.size else None


class _DescribeGroups(
    Request[DescribeGroupsRequest_v0 | DescribeGroupsRequest_v1 | DescribeGroupsRequest_v2]  # type: ignore[misc]  # aiokafka tells no types
):
    """The request without version 3, whose answer aiokafka reads as version 2: wrong for more than one group."""

    API_KEY = DescribeGroupsRequest_v2.API_KEY

    def __init__(self, groups: Sequence[str]) -> None:
        """Ask about groups that one broker coordinates."""
        self._groups = [*groups]

    def build(self, request_struct_class: Callable[[list[str]], Any]) -> Any:
        """Make the request of the version that the broker takes."""
        return request_struct_class(self._groups)


async def consumer_groups(client: AIOKafkaAdminClient) -> list[ConsumerGroup]:
    """Read every consumer group, and of the classic ones the members. Raises KafkaError."""
    found = list[ConsumerGroup]()
    for broker in (await client.describe_cluster())["brokers"]:
        node = broker["node_id"]
        listed = await client.list_consumer_groups([node])
        names = sorted(name for name, protocol, *_ in listed if protocol == ConsumerProtocol.PROTOCOL_TYPE)
        found += [ConsumerGroup(name=name, node=node) for name, protocol, *_ in listed if not protocol]
        for begin in range(0, len(names), BATCH):
            answer = await client._send_request(_DescribeGroups(names[begin : begin + BATCH]), node)
            found += [_group(one, node) for one in answer.to_object()["groups"]]
    return found


async def committed_offsets(client: AIOKafkaAdminClient, group: ConsumerGroup) -> Mapping[TopicPartition, int]:
    """Read what a group has committed, of all topics. Raises KafkaError."""
    found = await client.list_consumer_group_offsets(group.name, group.node)
    return {where: one.offset for where, one in found.items() if one.offset >= 0}


def _group(described: Mapping[str, Any], node: int) -> ConsumerGroup:
    known = not described["error_code"] and described["state"] != _DEAD
    return ConsumerGroup(
        name=described["group"],
        node=node,
        members=tuple(_members(described)),
        size=len(described["members"]) if known else None,
    )


def _members(group: Mapping[str, Any]) -> Iterator[GroupMember]:
    for one in group["members"]:
        if metadata := one["member_metadata"]:
            yield GroupMember(
                group=group["group"],
                client_id=one["client_id"],
                host=one["client_host"].removeprefix("/"),
                member_id=one["member_id"],
                topics=_subscribed(metadata),
            )


def _subscribed(metadata: bytes) -> tuple[str, ...]:
    """Read what a member subscribes to; nothing where its metadata is no consumer's."""
    try:
        topics: Sequence[str] = ConsumerProtocolMemberMetadata.decode(metadata).subscription
    except (ValueError, UnicodeDecodeError):
        return ()
    return tuple(topics)
