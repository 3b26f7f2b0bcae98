"""Headers by which readers of Kafka filter: the ticket's region, and with whom it is and was at each event."""

from collections.abc import Iterable
from dataclasses import replace

from bus.domain.batch import Accepted
from bus.domain.commands import Assign, Command, Note, Reclassify, Return
from bus.domain.evolve import evolve
from bus.domain.terms import TicketId
from bus.domain.ticket import Ticket
from bus.domain.whereabouts import whereabouts
from bus.intake.dispatch import Dispatcher
from bus.outbox.relay import Relay
from bus.postgres.pool import Pool, connected
from bus.postgres.store import PostgresStore
from bus.settings import Settings
from bus.wire.headers import ASSIGNEE, ASSIGNEE_BEFORE, REGION, REGION_BEFORE, header
from bus.wire.record import Record
from tests.domain.people import ASSIGN, WANG
from tests.outbox.conftest import database, pool, postgres_store
from tests.store.contract_suite import fresh, opening
from tests.store.kafka_log import records
from tests.store.relay_watch import of_tickets
from tests.store.test_relay import dispatcher, drained, relay, settings

__all__ = ["database", "dispatcher", "pool", "postgres_store", "relay", "settings"]

LI = replace(WANG, person="李工, 夜班", backup_person="赵敏", backup_contact="802")
OTHER = Assign(assignee=LI, reason="换人")
SUZHOU = "苏州"
MOVED = Reclassify(region=SUZHOU, reason="客户搬迁")
STEPS: tuple[Command, ...] = (Note(text="a"), ASSIGN, Note(text="b"), OTHER, MOVED, Return(reason="x"))
REGIONS, AFTER = "华东, “上海”", ["", "", WANG.person, WANG.person, LI.person, LI.person, ""]
EARLIER = """
UPDATE outbox n SET region = NULL FROM outbox o
WHERE o.id = n.id AND (n.ticket_id, n.version, n.topic) = (%s, 1, 'ticket.events') RETURNING o.region"""
BEFORE = [None, None, None, None, WANG.person, None, LI.person]


async def lived(dispatcher: Dispatcher) -> TicketId:
    """Open a ticket, and do all the rest to it in one batch, as a backlog is worked off."""
    (opened,) = await dispatcher.dispatch([fresh(opening(region=REGIONS))])
    assert isinstance(opened, Accepted)
    outcomes = await dispatcher.dispatch([fresh(one, ticket_id=opened.ticket_id) for one in STEPS])
    assert all(isinstance(one, Accepted) for one in outcomes)
    return opened.ticket_id


def values_of(found: Iterable[Record], name: str) -> list[str | None]:
    return [header(one.headers, name) for one in found]


async def test_relay_whereabouts_each_record_says_the_region_and_with_whom_its_ticket_is_and_was(
    dispatcher: Dispatcher, relay: Relay, settings: Settings, postgres_store: PostgresStore, pool: Pool
) -> None:
    ticket_id = await lived(dispatcher)
    async with connected(pool) as connection:  # a row of before
        earlier = await connection.execute(EARLIER, (ticket_id,))
        assert await earlier.fetchall() == [(REGIONS,)]
    await drained(relay)
    found = of_tickets(await records(settings), [ticket_id])[ticket_id]
    assert values_of(found, REGION) == [SUZHOU] + [REGIONS] * 4 + [SUZHOU] * 2
    assert values_of(found, REGION_BEFORE) == [None] * 5 + [REGIONS, None]
    assert values_of(found, ASSIGNEE) == AFTER
    assert values_of(found, ASSIGNEE_BEFORE) == BEFORE
    events = await postgres_store.events(ticket_id)
    ticket: Ticket | None = None
    for one in events:
        ticket = evolve(ticket, one)
        [where] = whereabouts([one], {ticket_id: ticket})
        assert where[2:] == (ticket.assignee.person, BEFORE[one.version - 1])
