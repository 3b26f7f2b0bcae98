"""Stories told to a read model: fold, codec and records without a registry or a broker."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from bus.domain.batch import Accepted
from bus.domain.commands import Command
from bus.domain.events import Recorded
from bus.domain.terms import KeyKind, State
from bus.domain.values import IncidentKey
from bus.wire.codec import Codec, RegisteredSchema
from bus.wire.headers import traceparent
from bus.wire.partitioner import partition_of
from bus.wire.record import Record
from schemas.catalogue import RECORD_TYPES
from tests.domain.given import At, Story
from tests.domain.people import OPEN, WAY_TO

Row = TypeVar("Row")
CODEC = Codec(
    {
        n: RegisteredSchema(schema_id=n, subject=one.subject, schema=one.schema)
        for n, one in enumerate(RECORD_TYPES, start=1)
    }
)


def told(*commands: Command | At, **own: object) -> list[Recorded]:
    """Give the events of a story."""
    story = Story()
    for command in commands:
        assert isinstance(story.when(command, **own).outcome, Accepted), command
    return story.log


def many(tickets: int) -> list[Recorded]:
    """Give the events of many tickets, each on the way to another end, told in turns."""
    story = Story()
    ways = [WAY_TO[state] for state in State]
    ids = []
    for number in range(tickets):
        key = IncidentKey(kind=KeyKind.SERIAL, value=f"SN-{number}")
        opened = story.when(replace(OPEN, incident_key=key, source_no=f"C-{number}", title=f"故障 {number}"))
        ids.append(opened.accepted.ticket_id)
    for step in range(1, max(map(len, ways))):
        for number, ticket_id in enumerate(ids):
            way = ways[number % len(ways)]
            if step < len(way):
                assert isinstance(story.when(way[step], ticket_id=ticket_id).outcome, Accepted)
    return story.log


def folded(
    project: Callable[[Row | None, Recorded], Row | None], events: Iterable[Recorded], row: Row | None = None
) -> Row | None:
    """Fold events into a row."""
    for recorded in events:
        row = project(row, recorded)
    return row


def records(events: Sequence[Recorded], *, topic: str, partitions: int) -> list[Record]:
    """Write events as the log would hold them, partition by partition."""
    ends = dict.fromkeys(range(partitions), 0)
    made = []
    for recorded in events:
        partition = partition_of(recorded.ticket_id, partitions)
        made.append(
            Record(
                topic=topic,
                partition=partition,
                offset=ends[partition],
                key=recorded.ticket_id.encode(),
                value=CODEC.encode(recorded),
                headers=(("traceparent", traceparent(recorded.trace_id, recorded.event_id).encode()),),
                timestamp_ms=0,
            )
        )
        ends[partition] += 1
    return made


def encoded_event() -> bytes:
    """Give the bytes of a ticket event."""
    return CODEC.encode(told(OPEN)[0])
