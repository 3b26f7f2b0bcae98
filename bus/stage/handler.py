"""What a stage is made of: a topic, and handlers that each keep their own offsets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bus.postgres.pool import Connection
from bus.wire.record import Record
from schemas.topics import physical


class Handler(Protocol):
    """Turns records into effects; the runner sees to it that each record takes effect once, in order per partition."""

    @property
    def name(self) -> str:
        """Name its offsets; unique among all handlers, and never changed."""
        ...

    async def handle(self, connection: Connection, records: Sequence[Record]) -> None:
        """Bring about the effects of records, in the transaction given, which also moves their offsets.

        They may be of several partitions, each in its order.
        Effects outside that transaction must be idempotent. Raises Transient to be called again later; anything else
        (MalformedInput, InvariantBroken, a bug) stops this handler on this partition, loudly.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One consumer group: `topic` is the broker's name, `group` the consumer group's."""

    name: str
    topic: str
    group: str
    handlers: tuple[Handler, ...]


def stage_of(name: str, topic: str, *handlers: Handler, namespace: str) -> Stage:
    """Make the stage of that name on a topic of the contract, both named on the broker within the namespace."""
    group = physical(namespace, f"ticketbus.{name}")
    return Stage(name=name, topic=physical(namespace, topic), group=group, handlers=handlers)
