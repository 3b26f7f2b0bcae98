"""The keys of personal texts in PostgreSQL: loaded, made, destroyed; and who read in clear (R50)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString, TypeVar

from bus.domain.phone_numbers import plain_phone
from bus.domain.terms import KeyKind, TicketId
from bus.domain.ticket_keys import TicketKey
from bus.postgres.pool import Connection, Pool, connected
from bus.wire.sealing import (
    DataKey,
    MasterKey,
    key_ids,
    new_key,
    opened_bytes,
    opener,
    sealed_bytes,
    sealed_texts,
    with_texts,
)
from bus.wire.ticket_sealing import TicketSealing

NAMES_AT_ONCE: Final = 10_000
INPUT: Final = "input"  # what a key is about that is no ticket's
KEYS_OF_TICKETS = """
SELECT DISTINCT ON (about) about, key_id, wrapped FROM personal_keys
WHERE about = ANY(%b) AND wrapped IS NOT NULL ORDER BY about, made_at DESC, key_id"""
_BY_ID = "SELECT key_id, wrapped FROM personal_keys WHERE key_id = ANY(%b)"
# That a client read, for a person, at a time, what the query `read` selects; in one order, so that two cannot deadlock.
NOTE_READS: LiteralString = """
INSERT INTO personal_reads AS r (read_on, client, person, what, first_at, last_at, times)
SELECT DISTINCT %(at)s::date, %(client)s, %(person)s, what, %(at)s::timestamptz, %(at)s::timestamptz, 1
FROM ({read}) AS w (what) ORDER BY what
ON CONFLICT (what, read_on, client, person) DO UPDATE SET last_at = excluded.last_at, times = r.times + 1"""
_BY_ID_NOTED: LiteralString = """
WITH keys AS (SELECT key_id, about, wrapped FROM personal_keys WHERE key_id = ANY(%(ids)s)), noted AS ({noted})
SELECT key_id, wrapped FROM keys"""
_READ = _BY_ID_NOTED.format(noted=NOTE_READS.format(read="SELECT about FROM keys WHERE wrapped IS NOT NULL"))
_ADD = """
INSERT INTO personal_keys (key_id, about, wrapped, ended_at)
SELECT key_id, about, wrapped, CASE WHEN wrapped IS NULL THEN now() END
FROM unnest(%b::text[], %b::text[], %b::bytea[]) AS w (key_id, about, wrapped)"""
_CLEAR_NAMES = """
SELECT kind, value FROM ticket_names WHERE kind = 'phone' AND value NOT LIKE 'hmac:v1:%%' LIMIT %s"""
# Of names that become one, the ticket that was opened last bears it.
RENAME = """
WITH old AS (SELECT * FROM unnest(%b::text[], %b::text[], %b::text[]) AS o (kind, value, renamed)),
     gone AS (DELETE FROM ticket_names n USING old o WHERE n.kind = o.kind AND n.value = o.value
              RETURNING n.kind, o.renamed, n.ticket_id, n.opened_at)
INSERT INTO ticket_names AS n
SELECT DISTINCT ON (kind, renamed) * FROM gone ORDER BY kind, renamed, opened_at DESC NULLS LAST
ON CONFLICT (kind, value) DO UPDATE SET ticket_id = excluded.ticket_id, opened_at = excluded.opened_at
WHERE n.opened_at IS NULL OR n.opened_at <= excluded.opened_at"""
_CLEAR_PHONES = "SELECT phone, ticket_id FROM ticket_phones WHERE phone NOT LIKE 'hmac:v1:%%' LIMIT %s"
_SEAL_PHONES = """
WITH clear AS (SELECT * FROM unnest(%b::text[], %b::text[], %b::text[]) AS c (phone, ticket_id, lookup)),
     gone AS (DELETE FROM ticket_phones p USING clear c WHERE p.phone = c.phone AND p.ticket_id = c.ticket_id)
INSERT INTO ticket_phones SELECT lookup, ticket_id FROM clear ON CONFLICT DO NOTHING"""
# What targets said of a failure is masked, and still theirs: who knows what they know of a person.
_WITHOUT_MESSAGES: LiteralString = """
SET failures = (SELECT jsonb_agg(one - 'message' ORDER BY place)
                FROM jsonb_array_elements(t.failures) WITH ORDINALITY AS f (one, place))
