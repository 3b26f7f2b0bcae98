"""The directory of people in PostgreSQL: each change is a row, and a record on bus.decisions (R5, R6)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, LiteralString

from psycopg.types.json import Jsonb

from bus.domain.decided import Decided
from bus.domain.people import Person, PersonChange, check_people
from bus.domain.rules import Rules
from bus.outbox.record import OutboxRecord, queue
from bus.postgres.advisory_locks import wait_for_lock
from bus.postgres.people_rows import PersonRow, key_about, person_json, read_people
from bus.postgres.personal_keys import KEYS_OF_TICKETS, PersonalKeys, Reader
from bus.postgres.pool import Connection, Pool, connected, in_transaction
from schemas.messages import PersonChanged
from schemas.topics import DECISIONS

Encode = Callable[[PersonChanged], bytes]
_LOCK: Final = "people"  # who changes the directory goes one after the other
_PUT: Final[LiteralString] = """
INSERT INTO people AS p (person, profile, left_at, erased_at, changed_at, changed_by)
VALUES (%(person)s, %(profile)s, %(left_at)s, %(erased_at)s, %(at)s, %(by)s)
ON CONFLICT (person) DO UPDATE SET profile = excluded.profile, left_at = excluded.left_at,
    erased_at = excluded.erased_at, changed_at = excluded.changed_at, changed_by = excluded.changed_by"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """Who takes tickets. Contacts and photos are sealed in rows and records. All of it raises StoreUnavailable."""

    pool: Pool
    keys: PersonalKeys
    encode: Encode
    rules: Rules

    async def listed(self, person: str = "") -> Sequence[PersonRow]:
        """List all, or one, by name: those who left, too. Contacts and photos stay sealed."""
        return await in_transaction(self.pool, read_people, person)

    async def in_clear(self, rows: Sequence[PersonRow], reader: Reader) -> Sequence[PersonRow]:
        """Give rows with contacts and photos in clear; that `reader` reads them is recorded."""
        return await self.keys.shown(self.pool, [(key_about(one.profile.person), one) for one in rows], reader)

    async def apply(self, people: Sequence[Person], decided: Decided) -> Mapping[str, PersonChange]:
        """Add or change people; nobody else changes. Gives what became of whom, without those who stay as they are.

        Somebody who left comes back. Idempotent. Raises CommandRefused, and then nothing has changed.
        """
        changes = dict[str, PersonChange]()
        async with connected(self.pool) as connection:
            rows = await self._locked(connection)
            check_people(people, [name for name, one in rows.items() if one.left_at is None], self.rules)
            known = await self.opened(connection, [rows[one.person] for one in people if one.person in rows])
            for one in people:
                before = known.get(one.person)
                if before is None or before.left_at is not None or before.profile != one:
                    back = before is None or before.left_at is not None
                    changes[one.person] = PersonChange.ADDED if back else PersonChange.CHANGED
                    await self._put(connection, PersonRow(profile=one), changes[one.person], decided)
        return changes

    async def leave(self, person: str, decided: Decided) -> PersonRow | None:
        """Mark that somebody takes no more tickets; None: there is nobody of that name. Harmless to repeat.

        The tickets that they have are handed on apart (bus/people/handing_on.py).
        """
        async with connected(self.pool) as connection:
            row = (await self._locked(connection)).get(person)
            if row is None or row.left_at is not None:
                return row
            left = replace(row, left_at=decided.at)
            await self._put(connection, left, PersonChange.LEFT, decided)
            return left

    async def erase(self, person: str, decided: Decided) -> PersonRow | None:
        """Destroy the key of somebody's contact and photo, wherever they are stored; None: there is nobody who left."""
        async with connected(self.pool) as connection:
            row = (await self._locked(connection)).get(person)
            if row is None or row.left_at is None:
                return None
            erased = replace(row, erased_at=row.erased_at or decided.at)
            if row.erased_at is None:
                await self._put(connection, erased, PersonChange.ERASED, decided)
                await self.keys.destroy_about(connection, key_about(person))
            return erased

    async def _locked(self, connection: Connection) -> Mapping[str, PersonRow]:
        await wait_for_lock(connection, _LOCK)
        return {one.profile.person: one for one in await read_people(connection)}

    async def opened(self, connection: Connection, rows: Sequence[PersonRow]) -> Mapping[str, PersonRow]:
        """Give rows in clear, by name; for what the bus itself does with them."""
        return {one.profile.person: one for one in await self.keys.opened_records(
            connection, [(key_about(one.profile.person), one) for one in rows])}  # fmt: skip

    async def _put(self, connection: Connection, row: PersonRow, change: PersonChange, decided: Decided) -> None:
        """Write a row and its record, with what is in clear sealed under the person's key, or a first one."""
        about = key_about(row.profile.person)
        sealing = self.keys.sealing(await (await connection.execute(KEYS_OF_TICKETS, ([about],))).fetchall())
        profile = sealing.seal_clear(about, row.profile)
        await self.keys.put(connection, sealing)
        values = {
            "person": profile.person,
            "profile": Jsonb(person_json(profile)),
            "left_at": row.left_at,
            "erased_at": row.erased_at,
            "at": decided.at,
            "by": decided.by,
        }
        await connection.execute(_PUT, values)
        record = PersonChanged(
            person=profile, change=change, changed_by=decided.by, why=decided.why, changed_at=decided.at
        )
        key = f"person:{profile.person}"
        await queue(
            connection,
            [OutboxRecord(topic=DECISIONS, key=key, value=self.encode(record), timestamp=decided.at)],
        )
