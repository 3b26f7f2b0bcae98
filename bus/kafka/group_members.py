"""The members of consumer groups, with the topics that each subscribes to, whether these exist or not."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocol, ConsumerProtocolMemberMetadata
from aiokafka.protocol.admin import DescribeGroupsRequest_v0, DescribeGroupsRequest_v1, DescribeGroupsRequest_v2
from aiokafka.protocol.api import Request

BATCH: Final = 200  # groups in one request


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMember:
    """A member of a consumer group, and the topics that it subscribes to, as the broker knows them."""

    group: str
    client_id: str
    host: str
    member_id: str
    topics: tuple[str, ...]


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


async def group_members(client: AIOKafkaAdminClient) -> list[GroupMember]:
    """Read the members of every classic group whose members the broker tells of; while a group rebalances, none.

    Members of the newer protocol (KIP-848) are not told of either. Raises KafkaError.
    """
    found = list[GroupMember]()
    for broker in (await client.describe_cluster())["brokers"]:
        node = broker["node_id"]
        listed = await client.list_consumer_groups([node])
        names = sorted(name for name, protocol, *_ in listed if protocol == ConsumerProtocol.PROTOCOL_TYPE)
        for begin in range(0, len(names), BATCH):
            answer = await client._send_request(_DescribeGroups(names[begin : begin + BATCH]), node)
            for group in answer.to_object()["groups"]:
                found += _members(group)
    return found


def _members(group: dict[str, Any]) -> Iterator[GroupMember]:
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
