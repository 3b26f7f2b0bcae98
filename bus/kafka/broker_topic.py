"""A topic as the broker has it: describe, set configs, and the broker's error codes as errors."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from bus.domain.errors import BusError

SET_FOR_THE_TOPIC = 1  # the source of a config, as the protocol spells it; all others are defaults


class TopicRefused(BusError):
    """A topic cannot be made what the contract says, and waiting does not help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerTopic:
    """A topic on the broker: the configs in effect, and those set for this topic alone (`own`)."""

    partitions: int
    configs: Mapping[str, str]
    own: Mapping[str, str]


async def describe(client: AIOKafkaAdminClient, wanted: Iterable[str]) -> dict[str, BrokerTopic]:
    """Describe those of the topics that are there. Raises KafkaError, TopicRefused."""
    partitions = {one["topic"]: len(one["partitions"]) for one in await client.describe_topics()}
    names = sorted(partitions.keys() & set(wanted))
    topics = {}
    for answer in await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names]):
        for code, message, _, name, entries in answer.resources:
            check(name, code, message)
            topics[name] = BrokerTopic(
                partitions=partitions[name],
                configs={entry[0]: entry[1] for entry in entries},
                own={entry[0]: entry[1] for entry in entries if entry[3] == SET_FOR_THE_TOPIC},
            )
    return topics


async def set_configs(client: AIOKafkaAdminClient, configs: Mapping[str, Mapping[str, str]]) -> None:
    """Set all that is set for each topic: what is not named falls back to its default. Raises KafkaError, TopicRefused.

    The client speaks no request that changes one config alone.
    """
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, each) for name, each in configs.items()]
    for answer in await client.alter_configs(resources):
        for code, message, _, name in answer.resources:
            check(name, code, message)


def check(topic: str, code: int, message: str | None = None) -> None:
    """Raise what a broker answered of a topic, if it is an error: KafkaError when it may pass, else TopicRefused."""
    error = for_code(code)
    if code and error.retriable:
        raise error(message)
    if code:
        raise TopicRefused(f"{topic}: {error.__name__}: {message}")
