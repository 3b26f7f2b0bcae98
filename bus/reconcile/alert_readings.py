"""What the alert rules of reconciliation read: tickets that are missing now, and how far each list was compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bus.postgres.pool import Connection, read_rows

SHOWN: Final = 5
SEEN_WITHIN: Final = "10 minutes"
_MISSING: Final = b"""
SELECT source, count(*) AS tickets, min(source_at) AS oldest_at, max(id) AS newest,
    EXISTS (SELECT FROM source_lists l WHERE l.source = m.source) AS has_list,
    (array_agg(source_no ORDER BY source_at, source_no))[:%s] AS numbers
FROM missing_tickets m WHERE settled_at IS NULL GROUP BY source ORDER BY source"""
# By the database's clock, as they are written; a source that no worker's file names any more has no list.
_LISTS: Final = b"""
SELECT source, coalesce(reconciled_until, declared_at) AS since, reconciled_until IS NOT NULL AS ever,
    coalesce(failure, '') AS failure
FROM source_lists WHERE seen_at > clock_timestamp() - %s::interval ORDER BY source"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingOfSource:
    """What a source lists and the bus has not: how many, since when, the oldest numbers, the newest row's id.

    `has_list`: the source can be asked; else the list was a file.
    """

    source: str
    tickets: int
    oldest_at: datetime
    newest: int
    has_list: bool
    numbers: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAge:
    """From which time on a source's tickets were not compared with its list; `ever`: earlier ones were.

    `failure`: why the last try was none.
    """

    source: str
    since: datetime
    ever: bool
    failure: str


async def read_missing(connection: Connection) -> Sequence[MissingOfSource]:
    """Read what is missing now, by source."""
    return await read_rows(connection, _MISSING, MissingOfSource, (SHOWN,))


async def read_list_ages(connection: Connection) -> Sequence[ListAge]:
    """Read how far each source that has a list was reconciled."""
    return await read_rows(connection, _LISTS, ListAge, (SEEN_WITHIN,))
