"""The dispatcher's board out of PostgreSQL: tickets by column as committed, what is pinned above, engineers."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from psycopg.sql import SQL, Composed

from bus.domain.events import Event, Recorded
from bus.domain.routed import TicketRouted
from bus.domain.terms import State, TicketId
from bus.domain.ticket import Ticket
from bus.postgres.people_rows import PersonRow, read_people
from bus.postgres.pool import Connection, Pool, snapshot
from bus.wire.codec import ticket_from_json
from schemas.catalogue import BY_CLASS

PINNED_MAX: Final = 20
_OPEN: Final = [one.value for one in State if one is not State.CLOSED]
# Text, as the state spells a time: up to the second all do so alike.
_FILTERS: Final = {
    "region": SQL("state ->> 'region' = %(region)s"),
    "type": SQL("state ->> 'type' = %(type)s"),
    "person": SQL("state -> 'assignee' ->> 'person' = %(person)s"),
    "regions": SQL("state ->> 'region' = ANY(%(regions)s)"),
}
# The index ticket_states_board has all that decides which tickets are shown; without filters no state is looked at but
# theirs. Open and closed apart: of those who are closed only today's are ever read.
_COLUMNS: Final = SQL("""
WITH placed AS (
    SELECT ticket_id, board_state, board_since,
        row_number() OVER (PARTITION BY board_state ORDER BY board_since, ticket_id) AS place,
        count(*) OVER (PARTITION BY board_state) AS tickets
    FROM (
        SELECT ticket_id, board_state, board_since FROM ticket_states
        WHERE board_state = ANY(%(open)s) AND {open}
        UNION ALL
        SELECT ticket_id, board_state, board_since FROM ticket_states
        WHERE board_state = 'closed' AND board_since >= %(closed_since)s AND %(closed)s AND {closed}
    ) shown
)
SELECT p.board_state, p.tickets, p.board_since, s.state FROM placed p JOIN ticket_states s USING (ticket_id)
WHERE p.place <= %(most)s ORDER BY p.board_state, p.place""")
_UNROUTABLE: Final = SQL("""
SELECT count(*) OVER () AS tickets, state FROM ticket_states
WHERE board_state = 'pending' AND state #>> '{{routing,unroutable}}' <> '' AND {filters}
ORDER BY board_since, ticket_id LIMIT %(most)s""")
_UNHEARD: Final = SQL("""
WITH late AS (
    SELECT ticket_id, min(enqueued_at) AS since, array_agg(DISTINCT target) AS targets
    FROM deliveries WHERE state = 'waiting' AND overdue_at IS NOT NULL GROUP BY ticket_id
)
SELECT count(*) OVER () AS tickets, l.since, l.targets, s.state
FROM late l JOIN ticket_states s USING (ticket_id)
WHERE s.board_state <> 'closed' AND {filters} ORDER BY l.since, ticket_id LIMIT %(most)s""")
_ROUTED: Final = SQL("""
SELECT DISTINCT ON (ticket_id) value FROM events
WHERE ticket_id = ANY(%(tickets)s) AND ce_type = %(kind)s ORDER BY ticket_id, version DESC""")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardPlace:
    """Where a column goes on: after a ticket that came into its state at `since`, as the board spells it."""

    state: State
    since: str
    ticket_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardQuery:
    """What is asked for: at most `limit` tickets a column, of a region, type and handler; empty: of any.

    `regions`: of these alone, empty: of all. `after`: the rest of one column, and nothing else.
    """

    limit: int
    closed_since: datetime
    region: str = ""
    type: str = ""
    person: str = ""
    regions: tuple[str, ...] = ()
    after: BoardPlace | None = None


@dataclass(slots=True, kw_only=True)
class ColumnRows:
    """The tickets of a column, the longest in their state first, out of so many; `following`: where it goes on."""

    total: int = 0
    tickets: list[Ticket] = field(default_factory=list)
    following: BoardPlace | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnheardRow:
    """A ticket of which something waits to be taken, by which targets and since when."""

    ticket: Ticket
    targets: tuple[str, ...]
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRows:
    """All of a board. Of `unroutable` and `unheard` the first ones, and how many there are in all."""

    columns: dict[State, ColumnRows]
    unroutable_total: int = 0
    unroutable: Sequence[tuple[Ticket, TicketRouted | None]] = ()
    unheard_total: int = 0
    unheard: Sequence[UnheardRow] = ()
    people: Sequence[PersonRow] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardReader:
    """Reads a board of one moment; `read` decodes events."""

    pool: Pool
    read: Callable[[Sequence[bytes]], Awaitable[Sequence[Recorded]]]

    async def board(self, query: BoardQuery) -> BoardRows:
        """Read it. Raises StoreUnavailable, RegistryUnavailable."""
        given = _given(query)
        async with snapshot(self.pool) as connection:
            columns = await _columns(connection, query, given)
            if query.after:
                return BoardRows(columns=columns)
            unroutable = await _rows(connection, _UNROUTABLE, given)
            unheard = await _rows(connection, _UNHEARD, given)
            tickets = [ticket_from_json(state) for _, state in unroutable]
            routings = await _routings(connection, [one.ticket_id for one in tickets])
            people = [one for one in await read_people(connection) if one.left_at is None]
        routed = {one.ticket_id: one.event for one in await self.read(routings)}
        return BoardRows(
            columns=columns,
            unroutable_total=unroutable[0][0] if unroutable else 0,
            unroutable=[(one, _routing(routed.get(one.ticket_id))) for one in tickets],
            unheard_total=unheard[0][0] if unheard else 0,
            unheard=[
                UnheardRow(ticket=ticket_from_json(state), targets=tuple(targets), since=since)
                for _, since, targets, state in unheard
            ],
            people=people,
        )


async def _routings(connection: Connection, tickets: Sequence[TicketId]) -> list[bytes]:
    """Give the last routing of each, as it was recorded."""
    asked = {"tickets": list(tickets), "kind": BY_CLASS[TicketRouted].ce_type}
    rows = await (await connection.execute(_ROUTED, asked, binary=True)).fetchall() if tickets else []
    return [value for (value,) in rows]


def _routing(event: Event | None) -> TicketRouted | None:
    return event if isinstance(event, TicketRouted) else None


async def _columns(connection: Connection, query: BoardQuery, given: dict[str, Any]) -> dict[State, ColumnRows]:
    after, filters = query.after, _filters(given)
    if after:
        filters = SQL("(board_since, ticket_id) > (%(since)s, %(after)s) AND {}").format(filters)
    asked = {
        **given,
        "open": _OPEN if after is None else [after.state.value] if after.state is not State.CLOSED else [],
        "closed": after is None or after.state is State.CLOSED,
        "closed_since": f"{query.closed_since.astimezone(UTC):%Y-%m-%dT%H:%M:%S}",
        "since": after and after.since,
        "after": after and after.ticket_id,
        "most": query.limit + 1,
    }
    rows = await (await connection.execute(_COLUMNS.format(open=filters, closed=filters), asked)).fetchall()
    columns = {one: ColumnRows() for one in ([*State] if after is None else [after.state])}
    spelled = dict[State, str]()
    for name, total, since, state in rows:
        column, ticket = columns[State(name)], ticket_from_json(state)
        column.total = total
        if len(column.tickets) < query.limit:
            column.tickets.append(ticket)
            spelled[ticket.state] = since
        else:
            last = column.tickets[-1]
            column.following = BoardPlace(state=last.state, since=spelled[last.state], ticket_id=last.ticket_id)
    return columns


async def _rows(connection: Connection, query: SQL, given: dict[str, Any]) -> list[Any]:
    asked = {**given, "most": PINNED_MAX}
    return await (await connection.execute(query.format(filters=_filters(given)), asked)).fetchall()


def _given(query: BoardQuery) -> dict[str, Any]:
    asked = {"region": query.region, "type": query.type, "person": query.person, "regions": list(query.regions)}
    return {name: value for name, value in asked.items() if value}


def _filters(given: dict[str, Any]) -> Composed | SQL:
    return SQL(" AND ").join(_FILTERS[name] for name in given) if given else SQL("true")