FROM old WHERE t.ticket_id = old.about AND jsonb_path_exists(t.failures, '$[*].message')"""
# Gone with a ticket's keys: by which phone it is found, digests of the bodies of its commands, what targets said of it,
# and files that no other ticket's evidence names. `which` gives `key_id` and `about`, and locks the keys; of a ticket
# that never had a key, as nothing personal was written about it, `key_id` is null, and all else goes.
DESTROY: LiteralString = """
WITH old AS ({which}), heads AS (UPDATE delivery_heads t {without_messages}
), letters AS (UPDATE letters t {without_messages}
), names AS (
    DELETE FROM ticket_names n USING old WHERE n.ticket_id = old.about AND n.kind = 'phone'
), earlier AS (
    DELETE FROM earlier_tickets e USING old WHERE e.ticket_id = old.about AND e.kind = 'phone'
), phones AS (
    DELETE FROM ticket_phones p USING old WHERE p.ticket_id = old.about
), photos AS (
    UPDATE files f SET tickets = ARRAY(SELECT unnest(f.tickets) EXCEPT SELECT about FROM old),
        ended_at = CASE WHEN f.tickets <@ ARRAY(SELECT about FROM old) THEN now() END
    WHERE f.tickets && ARRAY(SELECT about FROM old)
), digests AS (
    UPDATE commands c SET fingerprint = '' FROM old JOIN events e ON e.ticket_id = old.about
    WHERE c.command_id = e.command_id)
