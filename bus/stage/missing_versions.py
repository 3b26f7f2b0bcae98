"""Versions of a ticket that the log does not hold, read from PostgreSQL."""

from collections.abc import Sequence
from typing import LiteralString

import structlog

from bus.archive.reader import event_values
from bus.domain.errors import MalformedInput, VersionMissing
from bus.domain.events import Recorded
from bus.postgres.pool import Connection
from bus.stage import metrics
from bus.wire.record import Record
from bus.wire.record_reader import RecordReader

_VERSIONS: LiteralString = """
SELECT value FROM events
WHERE ticket_id = %(ticket)s AND version BETWEEN %(first)s AND %(last)s ORDER BY version"""

log = structlog.get_logger()


async def missing_versions(
    connection: Connection, reader: RecordReader[Recorded], handler: str, read: tuple[Record, Recorded], known: int
) -> Sequence[Recorded]:
    """Give the versions after `known` up to the event that was read, the event itself last.

    None for an event that PostgreSQL does not hold: its record is passed over. Raises VersionMissing when PostgreSQL
    lacks one in between, Transient while the registry or PostgreSQL is away, or a file of the archive.
    """
    record, event = read
    asked = {"ticket": event.ticket_id, "first": known + 1, "last": event.version}
    values = await event_values(connection, _VERSIONS, asked)
    if not values or values[-1] != record.value:
        zh, en = "数据库中没有这个事件", "PostgreSQL holds no such event"
        await reader.pass_over([(record, MalformedInput("stray_event", "version", zh, en))])
        return ()
    if len(values) != event.version - known:
        raise VersionMissing(event.ticket_id, version=event.version, known=known)
    await reader.know(values)
    if healed := len(values) - 1:
        metrics.HEALED.labels(handler).inc(healed)
        log.error("versions_not_told", handler=handler, ticket_id=event.ticket_id, after=known, healed=healed)
    return [reader.decode(value) for value in values]
