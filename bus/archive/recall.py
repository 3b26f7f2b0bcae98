"""Brings an archived file's events back into `events`, as they stood there."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, LiteralString

from bus.archive.reader import ArchivedFile, groups_of
from bus.postgres.pool import Connection, Pool, connected
from bus.postgres.store import ADD_EVENTS, columns

if TYPE_CHECKING:
    from bus.archive.event_file import ArchivedEvent

_PUT: Final[LiteralString] = ADD_EVENTS + " ON CONFLICT DO NOTHING"
_FORGET: Final[LiteralString] = "DELETE FROM archived_months WHERE file = %s"


async def recall(pool: Pool, file: ArchivedFile) -> int:
    """Put a file's events back, in one transaction; gives how many. The file stays, and is no more of the archive.

    Raises ArchiveUnreadable, StoreUnavailable.
    """
    count = 0
    async with connected(pool) as connection:
        async for group in groups_of(connection, file):
            count += await _put(connection, group)
        await connection.execute(_FORGET, (file.file,))
    return count


async def _put(connection: Connection, group: "Sequence[ArchivedEvent]") -> int:
    return (await connection.execute(_PUT, columns(group, 11))).rowcount
