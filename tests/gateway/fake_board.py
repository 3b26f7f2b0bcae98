"""A board out of a store and a directory in memory."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from bus.domain.calendars import Calendars
from bus.domain.terms import State
from bus.domain.ticket import Ticket
from bus.gateway.http.routing import Feature
from bus.gateway.routes.board import BoardSources, board_routes
from bus.postgres.board_rows import BoardPlace, BoardQuery, BoardRows, ColumnRows
from bus.postgres.people_rows import PersonRow
from tests.gateway.fakes import StoreThatMayBeAway


def board_features(
    store: StoreThatMayBeAway, people: Mapping[str, PersonRow], calendars: Calendars, now: Callable[[], datetime]
) -> Feature:
    """Make the board's routes; no state has a limit of its own."""
    read = _read_from(store, lambda: [*people.values()])
    return board_routes(BoardSources(read=read, limits={}, calendars=calendars, now=now))


def _read_from(
    store: StoreThatMayBeAway, people: Callable[[], Sequence[PersonRow]]
) -> Callable[[BoardQuery], Awaitable[BoardRows]]:
    """Read a board as PostgreSQL would; nothing is unheard."""

    async def read(query: BoardQuery) -> BoardRows:
        def wanted(one: Ticket) -> bool:
            return (
                query.region in ("", one.region)
                and query.type in ("", one.type)
                and query.person in ("", one.assignee.person)
                and (not query.regions or one.region in query.regions)
            )

        shown = sorted(filter(wanted, await store.open()), key=lambda one: (one.state_since, one.ticket_id))
        columns = {one: ColumnRows() for one in ([*State] if query.after is None else [query.after.state])}
        for state, column in columns.items():
            found = [one for one in shown if one.state is state]
            if query.after:
                found = found[[str(one.ticket_id) for one in found].index(query.after.ticket_id) + 1 :]
            column.total, column.tickets = len(found), found[: query.limit]
            if len(found) > query.limit:
                last = column.tickets[-1]
                assert last.state_since
                place = BoardPlace(state=state, since=last.state_since.isoformat(), ticket_id=last.ticket_id)
                column.following = place
        if query.after:
            return BoardRows(columns=columns)
        lost = [(one, None) for one in shown if one.state is State.PENDING and one.routing.unroutable]
        return BoardRows(columns=columns, unroutable_total=len(lost), unroutable=lost, people=people())

    return read
