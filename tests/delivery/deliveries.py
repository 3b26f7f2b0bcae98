"""Events to deliver, and the queue's own steps each in a transaction, at a time that the test tells."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

from bus.delivery import declarations, queue
from bus.delivery.declarations import DeclaredTarget
from bus.delivery.queue import Claim, DeliveryEnd, EndedClaim, FailedClaim, NewDelivery
from bus.domain.events import NoteAdded, Recorded
from bus.domain.terms import TicketId
from bus.postgres.pool import Pool, connected
from schemas.catalogue import BY_CLASS, EVENT_NAMES
from tests.schemas.codecs import CODEC, recorded

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
LEASE = timedelta(seconds=30)
ERP = "erp"
_IDS = UUID("00000000-0000-0000-0000-00000000d0d0")
_EVENTS = """
INSERT INTO events (ticket_id, version, event_id, ce_type, command_id, trace_id, source, occurred_at, recorded_at,
                    historic, value)
SELECT ticket_id, version, gen_random_uuid(), ce_type, gen_random_uuid(), '', '', now(), now(), false, value
FROM unnest(%s::text[], %s::int[], %s::text[], %s::bytea[]) AS w (ticket_id, version, ce_type, value)
ON CONFLICT DO NOTHING"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryQueue:
    """The queue on a database of its own."""

    pool: Pool

    async def clear(self) -> None:
        """Forget all deliveries."""
        async with connected(self.pool) as connection:
            await connection.execute(
                "TRUNCATE deliveries, delivery_heads, delivery_targets, delivery_versions, letter_decisions, redrives, "
                "letters, events, ticket_states, outbox"
            )

    async def hold(self, *events: tuple[str, int]) -> None:
        """Let PostgreSQL hold events."""
        await self.hold_recorded(*(event(*one) for one in events))

    async def hold_recorded(self, *events: Recorded) -> None:
        """Let PostgreSQL hold events as they are given."""
        places = ([one.ticket_id for one in events], [one.version for one in events])
        types = [BY_CLASS[type(one.event)].ce_type for one in events]
        async with connected(self.pool) as connection:
            await connection.execute(_EVENTS, (*places, types, [CODEC.encode(one) for one in events]))

    async def add(self, *events: tuple[str, int], target: str = ERP, now: datetime = NOW) -> None:
        """Let events wait."""
        await self.hold(*events)
        async with connected(self.pool) as connection:
            some = [
                NewDelivery(target=target, ticket_id=TicketId(ticket), version=version) for ticket, version in events
            ]
            await queue.add(connection, some, now)

    async def claim(
        self, most: int = 10, *, target: str = ERP, now: datetime = NOW, chance: float = 0.0
    ) -> list[Claim]:
        """Claim what is due."""
        async with connected(self.pool) as connection:
            return await queue.claim(connection, target, most, now=now, lease=LEASE, chance=chance)

    async def done(self, *claims: Claim, target: str = ERP, now: datetime = NOW) -> set[TicketId]:
        """Settle claims well."""
        ended = [
            EndedClaim(claim=one, how=DeliveryEnd.DONE, reference=f"{one.ticket_id}/{one.version}") for one in claims
        ]
        async with connected(self.pool) as connection:
            held = await queue.settle(connection, target, ended, [], now)
        return {ticket_id for ticket_id, _ in held}

    async def failed(self, claim: Claim, at: datetime = NOW, **how: Any) -> set[TicketId]:
        """Let a claim fail."""
        again = FailedClaim(claim=claim, at=at, **{"unsure": False, "failure": {"kind": "rejected"}, **how})
        async with connected(self.pool) as connection:
            held = await queue.settle(connection, ERP, [], [again], NOW)
        return {ticket_id for ticket_id, _ in held}

    async def rows(self, query: str) -> Sequence[tuple[Any, ...]]:
        """Ask the database."""
        async with connected(self.pool) as connection:
            return await (await connection.execute(query.encode())).fetchall()


async def undeclare(
    pool: Pool, target: str, *others: str, since: datetime = NOW, events: Sequence[str] = EVENT_NAMES
) -> None:
    """Let a target be named by no worker since a time, and others be named, which take these events."""
    await declarations.declare(pool, dict.fromkeys([target, *others], DeclaredTarget(events=events)))
    async with connected(pool) as connection:
        await connection.execute("UPDATE delivery_targets SET declared_at = %s WHERE target = %s", (since, target))
    await declarations.mark_undeclared(pool, others)


def event(ticket_id: str, version: int) -> Recorded:
    """Give the event of a ticket's version: a note that tells its version."""
    own = {"event_id": uuid5(_IDS, f"{ticket_id}/{version}"), "ticket_id": ticket_id, "version": version}
    return recorded(NoteAdded(text=str(version), changed=()), **own)


def ticket() -> str:
    """Name a new ticket."""
    return f"T20261122-{uuid4().hex[:6]}"


def places(claims: Sequence[Claim]) -> list[tuple[str, int]]:
    """Tell which deliveries were claimed."""
    return [(one.ticket_id, one.version) for one in claims]