UPDATE personal_keys k SET wrapped = NULL, ended_at = now() FROM old WHERE k.key_id = old.key_id""".replace(
    "{without_messages}", _WITHOUT_MESSAGES
)
_OF_TICKETS: LiteralString = """
SELECT key_id, about FROM unnest(%(tickets)s::text[]) AS w (about) LEFT JOIN (
    SELECT key_id, about FROM personal_keys WHERE about = ANY(%(tickets)s) AND wrapped IS NOT NULL FOR UPDATE
) AS k USING (about)"""
_BY_IDS: LiteralString = """
SELECT key_id, about FROM personal_keys WHERE key_id = ANY(%s) AND wrapped IS NOT NULL FOR UPDATE"""
_MADE_BEFORE: LiteralString = """
SELECT key_id, about FROM unnest(%(tickets)s::text[], %(times)s::timestamptz[]) AS w (about, at) LEFT JOIN (
    SELECT key_id, about, made_at FROM personal_keys
    WHERE about = ANY(%(tickets)s) AND wrapped IS NOT NULL FOR UPDATE
) AS k USING (about) WHERE k.key_id IS NULL OR k.made_at <= w.at"""
_DESTROY_ABOUT: LiteralString = """
UPDATE personal_keys SET wrapped = NULL, ended_at = now() WHERE about = %s AND wrapped IS NOT NULL"""
_DESTROY_OF_TICKETS, _DESTROY_BY_ID = DESTROY.format(which=_OF_TICKETS), DESTROY.format(which=_BY_IDS)
_DESTROY_MADE_BEFORE = DESTROY.format(which=_MADE_BEFORE)
_MASTER = "master"  # the key that tells whether the master key is this database's
_CHECK = "SELECT key_id, wrapped FROM personal_keys WHERE about = 'master'"
Value = TypeVar("Value")
Keys = Mapping[str, DataKey | None]
"""Keys by id, None for one that was destroyed; one that is not there is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who reads in clear over HTTP: a client, and the person that it speaks for."""

    client: str
    person: str
    at: datetime


class PersonalKeys:
    """Opens and seals by the master key; each method works in the transaction that it is given."""

    def __init__(self, master: MasterKey) -> None:
        self._master = master

    def stored(self, names: Iterable[TicketKey]) -> list[TicketKey]:
        """Give names as their table has them: a phone by its look-up."""
        return [TicketKey(n.kind, self.lookup(n.value)) if n.kind == KeyKind.PHONE else n for n in names]

    def lookup(self, phone: str) -> str:
        """Give what stands for a phone, in its one spelling, where tickets are found by it."""
        return self._master.lookup(phone)

    async def load(self, connection: Connection, values: Iterable[bytes], reader: Reader | None = None) -> Keys:
        """Load the keys that values name, in one query; that `reader` reads them is recorded with it."""
        ids = key_ids(values)
        if not ids:
            return {}
        if reader is None:
            rows = await connection.execute(_BY_ID, (ids,))
        else:
            asked = {"ids": ids, "client": reader.client, "person": reader.person, "at": reader.at}
            rows = await connection.execute(_READ, asked)
        return {key_id: wrapped and self._master.unwrap(key_id, wrapped) for key_id, wrapped in await rows.fetchall()}

    async def shown(self, pool: Pool, items: Sequence[tuple[str, Value]], reader: Reader) -> list[Value]:
        """Give values in clear, each of the ticket named, and record who reads. Raises StoreUnavailable."""
        sealed = [text.encode() for _, value in items for text in sealed_texts(value)]
        if not sealed:
            return [value for _, value in items]
        async with connected(pool) as connection:
            keys = await self.load(connection, sealed, reader)
        return [opened(keys, ticket_id, value) for ticket_id, value in items]

    async def opened_records(self, connection: Connection, items: Sequence[tuple[str, Value]]) -> list[Value]:
        """Give values in clear, each of what its key is about; for what the bus itself does with them."""
        keys = await self.load(connection, [text.encode() for _, value in items for text in sealed_texts(value)])
        return [opened(keys, about, value) for about, value in items]

    def sealing(self, rows: Iterable[tuple[str, str, bytes]]) -> TicketSealing:
        """Take the rows of KEYS_OF_TICKETS, for what is decided about these tickets."""
        return TicketSealing({about: self._master.unwrap(key_id, wrapped) for about, key_id, wrapped in rows})

    async def of_ticket(self, connection: Connection, ticket_id: TicketId) -> TicketSealing:
        """Load a ticket's key, to seal what is written about it beside the log."""
        return self.sealing(await (await connection.execute(KEYS_OF_TICKETS, ([ticket_id],))).fetchall())

    async def put(self, connection: Connection, sealing: TicketSealing, *, destroyed: Collection[str] = ()) -> None:
        """Destroy what a batch erased, then keep the keys that it made; of `destroyed` tickets only their ids."""
        if sealing.erased:
            await self.destroy(connection, sealing.erased)
        await self._add(connection, sealing.made, destroyed)

    async def sealed_inputs(
        self, connection: Connection, bodies: Sequence[bytes], *, destroyed: bool = False
    ) -> list[bytes]:
        """Seal bodies each under a key of its own; `destroyed`: so that nothing opens them, and views say so."""
        keys = [new_key() for _ in bodies]
        await self._add(connection, [(INPUT, one) for one in keys], (INPUT,) if destroyed else ())
        return [sealed_bytes(one, INPUT, body) for one, body in zip(keys, bodies, strict=True)]

    async def opened_inputs(
        self, connection: Connection, bodies: Sequence[bytes], reader: Reader | None = None
    ) -> list[bytes]:
        """Open bodies that `sealed_inputs` sealed; that `reader` reads them is recorded."""
        keys = await self.load(connection, bodies, reader)
        return [opened_bytes(keys, INPUT, body) for body in bodies]

    async def seal_names(self, connection: Connection) -> None:
        """Put look-ups in the place of phones that an earlier version wrote as names; harmless to repeat."""
        while rows := await (await connection.execute(_CLEAR_NAMES, (NAMES_AT_ONCE,))).fetchall():
            columns = zip(*((*row, self.lookup(plain_phone(row[1]))) for row in rows), strict=True)
            await connection.execute(RENAME, [list(column) for column in columns])
        while rows := await (await connection.execute(_CLEAR_PHONES, (NAMES_AT_ONCE,))).fetchall():
            columns = zip(*((*row, self.lookup(plain_phone(row[0]))) for row in rows), strict=True)
            await connection.execute(_SEAL_PHONES, [list(column) for column in columns])

    async def destroy(self, connection: Connection, ticket_ids: Sequence[TicketId]) -> None:
        """Destroy all keys of tickets, forget by which phone they are found, and end their files."""
        await connection.execute(_DESTROY_OF_TICKETS, {"tickets": list(ticket_ids)})

    async def destroy_about(self, connection: Connection, about: str) -> None:
        """Destroy all keys of what is no ticket."""
        await connection.execute(_DESTROY_ABOUT, (about,))

    async def destroy_made_before(self, connection: Connection, erased: Mapping[TicketId, datetime]) -> None:
        """Destroy the keys that tickets had when they were erased, forget their phones, and end their files."""
        if erased:
            asked = {"tickets": [*erased], "times": [*erased.values()]}
            await connection.execute(_DESTROY_MADE_BEFORE, asked)

    async def check(self, connection: Connection, *, begin: bool = False) -> None:
        """See that the master key is this database's; with `begin` it becomes it, where there is none yet.

        Raises InvariantBroken.
        """
        rows = await (await connection.execute(_CHECK)).fetchall()
        for key_id, wrapped in rows:
            self._master.unwrap(key_id, wrapped)
        if begin and not rows:
            await self._add(connection, [(_MASTER, new_key())])

    async def destroy_inputs(self, connection: Connection, bodies: Sequence[bytes]) -> None:
        """Destroy the keys of bodies that `sealed_inputs` sealed."""
        await connection.execute(_DESTROY_BY_ID, (key_ids(bodies),))

    async def _add(
        self, connection: Connection, keys: Sequence[tuple[str, DataKey]], destroyed: Collection[str] = ()
    ) -> None:
        """Keep keys; of what is `destroyed` only that there was one, so that nothing opens its texts."""
        if not keys:
            return
        rows = [(one.key_id, about, None if about in destroyed else self._master.wrap(one)) for about, one in keys]
        await connection.execute(_ADD, [list(column) for column in zip(*rows, strict=True)])


def opened(keys: Keys, ticket_id: str, value: Value) -> Value:
    """Give a value of a ticket, an event or JSON, in clear."""
    return with_texts(value, opener(keys, ticket_id)) if keys else value
