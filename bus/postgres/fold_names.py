"""Spells the names that an earlier version stored as this one does, and finds open tickets that meet by it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Final, LiteralString, NamedTuple

from psycopg.types.json import Jsonb

from bus.domain.terms import TicketId, is_synthetic
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.domain.ticket_keys import KeyHolder, TicketKey, incident_name, plain_number
from bus.postgres.personal_keys import RENAME, PersonalKeys, opened
from bus.postgres.pool import Connection, Pool, in_transaction
from bus.postgres.store import ADD_EARLIER
from bus.wire.codec import ticket_from_json
from bus.wire.sealing import is_clear, sealed_texts

ROWS: Final = 1000  # in memory, and in a transaction, at once
RULE: Final = 4
"""The version of the rule, `plain_number` and `plain_phone`: one more whenever they spell a stored name otherwise."""

_DONE: LiteralString = "SELECT meetings FROM names_spelled WHERE rule = %s"
_KEEP: LiteralString = "INSERT INTO names_spelled (rule, meetings) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_STILL_OPEN: LiteralString = """
SELECT ticket_id FROM ticket_states WHERE state->>'state' <> 'closed' AND ticket_id = ANY(%s)"""
# Only what is not ASCII is spelled differently by this version.
_NAMES: LiteralString = """
SELECT kind, value FROM ticket_names
WHERE kind IN ('serial', 'order') AND value ~ '[^ -~]' AND (value, kind) > (%s, %s) ORDER BY value, kind LIMIT %s"""
_OPEN: LiteralString = """
SELECT state FROM ticket_states WHERE state->>'state' <> 'closed' AND ticket_id > %s ORDER BY ticket_id LIMIT %s"""
_ADD: LiteralString = """
INSERT INTO ticket_names AS n SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::timestamptz[])
ON CONFLICT (kind, value) DO UPDATE SET ticket_id = excluded.ticket_id, opened_at = excluded.opened_at
WHERE n.opened_at IS NULL OR n.opened_at < excluded.opened_at"""


class Meeting(NamedTuple):
    """Open tickets with one incident key, each opened within the dedupe window of the one before; the oldest first."""

    kind: str
    tickets: tuple[TicketId, ...]

    @property
    def text(self) -> Text:
        """Say which tickets they are; the key itself may be a phone, and is not told."""
        return Text(
            f"未关闭工单 {'、'.join(self.tickets)} 的事件唯一标识({self.kind})相同,各自保留,请人工核对",
            f"open tickets {', '.join(self.tickets)} have one incident key ({self.kind}) and stay apart: look at them",
        )


async def fold_names(pool: Pool, keys: PersonalKeys, window: timedelta) -> list[Meeting]:
    """Spell serials, orders and the phones of open tickets anew, once a RULE; give the open tickets that met by it.

    In transactions of ROWS each: after a crash it begins again, which is harmless. Look-ups of phones cannot be read
    back: those of closed tickets stay, and are found by `phone_spellings`. Raises StoreUnavailable.
    """
    found = await in_transaction(pool, _met_before)
    if found is None:
        found = await _folded(pool, keys, window)
        await in_transaction(pool, _keep, found)
    return await in_transaction(pool, _open_among, found)


async def _folded(pool: Pool, keys: PersonalKeys, window: timedelta) -> list[Meeting]:
    numbers: Sequence[str] | None = ("", "")
    while numbers:
        numbers = await in_transaction(pool, _fold_numbers, numbers)
    holders = await _open_tickets(pool, keys)
    phones = {name: max(own, key=lambda one: one.opened_at) for name, own in holders.items() if name.kind == "phone"}
    stored, newest = keys.stored(phones), [*phones.values()]
    for start in range(0, len(stored), ROWS):
        part = slice(start, start + ROWS)
        await in_transaction(pool, _add, _ADD, stored[part], newest[part])
    several = [(name, one) for name, own in holders.items() if len(own) > 1 for one in own]
    stored, others = keys.stored(name for name, _ in several), [one for _, one in several]
    for start in range(0, len(stored), ROWS):
        part = slice(start, start + ROWS)
        await in_transaction(pool, _add, ADD_EARLIER, stored[part], others[part])
    return [one for name, own in sorted(holders.items()) for one in meetings(name.kind, own, window)]


async def _met_before(connection: Connection) -> list[Meeting] | None:
    row = await (await connection.execute(_DONE, (RULE,))).fetchone()
    return None if row is None else [Meeting(one["kind"], tuple(one["tickets"])) for one in row[0]]


async def _keep(connection: Connection, found: Sequence[Meeting]) -> None:
    await connection.execute(_KEEP, (RULE, Jsonb([one._asdict() for one in found])))


async def _open_among(connection: Connection, found: Sequence[Meeting]) -> list[Meeting]:
    """Leave out of each meeting the tickets that are closed by now, and meetings of less than two."""
    tickets = [ticket for one in found for ticket in one.tickets]
    rows = await (await connection.execute(_STILL_OPEN, (tickets,))).fetchall() if tickets else []
    still = {ticket for (ticket,) in rows}
    left = [one._replace(tickets=tuple(ticket for ticket in one.tickets if ticket in still)) for one in found]
    return [one for one in left if len(one.tickets) > 1]


def meetings(kind: str, holders: Iterable[KeyHolder], window: timedelta) -> Iterator[Meeting]:
    """Find which tickets of one name would be one ticket, had the later ones been reported now. Pure."""
    ordered = sorted(holders, key=lambda one: (one.opened_at, one.ticket_id))
    group = ordered[:1]
    for before, after in pairwise([*ordered, None]):
        if after is not None and before is not None and after.opened_at - before.opened_at <= window:
            group.append(after)
            continue
        if len(group) > 1:
            yield Meeting(kind, tuple(one.ticket_id for one in group))
        group = [after] if after else []


async def _fold_numbers(connection: Connection, after: Sequence[str]) -> Sequence[str] | None:
    """Spell the next ROWS numbers; gives the last of them, or nothing behind the last."""
    rows = await (await connection.execute(_NAMES, (*after, ROWS))).fetchall()
    renamed = [(kind, value, plain_number(value)) for kind, value in rows if plain_number(value) != value]
    if renamed:
        await connection.execute(RENAME, [list(column) for column in zip(*renamed, strict=True)])
    return (rows[-1][1], rows[-1][0]) if rows else None


async def _add(
    connection: Connection, query: LiteralString, names: Sequence[TicketKey], holders: Sequence[KeyHolder]
) -> None:
    rows = [(*name, *holder) for name, holder in zip(names, holders, strict=True)]
    await connection.execute(query, [list(column) for column in zip(*rows, strict=True)])


async def _open_tickets(pool: Pool, keys: PersonalKeys) -> dict[TicketKey, list[KeyHolder]]:
    found = defaultdict[TicketKey, list[KeyHolder]](list)
    after = ""
    while page := await in_transaction(pool, _open_page, keys, after):
        after, holders = page
        for name, holder in holders:
            found[name].append(holder)
    return found


async def _open_page(
    connection: Connection, keys: PersonalKeys, after: str
) -> tuple[TicketId, Iterable[tuple[TicketKey, KeyHolder]]] | None:
    rows = await (await connection.execute(_OPEN, (after, ROWS))).fetchall()
    tickets = [ticket_from_json(state) for (state,) in rows]
    return (tickets[-1].ticket_id, await _holders(connection, keys, tickets)) if tickets else None


async def _holders(
    connection: Connection, keys: PersonalKeys, tickets: Sequence[Ticket]
) -> Iterable[tuple[TicketKey, KeyHolder]]:
    sealed = [text.encode() for one in tickets for text in sealed_texts(one.incident_key)]
    known = await keys.load(connection, sealed)
    clear = [opened(known, one.ticket_id, one.incident_key) for one in tickets]
    return [
        (incident_name(key), KeyHolder(ticket.ticket_id, ticket.opened_at))
        for key, ticket in zip(clear, tickets, strict=True)
        if is_clear(key.value) and not is_synthetic(ticket.ticket_id)
    ]
