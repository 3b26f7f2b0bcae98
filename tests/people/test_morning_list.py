"""The drift list of a morning on PostgreSQL: made and sent once, whoever looks, kept by day, late where it was (R9)."""

import asyncio
from dataclasses import replace
from datetime import date, datetime, timedelta

from bus.alerts.rules.drift_list import DRIFT_LIST
from bus.domain.commands import Assign
from bus.domain.terms import TicketId
from bus.intake.dispatch import utc_now
from bus.postgres.drift_lists import keep_list, read_lists
from bus.postgres.pool import connected, in_transaction
from bus.wire.event_reader import EventReader
from projections.read_models import TICKET_MODELS
from projections.store import ProjectionHandler
from tests.alerts.alerting import Alerting, alerting
from tests.domain.people import ASSIGN
from tests.people.test_routing_store import Routed, bus
from tests.projections.told import records
from tests.schemas.codecs import CODEC
from tests.store.conftest import database, pool, postgres_store

__all__ = ["alerting", "bus", "database", "pool", "postgres_store"]
HOUR = timedelta(hours=1)


async def drifting(bus: Routed) -> TicketId:
    """Open a ticket that two people in a row have not claimed."""
    ticket_id = await bus.opened()
    for person in ("王师傅", "赵工", "孙工"):
        wanted = Assign(assignee=replace(ASSIGN.assignee, person=person, backup_person="李工"), reason="未接单")
        await bus.ask(wanted, ticket_id=ticket_id)
    events = await bus.store.events(ticket_id)
    async with connected(bus.pool) as connection:
        for model in TICKET_MODELS.values():
            handler = ProjectionHandler(model, EventReader(decode=CODEC.decode))
            await handler.handle(connection, records(events, topic="t", partitions=1))
    return ticket_id


async def made(bus: Routed, day: date, late: timedelta = timedelta(0)) -> list[bool]:
    """Let four workers look at once on a morning."""

    def due(now: datetime) -> tuple[date, datetime]:
        return day, now - late

    return list(await asyncio.gather(*(in_transaction(bus.pool, keep_list, due) for _ in range(4))))


async def heard(bus: Routed, alerting: Alerting) -> list[str]:
    """Hold a round and send; gives all that the robot has heard."""
    async with connected(bus.pool) as connection:
        await connection.execute("UPDATE alert_rounds SET begun_at = '-infinity'")
    assert await replace(alerting.rounds, rules={DRIFT_LIST.name.value: DRIFT_LIST}).hold() is not None
    await replace(alerting.notifier, rules={DRIFT_LIST.name.value: DRIFT_LIST}).send_due("first")
    return [text for _, text in alerting.first.messages]


async def test_morning_list_is_made_and_sent_once_and_the_next_says_what_changed(
    bus: Routed, alerting: Alerting
) -> None:
    async with connected(bus.pool) as connection:
        await connection.execute("TRUNCATE drift_lists")
    assert await in_transaction(bus.pool, keep_list, lambda _now: None) is False
    first, today = await drifting(bus), utc_now().date()
    assert sorted(await made(bus, today - timedelta(days=3))) == [False, False, False, True]
    (message,) = await heard(bus, alerting)
    assert f"新增 {first}" in message
    assert await heard(bus, alerting) == [message], "once"
    async with connected(bus.pool) as connection:
        await connection.execute("UPDATE drift_lists SET made_at = made_at - interval '72 hours'")
    assert await heard(bus, alerting) == [message], "that it is over nobody hears"
    second = await drifting(bus)
    assert sum(await made(bus, today, late=HOUR)) == 1
    _, message = await heard(bus, alerting)
    assert "补发,应于" in message
    assert f"仍在 {first}" in message
    assert f"新增 {second}" in message
    lists = await in_transaction(bus.pool, read_lists)
    assert [[one.ticket_id for one in each.tickets] for each in lists] == [[first, second], [first]]
    assert [each.late for each in lists] == [True, False]
    assert (await in_transaction(bus.pool, read_lists, today - timedelta(days=3)))[0].day == today - timedelta(days=3)
    assert await in_transaction(bus.pool, read_lists, today - timedelta(days=1)) == []
