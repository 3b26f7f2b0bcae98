"""A journey shows what is missing as a hole with its deadline, what is due later, and what came late."""

from datetime import timedelta

from bus.app import Core
from bus.cli.trace import lines
from bus.domain.terms import TicketId
from bus.postgres.pool import connected
from tests.journey.test_journey_delivered import NOW, bus, core, lived, told

__all__ = ["bus", "core"]
OPEN = """
INSERT INTO expectations (ticket_id, version, expectation, hop, place, voided_by, due_at, state)
VALUES (%s, %s, %s, 'delivered', 'erp', '{}', %s, %s)"""


async def test_journey_expected_a_hole_is_shown_with_its_deadline_and_nothing_once_it_came(core: Core) -> None:
    ticket_id: TicketId = await lived(core, 700)
    async with connected(core.pool) as connection:
        for version, name, minutes in ((1, "first", -5), (2, "second", 5), (3, "third", -5)):
            await connection.execute(OPEN, (ticket_id, version, name, NOW + timedelta(minutes=minutes), "pending"))
        await connection.execute(
            "INSERT INTO deliveries (target, ticket_id, version, state, enqueued_at, settled_at) "
            "VALUES ('erp', %s, 3, 'done', %s, %s)",
            (ticket_id, NOW, NOW - timedelta(minutes=4)),
        )
    found = await told(core, ticket_id)
    shown = [(one["version"], one["state"], one["late_ms"]) for one in found["expected"]]
    assert shown == [(1, "missed", None), (2, "pending", None), (3, "late", 60_000.0)]
    assert [one["cause"] for one in found["verdict"]] == ["in_outbox"], "that accounts for it"
    async with connected(core.pool) as connection:
        await connection.execute("UPDATE outbox SET published_at = now(), kafka_offset = 1")
    found = await told(core, ticket_id)
    [verdict] = [one for one in found["verdict"] if one["cause"] == "hop_missing"]
    assert (verdict["hop"], verdict["where"], verdict["versions"]) == ("delivered", "erp", [1])
    [hole] = [line for line in lines(found) if "缺失 MISSING" in line]
    assert "时限 due 2026-11-22 07:55:00, first" in hole
    assert [line for line in lines(found) if "迟到 late" in line and "+60,000.0 ms" in line]
    async with connected(core.pool) as connection:
        await connection.execute("UPDATE expectations SET due_at = %s WHERE version = 3", (NOW - timedelta(minutes=3),))
    assert [one["version"] for one in (await told(core, ticket_id))["expected"]] == [1, 2]
