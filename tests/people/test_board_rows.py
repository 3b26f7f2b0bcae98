"""The dispatcher's board on PostgreSQL: columns as committed, page by page, what is pinned, and engineers (R8, R11)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from psycopg.types.json import Jsonb

from bus.domain.board import day_began
from bus.domain.commands import Accept, Assign, Start
from bus.domain.dwell import in_state
from bus.domain.events import Recorded
from bus.domain.inside_commands import RouteTicket
from bus.domain.routed import Unfit
from bus.domain.terms import State, TicketId
from bus.intake.dispatch import utc_now
from bus.postgres.board_rows import BoardQuery, BoardReader, BoardRows
from bus.postgres.open_tickets import tickets_in_state
from bus.postgres.pool import Pool, connected, in_transaction
from bus.postgres.practice_rows import open_practices
from tests.domain.people import WANG
from tests.people import staff
from tests.people.test_routing_store import Routed, bus, by_bus
from tests.schemas.codecs import CODEC
from tests.store.conftest import database, pool, postgres_store

__all__ = ["bus", "database", "pool", "postgres_store"]
_CHANGE = "UPDATE ticket_states SET state = state || %s WHERE ticket_id = %s"
ALL = BoardQuery(limit=25, closed_since=day_began(utc_now()))


@pytest.fixture
def reader(pool: Pool) -> BoardReader:
    """Read boards as the gateway does."""

    async def read(values: Sequence[bytes]) -> Sequence[Recorded]:
        return [CODEC.decode(one) for one in values]

    return BoardReader(pool=pool, read=read)


def numbers(rows: BoardRows, state: State) -> list[TicketId]:
    return [one.ticket_id for one in rows.columns[state].tickets]


async def test_board_rows_r11_each_ticket_is_in_its_column_as_committed_and_pages_go_on(
    bus: Routed, reader: BoardReader
) -> None:
    waiting = [await bus.opened() for _ in range(5)]
    there = await bus.opened(region="华南", type="installation")
    await bus.ask(Assign(assignee=WANG), ticket_id=there)
    await bus.ask(Accept(), ticket_id=there)
    rows = await reader.board(ALL)
    assert (numbers(rows, State.PENDING), numbers(rows, State.ASSIGNED)) == (waiting, [there])
    assert [*rows.columns] == [*State]
    await bus.ask(Start(), ticket_id=there)
    assert numbers(await reader.board(ALL), State.IN_PROGRESS) == [there], "no read model is waited for"
    for filters in ({"region": "华南"}, {"type": "installation"}, {"person": "王师傅"}, {"regions": ("华南", "西南")}):
        found = await reader.board(replace(ALL, **filters))
        assert (numbers(found, State.PENDING), numbers(found, State.IN_PROGRESS)) == ([], [there]), filters
    first = await reader.board(replace(ALL, limit=2))
    column = first.columns[State.PENDING]
    assert (column.total, numbers(first, State.PENDING), column.following is None) == (5, waiting[:2], False)
    second = await reader.board(replace(ALL, limit=3, after=column.following))
    assert [*second.columns] == [State.PENDING]
    assert (numbers(second, State.PENDING), second.columns[State.PENDING].following) == (waiting[2:], None)


async def test_board_rows_of_closed_tickets_only_those_of_today_and_none_of_the_past_or_virtual(
    bus: Routed, reader: BoardReader
) -> None:
    today, before, historic, virtual, plain = [await bus.opened() for _ in range(5)]
    now = utc_now()
    async with connected(bus.pool) as connection:
        for number, at in ((today, now), (before, day_began(now) - timedelta(seconds=1))):
            closed = {"state": "closed", "closed_at": f"{at.astimezone(UTC):%FT%TZ}"}
            await connection.execute(_CHANGE, (Jsonb(closed), number))
        await connection.execute(_CHANGE, (Jsonb({"historic": True}), historic))
        await connection.execute(_CHANGE, (Jsonb({"source": "sandbox", "creator": "王工"}), virtual))
        await connection.execute("UPDATE ticket_states SET ticket_id = 'V1' WHERE ticket_id = %s", (virtual,))
    rows = await reader.board(ALL)
    assert numbers(rows, State.CLOSED) == [today]
    assert numbers(rows, State.PENDING) == [plain]
    own = [await in_transaction(bus.pool, open_practices, creator) for creator in ("王工", "李工")]
    assert [[one.ticket_id for one in each] for each in own] == [[virtual], []]
    (shown,) = rows.columns[State.PENDING].tickets
    for regions, found in (((), [in_state(shown)]), ((shown.region,), [in_state(shown)]), (("西南",), [])):
        assert await in_transaction(bus.pool, tickets_in_state, regions) == found, "dwell is measured of the same ones"


async def test_board_rows_what_nobody_suits_has_each_candidate_and_what_nobody_heard_its_target(
    bus: Routed, reader: BoardReader
) -> None:
    await bus.staff(replace(staff.LI, capacity=1), staff.WANG, replace(staff.ZHAO, regions=("华南",)))
    lost = await bus.opened(region="西南")
    await bus.ask(RouteTicket(), **by_bus(lost))
    sent = await bus.opened()
    await bus.ask(RouteTicket(), **by_bus(sent))
    now = utc_now()
    async with connected(bus.pool) as connection:
        await connection.execute(
            "INSERT INTO deliveries (target, ticket_id, version, state, enqueued_at, overdue_at) "
            "VALUES ('app', %s, 2, 'waiting', %s, %s), ('app', %s, 1, 'waiting', %s, NULL)",
            (sent, now, now, lost, now),
        )
    rows = await reader.board(ALL)
    ((ticket, routed),) = rows.unroutable
    assert (ticket.ticket_id, rows.unroutable_total) == (lost, 1)
    assert routed is not None
    assert {one.person: one.unfit for one in routed.ranking} == dict.fromkeys(("李工", "王师傅", "赵工"), Unfit.REGION)
    (unheard,) = rows.unheard
    assert (unheard.ticket.ticket_id, unheard.targets, unheard.since) == (sent, ("app",), now)
    assert sum(one.open_tickets for one in rows.people) == 1
    elsewhere = await reader.board(replace(ALL, region="华南"))
    assert (elsewhere.unroutable_total, elsewhere.unheard_total) == (0, 0)
