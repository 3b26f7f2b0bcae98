"""The PostgreSQL store: a batch is loaded and locked in three queries and appended in one round trip."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any, LiteralString

from psycopg import errors

from bus.archive.reader import event_values
from bus.domain.batch import BatchDecision, LoadedState, ReadSet
from bus.domain.errors import CommandRaced, InvariantBroken
from bus.domain.events import Recorded
from bus.domain.events_page import PAGE_BYTES_MAX, EventsPage, page_of
from bus.domain.terms import TicketId, TraceId
from bus.domain.ticket import Ticket
from bus.domain.ticket_keys import KeyHolder, TicketKey
from bus.domain.values import PLAIN_TRACE
from bus.domain.whereabouts import whereabouts
from bus.postgres.command_rows import ADD_DONE, READ_DONE, done_rows, processed
from bus.postgres.linked_articles import filed_articles
from bus.postgres.named_files import link_files, lock_files
from bus.postgres.personal_keys import KEYS_OF_TICKETS, PersonalKeys
from bus.postgres.pool import Connection, Pool, connected, guard
from bus.postgres.staff import note_assigned, present_people, staff_for, who_left
from bus.postgres.work_orders import Read, roles_of, templates_of
from bus.wire.codec import Codec, record_type, ticket_from_json, ticket_json
from bus.wire.partitioner import partition_of
from bus.wire.ticket_sealing import TicketSealing
from schemas.topics import LOG, Contract

_LOCK_NAMES = """
INSERT INTO ticket_names (kind, value)
SELECT * FROM unnest(%b::text[], %b::text[])
ON CONFLICT (kind, value) DO UPDATE SET value = excluded.value
RETURNING kind, value, ticket_id, opened_at"""
_READ_NAMES = """
SELECT n.kind, n.value, n.ticket_id, n.opened_at FROM ticket_names n
JOIN unnest(%b::text[], %b::text[]) AS w (kind, value) USING (kind, value)"""
# A closed ticket takes no report: those that a day's many reports opened and closed are not loaded.
_READ_EARLIER = """
SELECT DISTINCT e.kind, e.value, e.ticket_id, e.opened_at
FROM unnest(%b::text[], %b::text[], %b::timestamptz[]) AS w (kind, value, at)
JOIN earlier_tickets e ON e.kind = w.kind AND e.value = w.value
    AND e.opened_at BETWEEN w.at - %b::interval AND w.at + %b::interval
JOIN ticket_states s ON s.ticket_id = e.ticket_id AND s.state->>'state' <> 'closed'"""
_LOCK_TICKETS = "SELECT state FROM ticket_states WHERE ticket_id = ANY(%b) ORDER BY ticket_id FOR UPDATE"
_READ_TRACES = "SELECT DISTINCT trace_id FROM ticket_states WHERE trace_id = ANY(%b)"
_READ_REPORTED = """
SELECT w.ticket_id, w.source FROM unnest(%b::text[], %b::text[]) AS w (ticket_id, source)
WHERE EXISTS (SELECT 1 FROM events e WHERE e.ticket_id = w.ticket_id AND e.source = w.source)
    OR EXISTS (SELECT 1 FROM archived_sources a WHERE a.ticket_id = w.ticket_id AND w.source = ANY(a.sources))"""
_NUMBERS = "SELECT nextval('ticket_numbers') FROM generate_series(1, %s)"
_VERSION_MAX = 2**31 - 1
_EVENTS: LiteralString = """SELECT value FROM events
WHERE ticket_id = %(ticket)s AND version > %(after)s AND version <= %(until)s ORDER BY version"""
# The events of a page, as a join: so many after a version, and no more once they hold so many bytes, but at least one.
IN_PAGE: LiteralString = """
JOIN (
    SELECT version, sum(bytes) OVER (ORDER BY version) - bytes AS before FROM (
        SELECT version, octet_length(value) AS bytes FROM events
        WHERE ticket_id = %(ticket)s AND version > %(after)s ORDER BY version LIMIT %(events)s) first
) page ON page.version = e.version AND page.before < %(bytes)s"""
_EVENTS_PAGE: LiteralString = f"""
SELECT e.value FROM events e{IN_PAGE} WHERE e.ticket_id = %(ticket)s ORDER BY e.version"""  # noqa: S608 - of constants alone
ADD_EVENTS: LiteralString = """
INSERT INTO events (ticket_id, version, event_id, ce_type, command_id, trace_id, source, occurred_at, recorded_at,
                    historic, value)
