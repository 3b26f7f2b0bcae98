"""What is stored sealed, in clear: its schemas and keys are looked up, then it is decoded and opened."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

from bus.domain.events import Recorded
from bus.domain.fast_replace import replace
from bus.domain.ticket import Ticket
from bus.postgres.personal_keys import Keys, PersonalKeys, opened
from bus.postgres.pool import Pool, connected
from bus.schema_registry import SchemaLearner
from bus.wire.sealing import DataKey, key_ids, sealed_texts

KEYS_HELD: Final = 50_000  # in memory, some 10 MB


class ClearEvents:
    """Whoever asks for keys in the same turn of the event loop shares one query: a delivery worker begins many calls.

    `know` looks up what values need to be read, anew at each call; `decode` then gives them in clear."""

    def __init__(self, pool: Pool, keys: PersonalKeys, schemas: SchemaLearner) -> None:
        self.keys, self.schemas, self._pool = keys, schemas, pool
        self._known = OrderedDict[str, DataKey | None]()
        self._wanted = list[bytes]()  # whose keys the next query asks for
        self._next: asyncio.Task[Keys] | None = None

    async def know(self, values: Iterable[bytes | None]) -> None:
        """Look up schemas, and the keys as they are now. Raises StoreUnavailable, RegistryUnavailable."""
        given = [value for value in values if value]
        await self.schemas.know(given)
        await self._know_keys(given)

    async def _know_keys(self, given: Sequence[bytes]) -> None:
        for key_id, key in (await self._keys(given)).items():
            self._known[key_id] = key
            self._known.move_to_end(key_id)
        while len(self._known) > KEYS_HELD:
            self._known.popitem(last=False)

    def decode(self, value: bytes) -> Recorded:
        """Read an event in clear; what was erased says so. Raises MalformedInput."""
        return self._opened(self.schemas.codec.decode(value), value)

    async def events(self, values: Sequence[bytes]) -> list[Recorded]:
        """Read events of the log in clear. Raises as `know`, and InvariantBroken for one that cannot be read."""
        recorded = await self.schemas.events(values)
        await self._know_keys(values)
        return [self._opened(*both) for both in zip(recorded, values, strict=True)]

    async def of_ticket(self, ticket: Ticket) -> Ticket:
        """Give a folded state in clear. Raises StoreUnavailable."""
        keys = await self._keys([text.encode() for text in sealed_texts(ticket)])
        return opened(keys, ticket.ticket_id, ticket)

    async def _keys(self, values: Sequence[bytes]) -> Keys:
        """Load the keys that values name as they are now: by a query that begins after this was asked for."""
        ids = key_ids(values)
        if not ids:
            return {}
        self._wanted += values
        if self._next is None:
            self._next = asyncio.create_task(self._load_next())
            self._next.add_done_callback(_note_failure)
        found = await asyncio.shield(self._next)  # whoever gives up waiting leaves it to the others
        return {one: found[one] for one in ids if one in found}

    async def _load_next(self) -> Keys:
        wanted, self._wanted, self._next = self._wanted, [], None
        async with connected(self._pool) as connection:
            return await self.keys.load(connection, wanted)

    def _opened(self, recorded: Recorded, value: bytes) -> Recorded:
        keys = {one: self._known[one] for one in key_ids([value]) if one in self._known}
        return replace(recorded, event=opened(keys, recorded.ticket_id, recorded.event)) if keys else recorded


def _note_failure(load: asyncio.Task[Keys]) -> None:
    """Take note of a failure for those who no longer wait for it."""
    if not load.cancelled():
        load.exception()
