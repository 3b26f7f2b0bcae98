"""Reads lists of tickets from the read model in PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.rows import dict_row
from psycopg.sql import SQL, Composed, Identifier

from bus.gateway.ports import TicketQuery
from bus.gateway.read.ticket_view import with_snapshot
from bus.postgres.pool import Pool, connected

COLUMNS = (
    "ticket_id", "source", "source_no", "incident_key", "title", "type", "region", "serial", "state", "substate",
    "paused", "waiting_for", "assignee", "opened_at", "resolved_at", "closed_at", "root_cause", "reports", "pauses",
    "reassignments", "reopens", "asked", "historic", "version", "trace_id",
    "creator", "assigner", "last_at", "last_action",
)  # fmt: skip
_CONDITIONS: Mapping[str, SQL] = {
    "state": SQL("state = %(state)s"),
    "assignee": SQL("assignee = %(assignee)s"),
    "before": SQL("ticket_id < %(before)s"),
    "synthetic": SQL("(ticket_id >= 'V') = %(synthetic)s"),
    "person": SQL("assignee = %(person)s"),
    "source": SQL("source = %(source)s"),
    "regions": SQL("region = ANY(%(regions)s)"),
}


class PostgresTicketReader:
    """The table `tickets`, which the projections keep."""

    def __init__(self, pool: Pool) -> None:
        """Read by this pool."""
        self._pool = pool

    async def page(self, query: TicketQuery) -> Sequence[Mapping[str, Any]]:
        """Read a page by its keyset; every filter has its index."""
        scope = query.scope
        asked = {
            "state": query.state.value if query.state else None,
            "assignee": query.assignee,
            "before": query.before or (None if query.synthetic else "V"),
            "synthetic": query.synthetic,
            "person": (scope and scope.person) or None,
            "source": (scope and scope.source) or None,
            "regions": list(scope.regions) if scope and scope.regions else None,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        async with connected(self._pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_page(given), {**given, "limit": query.limit})
            return [with_snapshot(row) for row in await cursor.fetchall()]


def _page(given: Mapping[str, object]) -> Composed:
    conditions = SQL(" AND ").join(_CONDITIONS[name] for name in given) if given else SQL("true")
    columns = SQL(", ").join(map(Identifier, COLUMNS))
    return SQL("SELECT {} FROM tickets WHERE {} ORDER BY ticket_id DESC LIMIT %(limit)s").format(columns, conditions)
