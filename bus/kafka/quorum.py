"""The clock of Kafka's active controller, by KIP-836: the one question to a broker whose answer has its time."""

import asyncio
from dataclasses import dataclass
from time import time

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from bus.domain.errors import KafkaUnavailable
from bus.kafka.clients import REQUEST_TIMEOUT_MS, kafka_options
from bus.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerClock:
    """By how many seconds the controller's clock is ahead of this host's, ± half of `took_s`; None: it does not say."""

    node: int
    ahead_s: float | None
    took_s: float


async def controller_clock(settings: Settings) -> ControllerClock:
    """Ask the active controller, which says of itself that it was seen last, and caught up last, now.

    Before Kafka 3.3 it says nothing. Raises KafkaUnavailable, also where this user may not describe the cluster.
    """
    return await asyncio.to_thread(_controller_clock, settings)


def _controller_clock(settings: Settings) -> ControllerClock:
    client = None
    try:
        client = KafkaAdminClient(**kafka_options(settings), request_timeout_ms=REQUEST_TIMEOUT_MS)
        client.describe_metadata_quorum()  # the connection stands after it
        began = time()
        answer = client.describe_metadata_quorum()
        took_s = time() - began
    except (KafkaError, OSError) as error:
        raise KafkaUnavailable(f"Kafka does not say: {type(error).__name__}: {error}") from error
    finally:
        if client is not None:
            client.close()
    partition = answer["topics"][0]["partitions"][0]
    leader = partition["leader_id"]
    voters = {one["replica_id"]: one.get("last_caught_up_timestamp", -1) for one in partition["current_voters"]}
    at_ms = voters.get(leader, -1)
    ahead_s = at_ms / 1000 - began - took_s / 2 if at_ms > 0 else None
    return ControllerClock(node=leader, ahead_s=ahead_s, took_s=took_s)
