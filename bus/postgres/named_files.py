"""Uploaded files as evidence names them: locked before a command is decided, linked to the ticket with its events."""

from collections.abc import Iterable, Mapping, Sequence

from bus.domain.events import Recorded
from bus.domain.named_files import named_files
from bus.postgres.pool import Connection

_LOCK = "SELECT sha256, media_type FROM files WHERE sha256 = ANY(%s) AND ended_at IS NULL ORDER BY sha256 FOR UPDATE"
# A row that has the ticket is not touched, nor locked.
_LINK = """
UPDATE files f SET tickets = f.tickets || ARRAY(
    SELECT DISTINCT w.ticket_id FROM unnest(%(files)s::text[], %(tickets)s::text[]) AS w (sha256, ticket_id)
    WHERE w.sha256 = f.sha256 AND w.ticket_id <> ALL(f.tickets))
WHERE EXISTS (
    SELECT FROM unnest(%(files)s::text[], %(tickets)s::text[]) AS w (sha256, ticket_id)
    WHERE w.sha256 = f.sha256 AND w.ticket_id <> ALL(f.tickets))
AND f.sha256 = ANY(%(files)s)"""


async def lock_files(connection: Connection, wanted: Sequence[str]) -> Mapping[str, str]:
    """Give the media types of these files by SHA-256, as far as they are in the store.

    None of them ends before the transaction does.
    """
    if not wanted:
        return {}
    rows = await (await connection.execute(_LOCK, (list(wanted),))).fetchall()
    return dict(rows)


async def link_files(connection: Connection, events: Iterable[Recorded]) -> None:
    """Note at each file which tickets' evidence names it."""
    links = [(sha256, one.ticket_id) for one in events for sha256 in named_files(one.event)]
    if links:
        files, tickets = zip(*links, strict=True)
        await connection.execute(_LINK, {"files": list(files), "tickets": list(tickets)})
