"""A ticket's way through the bus: which hop, when, how long after the one before, from what the stores know."""

from collections.abc import Sequence
from typing import Any, LiteralString

from bus.codec import event_json, ticket_from_json
from bus.events import Recorded
from bus.postgres.pool import Connection, Pool, snapshot
from bus.registry import SchemaLearner
from bus.ticket import Ticket
from bus.ticket_names import spellings
from bus.topics import LOG

# By ticket no., trace id, any name (serial, order, phone, source no.) or the device's serial; the newest ticket first.
_FIND: LiteralString = """
SELECT state FROM ticket_states WHERE ticket_id IN (
    SELECT ticket_id FROM ticket_states WHERE ticket_id = ANY(%(any)s) OR trace_id = ANY(%(any)s)
    UNION SELECT ticket_id FROM ticket_names WHERE value = ANY(%(any)s)
    UNION (SELECT ticket_id FROM device_history WHERE serial = ANY(%(any)s) ORDER BY opened_at DESC LIMIT 20))
ORDER BY (state->>'opened_at')::timestamptz DESC LIMIT 20"""
_EVENTS = """
SELECT e.value, c.received_at FROM events e LEFT JOIN commands c USING (command_id)
WHERE e.ticket_id = %s ORDER BY e.version"""
_PUBLISHED = """
SELECT version, topic, shard, kafka_offset, published_at FROM outbox WHERE ticket_id = %s ORDER BY version, topic"""
_PROJECTED = """
SELECT o.version, s.handler, b.at FROM outbox o
JOIN stage_offsets s ON s.partition = o.shard AND s.topic = %(records)s
CROSS JOIN LATERAL (
    SELECT next_offset, at FROM stage_batches
    WHERE handler = s.handler AND partition = s.partition AND first_offset <= o.kafka_offset
    ORDER BY first_offset DESC LIMIT 1) b
WHERE o.ticket_id = %(ticket)s AND o.topic = %(log)s AND o.kafka_offset < b.next_offset ORDER BY o.version, b.at"""
_PUSHED = "SELECT version, topic, client, pushed_at FROM pushes WHERE ticket_id = %s ORDER BY version, pushed_at"
_REFUSED = """
SELECT code, field, detail_zh, detail_en, origin, last_at, times FROM refused_inputs
WHERE ticket_id = %s ORDER BY last_at"""

Hop = dict[str, Any]
_Rows = Sequence[tuple[Any, ...]]


async def journey(pool: Pool, schemas: SchemaLearner, records: str, anything: str) -> dict[str, Any] | None:
    """Tell a ticket's journey, found by ticket no., source no., serial, order no., phone or trace id; None if unknown.

    `records` is the broker's name of the topic `ticket.events`. All is of one moment: a ticket may change meanwhile.

    Hops: occurred, received, committed, published (per topic), projected (per read model), pushed (per client), each
    with `at` and `lag_ms` after the hop it followed. Raises StoreUnavailable, and as `SchemaLearner.events` does.
    """
    async with snapshot(pool) as connection:
        found = [ticket_from_json(state) for (state,) in await _rows(connection, _FIND, {"any": spellings(anything)})]
        if not found:
            return None
        ticket = found[0]
        one = (ticket.ticket_id,)
        stored = await _rows(connection, _EVENTS, one)
        published = await _rows(connection, _PUBLISHED, one)
        projected = await _rows(connection, _PROJECTED, {"ticket": ticket.ticket_id, "log": LOG, "records": records})
        pushed = await _rows(connection, _PUSHED, one)
        refused = await _rows(connection, _REFUSED, one)
    known = await schemas.events([value for value, _ in stored])  # its look-ups need the connection that is free now
    hops = {event.version: _first_hops(event, at) for event, (_, at) in zip(known, stored, strict=True)}
    _add_hops(hops, published, projected, pushed)
    return {
        **_head(ticket),
        "also": sorted({other.ticket_id for other in found} - {ticket.ticket_id}),
        "events": [{**_told(event), "hops": _with_lags(hops[event.version])} for event in known],
        "refusals": [
            {
                "code": code,
                "field": field,
                "detail": zh,
                "detail_en": en,
                "origin": origin,
                "at": at,
                "times": times,
            }
            for code, field, zh, en, origin, at, times in refused
        ],
    }


def _head(ticket: Ticket) -> dict[str, Any]:
    return {
        "ticket_id": ticket.ticket_id,
        "trace_id": ticket.trace_id,
        "source": ticket.source,
        "source_no": ticket.source_no,
        "title": ticket.title,
        "state": ticket.state.value,
        "state_zh": ticket.state.zh,
        "version": ticket.version,
        "opened_at": ticket.opened_at,
    }


def _add_hops(hops: dict[int, list[Hop]], published: _Rows, projected: _Rows, pushed: _Rows) -> None:
    for version, topic, shard, offset, at in published:
        where = f"{topic}/{shard}" + (f"@{offset}" if offset is not None else "")
        hops[version].append({"hop": "published" if at else "waiting", "where": where, "at": at})
    for version, handler, at in projected:
        hops[version].append({"hop": "projected", "where": handler, "at": at})
    for version, topic, client, at in pushed:
        hops[version].append({"hop": "pushed", "where": f"{topic} → {client}", "at": at})


def _first_hops(recorded: Recorded, received_at: Any) -> list[Hop]:
    hops: list[Hop] = [{"hop": "occurred", "where": recorded.source, "at": recorded.occurred_at}]
    if received_at is not None:
        hops.append({"hop": "received", "where": "intake", "at": received_at})
    hops.append({"hop": "committed", "where": "postgres", "at": recorded.recorded_at})
    return hops


def _told(recorded: Recorded) -> dict[str, Any]:
    told = event_json(recorded)
    keys = ("version", "event_type", "event_id", "actor", "source", "historic", "implied", "waived")
    return {key: told[key] for key in keys}


# What each hop follows: a push and a projection follow the publication, not each other.
_AFTER = {
    "received": "occurred",
    "committed": "received",
    "published": "committed",
    "projected": "published",
    "pushed": "published",
}


def _with_lags(hops: Sequence[Hop]) -> list[Hop]:
    at: dict[str, Any] = {}
    # In order of time: what an operator republished stands where it belongs.
    known = sorted((hop for hop in hops if hop["at"]), key=lambda one: one["at"])
    for hop in known:
        before = at.get(_AFTER.get(hop["hop"], ""))
        hop["lag_ms"] = round((hop["at"] - before).total_seconds() * 1000, 1) if before else None
        at.setdefault(hop["hop"], hop["at"])
    waiting = [{**hop, "lag_ms": None} for hop in hops if not hop["at"]]
    return [*known, *waiting]


async def _rows(connection: Connection, query: LiteralString, parameters: Any) -> list[tuple[Any, ...]]:
    return await (await connection.execute(query, parameters)).fetchall()
