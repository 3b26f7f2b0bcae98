"""What a leaf holds: the columns of an event's row in one fixed spelling, and its stored bytes. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, LiteralString

import orjson

from bus.audit.merkle import leaf_hash

COLUMNS: Final[LiteralString] = """
e.ticket_id, e.version, e.event_id, e.ce_type, e.command_id, e.trace_id, e.source, e.occurred_at, e.recorded_at,
e.historic, e.value"""
_FORMAT: Final = "ticketbus.audit.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event as the tree has it: `head` is a JSON list of the columns, `value` the Avro bytes as on Kafka."""

    ticket_id: str
    version: int
    recorded_at: datetime
    head: bytes
    value: bytes

    @property
    def hashed(self) -> bytes:
        """Give the leaf's hash: SHA-256 of a zero byte, `head`, a newline and `value`."""
        return leaf_hash(self.head + b"\n" + self.value)


def entry_of(row: tuple[Any, ...]) -> Entry:
    """Make the entry of a row of COLUMNS."""
    ticket_id, version, event_id, ce_type, command_id, trace_id, source, occurred_at, recorded_at, historic, value = row
    times = [_spelled(occurred_at), _spelled(recorded_at)]
    columns = [ticket_id, version, str(event_id), ce_type, str(command_id), trace_id, source, *times, historic]
    head = orjson.dumps([_FORMAT, *columns])
    return Entry(ticket_id=ticket_id, version=version, recorded_at=recorded_at, head=head, value=bytes(value))


def read_entry(head: bytes, value: bytes) -> Entry:
    """Read an entry back from a bundle. Raises ValueError."""
    columns = orjson.loads(head)
    if not isinstance(columns, list) or len(columns) != 11 or columns[0] != _FORMAT:
        raise ValueError("it is no head of an entry")
    recorded_at = datetime.fromisoformat(columns[9])
    return Entry(ticket_id=str(columns[1]), version=int(columns[2]), recorded_at=recorded_at, head=head, value=value)


def _spelled(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
