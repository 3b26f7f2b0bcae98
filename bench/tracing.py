"""What `trace` takes at a million tickets: by each kind of name, of a ticket in the middle of them, and of none."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median
from time import monotonic
from typing import Final
from uuid import uuid4

from bench.bus import Bus
from bench.console import page_figures
from bench.figure import Figure
from bus.app import Core
from bus.domain.terms import TicketId
from bus.domain.values import Customer
from bus.postgres.pool import connected
from bus.programs.journeys import journeys_of
from tests.consistency.test_two_stores import opening, request

_TICKETS: Final = 1_000_000
_ROUNDS: Final = 7
_GOAL_MS: Final = 200
_PHONE: Final = "13812345678"
# Rows of other tickets, beside those of the one that is asked for; PostgreSQL makes them itself.
_FILL: Final[Sequence[str]] = (
    """INSERT INTO ticket_states (ticket_id, version, trace_id, state)
    SELECT 'T' || n, 2, md5(n::text), '{}' FROM generate_series(1, %(most)s) n""",
    """INSERT INTO events (ticket_id, version, event_id, ce_type, command_id, trace_id, source, occurred_at,
        recorded_at, historic, value)
    SELECT 'T' || n, v, gen_random_uuid(), 'ticket.opened.v1', gen_random_uuid(), '', 'crm', now(), now(), false, ''
    FROM generate_series(1, %(most)s) n, generate_series(1, 2) v""",
    """INSERT INTO commands SELECT gen_random_uuid(), 'T' || n, '', '', '', 1, now()
    FROM generate_series(1, %(most)s) n""",
    """INSERT INTO ticket_names SELECT k, k || n, 'T' || n, now()
    FROM generate_series(1, %(most)s) n, unnest(ARRAY['source:crm', 'serial']) k""",
    "INSERT INTO ticket_phones SELECT md5(n::text), 'T' || n FROM generate_series(1, %(most)s) n",
    """INSERT INTO outbox (shard, topic, ticket_id, version, published_at, kafka_offset)
    SELECT n % 6, topic, 'T' || n, 1, now(), n
    FROM generate_series(1, %(most)s) n, unnest(ARRAY['ticket.events', 'ticket.status']) topic""",
    """INSERT INTO pushes SELECT 'T' || n, 1, 'ticket.status', 'c', now() FROM generate_series(1, %(most)s) n""",
    """INSERT INTO deliveries (target, ticket_id, version, state, reference, enqueued_at, settled_at)
    SELECT target, 'T' || n, 1, 'done', target || n, now(), now()
    FROM generate_series(1, %(most)s) n, unnest(ARRAY['crm', 'erp']) target""",
    """INSERT INTO deliveries (target, ticket_id, version, enqueued_at)
    SELECT 'wms', 'T' || n, 1, now() FROM generate_series(1, %(most)s) n""",
    """INSERT INTO delivery_heads (target, ticket_id, version, next_at)
    SELECT 'wms', 'T' || n, 1, now() - interval '1 hour' FROM generate_series(1, %(most)s) n""",
    """INSERT INTO letters (origin, origin_ref, target, ticket_id, version, event, trace_id, reason, kind, cause,
        detail, attempts, failures, headers, value, began_at, died_at, state)
    SELECT 'delivery:erp', n::text, 'erp', 'T' || n, 1, 'Opened', md5(n::text), 'rejected', 'rejected', 'c', '', 1,
        '[]', '[]', '', now(), now(), 'discarded' FROM generate_series(1, %(most)s / 10) n""",
    """INSERT INTO refused_inputs (origin, origin_ref, source, code, field, detail_zh, detail_en, body, headers,
        trace_id, ticket_id, lookups)
    SELECT 'webhook:crm', md5(n::text), 'crm', 'x', '', '', '', '', '[]', md5(n::text), 'T' || n, ARRAY[md5(n::text)]
    FROM generate_series(1, %(most)s / 10) n""",
    """INSERT INTO expectations (ticket_id, version, expectation, hop, place, voided_by, due_at, state)
    SELECT 'T' || n, 1, 'listed', 'projected', 'tickets', '{}', now(), 'met' FROM generate_series(1, %(most)s) n""",
    """INSERT INTO delivery_targets (target, rate_per_s)
    SELECT target, 50 FROM unnest(ARRAY['crm', 'erp', 'wms']) target""",
)
_OWN: Final[Sequence[str]] = (
    "UPDATE outbox SET published_at = now(), kafka_offset = 7 WHERE ticket_id = %(ticket)s",
    """INSERT INTO deliveries (target, ticket_id, version, state, reference, enqueued_at, settled_at)
    VALUES ('erp', %(ticket)s, 1, 'done', 'BILL-17', now(), now())""",
    "INSERT INTO deliveries (target, ticket_id, version, enqueued_at) VALUES ('wms', %(ticket)s, 1, now())",
    "INSERT INTO delivery_heads (target, ticket_id, version, next_at) VALUES ('wms', %(ticket)s, 1, now())",
)


async def run(bus: Bus) -> list[Figure]:
    """Fill PostgreSQL, and look a ticket up by every name that it has."""
    async with bus.core() as core:
        opens = replace(opening(1), customer=Customer(name="李雷", phone=_PHONE))
        (opened,) = await core.dispatcher.dispatch([request(1, opens, 0)])
        ticket_id = TicketId(getattr(opened, "ticket_id", ""))
        await fill(core, ticket_id)
        names = await _names(core, ticket_id)
        found = [await _looked_up(core, kind, name) for kind, name in names.items()]
    bus.start("gateway")
    await bus.ready()
    return [*found, *await page_figures(bus, ticket_id, f" at {_TICKETS:,} tickets")]


async def fill(core: Core, ticket_id: TicketId, most: int = _TICKETS) -> None:
    """Make so many other tickets, and let this one wait behind all others at a target."""
    for query in (*_FILL, *_OWN):
        async with connected(core.pool) as connection:
            asked = {"most": most, "ticket": ticket_id}
            await connection.execute(query.replace(" % ", " %% ").encode(), asked)
    async with core.pool.connection() as connection:
        await connection.set_autocommit(True)
        await connection.execute("ANALYZE")
        await connection.set_autocommit(False)


async def _names(core: Core, ticket_id: TicketId) -> Mapping[str, str]:
    async with connected(core.pool) as connection:
        query = (
            "SELECT event_id::text, s.trace_id FROM events JOIN ticket_states s USING (ticket_id) WHERE ticket_id = %s"
        )
        ((event_id, trace_id),) = await (await connection.execute(query, (ticket_id,))).fetchall()
        query = "SELECT split_part(kind, ':', 1), value FROM ticket_names WHERE ticket_id = %s AND kind <> 'phone'"
        named: dict[str, str] = dict(await (await connection.execute(query, (ticket_id,))).fetchall())
    own = {"ticket no.": ticket_id, "trace id": trace_id, "event id": event_id, "bill of a target": "BILL-17"}
    return {**own, **named, "phone": _PHONE, "a name that nobody has": uuid4().hex}


async def _looked_up(core: Core, kind: str, name: str) -> Figure:
    look_up, took = journeys_of(core), list[float]()
    for _ in range(_ROUNDS):
        began = monotonic()
        found = await look_up(name)
        took.append((monotonic() - began) * 1000)
    assert (found is None) == (kind == "a name that nobody has"), f"{kind} {name}"
    return Figure(
        name=f"trace at {_TICKETS:,} tickets, by {kind}",
        value=median(took),
        unit="ms",
        goal=f"≤ {_GOAL_MS}",
        note=f"worst of {_ROUNDS}: {max(took):.0f} ms; the ticket waits behind all others at a target",
    )
