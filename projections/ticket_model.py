"""What the read models of tickets share: the log, the fold, and how a version missing on the log is found."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bus.domain.errors import InvariantBroken, VersionMissing
from bus.domain.events import Recorded
from bus.domain.evolve import evolve
from bus.domain.ticket import Ticket
from bus.postgres.pool import Connection
from bus.stage.missing_versions import missing_versions
from bus.wire.codec import Codec, ticket_from_json
from bus.wire.event_reader import EventReader
from bus.wire.record import Record
from bus.wire.record_reader import Keep, Know, RecordReader
from projections.read_model import Key, ReadModel, Row, Table, Written
from schemas.topics import LOG

FOLDED = "folded::text"  # the ticket as JSON text: read at once, not by way of Python's own lists and dicts


def ticket_model(
    *,
    name: str,
    tables: tuple[Table, ...],
    project: Callable[[Row | None, Recorded], Row | None],
    stored: tuple[str, ...],
    read: Callable[[Key, Sequence[Any]], Row],
    write: Callable[[Row | None, Row], Mapping[str, Sequence[Written]]],
) -> ReadModel[Recorded, Row]:
    """Make a read model of the log, whose first table is keyed by ticket_id."""
    return ReadModel(
        name=name,
        topic=LOG,
        tables=tables,
        reader=_event_reader,
        key_of=lambda recorded: (recorded.ticket_id,),
        project=project,
        stored=stored,
        read=read,
        write=write,
        heal=_heal,
    )


def _event_reader(codec: Codec, know: Know, keep: Keep) -> EventReader:
    return EventReader(decode=codec.decode, know=know, keep=keep)


async def _heal(
    connection: Connection,
    reader: RecordReader[Recorded],
    handler: str,
    read: tuple[Record, Recorded],
    broken: InvariantBroken,
) -> Sequence[Recorded]:
    """Give the missing versions, then the event itself; one that PostgreSQL does not hold is passed over.

    Raises what is broken when PostgreSQL holds the very event and nothing before it is missing.
    """
    known = broken.known if isinstance(broken, VersionMissing) else read[1].version - 1
    found = await missing_versions(connection, reader, handler, read, known)
    if len(found) == 1:
        raise broken
    return found


def fold(ticket: Ticket | None, recorded: Recorded) -> Ticket:
    """Fold one event into the ticket itself; a repeat changes nothing, a gap is VersionMissing."""
    if ticket is not None and recorded.version <= ticket.version:
        return ticket
    return evolve(ticket, recorded)


def read_folded(_: Key, stored: Sequence[Any]) -> Ticket:
    """Read the ticket back from FOLDED."""
    return ticket_from_json(stored[0])
