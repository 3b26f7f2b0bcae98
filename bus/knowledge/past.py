"""Drafts of what was closed before there was a pool, and of the imported past; only when somebody asks for them."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final, LiteralString

from bus.domain.terms import TicketId
from bus.knowledge.pool import KnowledgePool
from bus.postgres.pool import connected

_AT_ONCE: Final = 100
# Whose cause is known, and that have no article.
_CLOSED: Final[LiteralString] = """
SELECT ticket_id FROM ticket_outcomes o
WHERE closed_at >= %(since)s AND closed_at < %(until)s AND root_cause <> '' AND ticket_id > %(after)s
AND NOT EXISTS (SELECT FROM knowledge_articles a WHERE a.ticket_id = o.ticket_id)
ORDER BY ticket_id LIMIT %(most)s"""


async def draft_past(pool: KnowledgePool, since: datetime, until: datetime, at: datetime) -> AsyncIterator[str]:
    """Make a draft of each ticket that was first closed within a time; gives their numbers.

    Interrupted, it goes on where it stopped when it is run again. Raises StoreUnavailable, RegistryUnavailable.
    """
    after = ""
    while True:
        asked = {"since": since, "until": until, "after": after, "most": _AT_ONCE}
        async with connected(pool.pool) as connection:
            rows = await (await connection.execute(_CLOSED, asked)).fetchall()
        for (ticket_id,) in rows:
            async with connected(pool.pool) as connection:
                number = await pool.draft(connection, TicketId(ticket_id), at)
            if number:
                yield number
            after = ticket_id
        if len(rows) < _AT_ONCE:
            return