SELECT * FROM unnest(%b::text[], %b::int[], %b::uuid[], %b::text[], %b::uuid[], %b::text[], %b::text[],
                     %b::timestamptz[], %b::timestamptz[], %b::bool[], %b::bytea[])"""
# Only who adds events by this store has them sealed: a row that came otherwise is no leaf of the audit tree.
_ADD_UNSEALED = "INSERT INTO audit_pending (ticket_id, version) SELECT * FROM unnest(%b::text[], %b::int[])"
_ADD_OUTBOX = """
INSERT INTO outbox (shard, topic, ticket_id, version, region, region_before, assignee, assignee_before)
SELECT * FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::int[],
                     %b::text[], %b::text[], %b::text[], %b::text[])"""
_PUT_STATES = """
INSERT INTO ticket_states (ticket_id, version, trace_id, state, trace_sampled, tracestate)
SELECT * FROM unnest(%b::text[], %b::int[], %b::text[], %b::jsonb[], %b::bool[], %b::text[])
ON CONFLICT (ticket_id) DO UPDATE SET version = excluded.version, state = excluded.state"""
_PUT_NAMES = """
UPDATE ticket_names n SET ticket_id = w.ticket_id, opened_at = w.opened_at
FROM unnest(%b::text[], %b::text[], %b::text[], %b::timestamptz[]) AS w (kind, value, ticket_id, opened_at)
WHERE n.kind = w.kind AND n.value = w.value"""
ADD_EARLIER = """
INSERT INTO earlier_tickets (kind, value, ticket_id, opened_at)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::timestamptz[]) ON CONFLICT DO NOTHING"""
_ADD_PHONES = """
INSERT INTO ticket_phones (phone, ticket_id) SELECT * FROM unnest(%b::text[], %b::text[]) ON CONFLICT DO NOTHING"""
_FORGET_NAMES = """
DELETE FROM ticket_names n USING unnest(%b::text[], %b::text[]) AS w (kind, value)
WHERE n.kind = w.kind AND n.value = w.value AND n.ticket_id IS NULL"""


class PostgresStore:
    """Where a change becomes true. Safe for many tasks at once; each transaction takes a connection of the pool.

    Personal texts of events and states are sealed, and phones stand as look-ups. `read` reads events back, also those
    whose schemas the codec was not taught; without it the codec does alone.
    """

    def __init__(
        self, pool: Pool, codec: Codec, contract: Contract, keys: PersonalKeys, *, read: Read | None = None
    ) -> None:
        self._pool, self._codec, self._contract, self._keys, self._read_events = pool, codec, contract, keys, read
        self._shards = contract.topics[LOG].partitions

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["PostgresTransaction"]:
        async with connected(self._pool) as connection:
            transaction = PostgresTransaction(
                connection, self._codec, self._contract, self._keys, shards=self._shards, read=self._decoded
            )
            yield transaction
            await transaction.delete_unused_names()

    async def ticket(self, ticket_id: TicketId) -> Ticket | None:
        rows = await self._read("SELECT state FROM ticket_states WHERE ticket_id = %s", (ticket_id,))
        return ticket_from_json(rows[0][0]) if rows else None

    async def events(self, ticket_id: TicketId, *, after: int = 0, until: int | None = None) -> Sequence[Recorded]:
        return await self._log(_EVENTS, {"ticket": ticket_id, "after": after, "until": until or _VERSION_MAX})

    async def reported(self, ticket_id: TicketId, source: str) -> bool:
        return bool(await self._read(_READ_REPORTED, ([ticket_id], [source])))

    async def events_page(
        self, ticket_id: TicketId, *, after: int, most: int, bytes_max: int = PAGE_BYTES_MAX
    ) -> EventsPage | None:
        heads = await self._read("SELECT version, trace_id FROM ticket_states WHERE ticket_id = %s", (ticket_id,))
        if not heads:
            return None
        head, trace_id = heads[0]
        asked = {"ticket": ticket_id, "after": after, "events": most, "bytes": bytes_max}
        return page_of(trace_id, await self._log(_EVENTS_PAGE, asked), head)

    async def _log(self, query: LiteralString, asked: Mapping[str, Any]) -> Sequence[Recorded]:
        """Read events of a ticket, archived ones as well."""
        async with connected(self._pool) as connection:
            values = await event_values(connection, query, asked)
        return await self._decoded(values)

    async def _decoded(self, values: Sequence[bytes]) -> Sequence[Recorded]:
        return await self._read_events(values) if self._read_events else [self._codec.decode(one) for one in values]

    async def _read(self, query: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        async with guard(), self._pool.connection() as connection:
            return await (await connection.execute(query.encode(), parameters)).fetchall()


class PostgresTransaction:
    """One transaction on one connection."""

    def __init__(
        self, connection: Connection, codec: Codec, contract: Contract, keys: PersonalKeys, *, shards: int, read: Read
    ) -> None:
        self._read = read
        self._connection, self._codec, self._contract, self._shards = connection, codec, contract, shards
        self._keys, self._sealing = keys, TicketSealing({})
        self._unused: set[TicketKey] = set()

    async def load(self, wanted: ReadSet) -> LoadedState:
        names, earlier = await self._holders(wanted)
        self._unused = {*wanted.opening_names} - {*names}
        holders = chain(names.values(), *earlier.values())
        ids = sorted({*wanted.ticket_ids, *(known.ticket_id for known in holders)})
        async with self._connection.pipeline():
            tickets = await self._connection.execute(_LOCK_TICKETS, (ids,))
            rows = await self._connection.execute(READ_DONE, (list(wanted.command_ids),), binary=True)
            traces = await self._connection.execute(_READ_TRACES, (list(wanted.trace_ids),))
            keys = await self._connection.execute(KEYS_OF_TICKETS, (ids,))
            by_source = None
            if wanted.reported:
                by_source = await self._connection.execute(_READ_REPORTED, columns(wanted.reported, 2))
        self._sealing = self._keys.sealing(await keys.fetchall())
        found = [ticket_from_json(state) for (state,) in await tickets.fetchall()]
        known = {ticket.ticket_id: ticket for ticket in found}
        routes = [(known.get(ticket_id), at) for ticket_id, at in wanted.routes]
        done = {one.command_id: one for one in map(processed, await rows.fetchall())}
        new = sum(one not in done for one in wanted.openings)
        reports = await by_source.fetchall() if by_source else ()
        return LoadedState(
            files=await lock_files(self._connection, wanted.files),
            people=await present_people(self._connection, wanted.people),
            left=await who_left(self._connection, {known[i].assignee.person for i in wanted.taken_up if i in known}),
            articles=await filed_articles(self._connection, wanted.articles),
            reported={(TicketId(ticket_id), source) for ticket_id, source in reports},
            tickets=known,
            names=names,
            earlier=earlier,
            staff=await staff_for(self._connection, self._keys, routes, wanted.calendars),
            templates=await templates_of(self._connection, found, self._read),
            roles=await roles_of(self._connection, wanted.approvers),
            done=done,
            numbers=await self._numbers(new) if new else [],
            traces={TraceId(trace_id) for (trace_id,) in await traces.fetchall()},
            seal=self._sealing.seal,
        )

    async def _numbers(self, count: int) -> list[int]:
        return [number for (number,) in await (await self._connection.execute(_NUMBERS, (count,))).fetchall()]

    async def append(self, settled: BatchDecision) -> None:
        self._unused -= {*settled.names}
        try:
            async with self._connection.pipeline():
                await self._append_log(settled)
                await link_files(self._connection, settled.events)
                await put_folds(self._connection, settled, self._keys)
                await note_assigned(self._connection, settled)
                await self._keys.put(self._connection, self._sealing)
        except errors.UniqueViolation as error:
            if error.diag.constraint_name == "commands_pkey":
                raise CommandRaced("a command id was taken by a transaction that ran beside this one") from error
            raise InvariantBroken(f"a version or a command was taken already: {error.diag.constraint_name}") from error

    async def delete_unused_names(self) -> None:
        """Drop the lock rows of names that no ticket came to bear."""
        if self._unused:
            await self._connection.execute(_FORGET_NAMES, columns(self._keys.stored(sorted(self._unused)), 2))

    async def _holders(self, wanted: ReadSet) -> tuple[dict[TicketKey, KeyHolder], dict[TicketKey, set[KeyHolder]]]:
        """Lock the names of openings, then read which tickets bear them; those of other commands are read alone."""
        asked = [*wanted.opening_names, *wanted.names]
        if not asked:
            return {}, {}
        by_stored = dict(zip(self._keys.stored(asked), asked, strict=True))
        stored = {name: one for one, name in by_stored.items()}
        async with self._connection.pipeline():
            opening, others = ([stored[name] for name in part] for part in (wanted.opening_names, wanted.names))
            locked = await self._connection.execute(_LOCK_NAMES, columns(opening, 2))
            read = await self._connection.execute(_READ_NAMES, columns(others, 2))
            near = None
            if wanted.reported_at:
                times = columns(((*stored[name], at) for name, at in wanted.reported_at), 3)
                near = await self._connection.execute(_READ_EARLIER, (*times, wanted.window, wanted.window))
        names = {
            by_stored[TicketKey(kind, value)]: KeyHolder(TicketId(ticket_id), at)
            for kind, value, ticket_id, at in [*await locked.fetchall(), *await read.fetchall()]
            if ticket_id
        }
        earlier: dict[TicketKey, set[KeyHolder]] = {}
        for kind, value, ticket_id, at in await near.fetchall() if near else ():
            earlier.setdefault(by_stored[TicketKey(kind, value)], set()).add(KeyHolder(TicketId(ticket_id), at))
        return names, earlier

    async def _append_log(self, settled: BatchDecision) -> None:
        await add_events(self._connection, [(event, self._codec.encode(event)) for event in settled.events])
        out = [
            (partition_of(e.ticket_id, self._shards), topic, e.ticket_id, e.version, *where)
            for e, where in zip(settled.events, whereabouts(settled.events, settled.tickets), strict=True)
            for topic in self._contract.destinations(e)
        ]
        await self._connection.execute(_ADD_OUTBOX, columns(out, 8))


async def add_events(connection: Connection, events: Sequence[tuple[Recorded, bytes]]) -> None:
    """Insert events with their final bytes."""
    rows = [
        (e.ticket_id, e.version, e.event_id, record_type(e).ce_type, e.command_id, e.trace_id, e.source,
         e.occurred_at, e.recorded_at, e.historic, value)
        for e, value in events
    ]  # fmt: skip
    await connection.execute(ADD_EVENTS, columns(rows, 11))
    await connection.execute(_ADD_UNSEALED, columns([row[:2] for row in rows], 2))


async def put_folds(connection: Connection, settled: BatchDecision, keys: PersonalKeys) -> None:
    """Store what follows from the events: folded states, names, command ids."""
    traces = ((t, settled.traces.get(t.ticket_id, PLAIN_TRACE)) for t in settled.tickets.values())
    states = [
        (t.ticket_id, t.version, t.trace_id, ticket_json(t).decode(), trace.sampled, trace.tracestate)
        for t, trace in traces
    ]
    await connection.execute(_PUT_STATES, columns(states, 6))
    if settled.names:
        names = [(*keys.stored([name])[0], *known) for name, known in sorted(settled.names.items())]
        await connection.execute(_PUT_NAMES, columns(names, 4))
    if settled.earlier:
        held = [(*keys.stored([name])[0], *holder) for name, holder in sorted(settled.earlier)]
        await connection.execute(ADD_EARLIER, columns(held, 4))
    if settled.phones:
        phones = sorted((keys.lookup(phone), ticket_id) for phone, ticket_id in settled.phones)
        await connection.execute(_ADD_PHONES, columns(phones, 2))
    await connection.execute(ADD_DONE, columns(done_rows(settled.done), 8))


def columns(rows: Iterable[Sequence[Any]], width: int) -> list[list[Any]]:
    """Turn rows into the columns that unnest takes."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
