"""What is stored sealed, in clear: its schemas and keys are looked up, then it is decoded and opened."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

from bus.domain.events import Recorded
from bus.domain.fast_replace import replace
from bus.domain.ticket import Ticket
from bus.postgres.personal_keys import PersonalKeys, opened
from bus.postgres.pool import Pool, connected
from bus.schema_registry import SchemaLearner
from bus.wire.sealing import DataKey, key_ids, sealed_texts

KEYS_HELD: Final = 50_000  # in memory, some 10 MB


class ClearEvents:
    """`know` looks up what values need to be read, anew at each call; `decode` then gives them in clear."""

    def __init__(self, pool: Pool, keys: PersonalKeys, schemas: SchemaLearner) -> None:
        self.keys, self.schemas, self._pool = keys, schemas, pool
        self._known = OrderedDict[str, DataKey | None]()

    async def know(self, values: Iterable[bytes | None]) -> None:
        """Look up schemas, and the keys as they are now. Raises StoreUnavailable, RegistryUnavailable."""
        given = [value for value in values if value]
        await self.schemas.know(given)
        await self._know_keys(given)

    async def _know_keys(self, given: Sequence[bytes]) -> None:
        if not key_ids(given):
            return
        async with connected(self._pool) as connection:
            found = await self.keys.load(connection, given)
        for key_id, key in found.items():
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
        async with connected(self._pool) as connection:
            keys = await self.keys.load(connection, [text.encode() for text in sealed_texts(ticket)])
        return opened(keys, ticket.ticket_id, ticket)

    def _opened(self, recorded: Recorded, value: bytes) -> Recorded:
        keys = {one: self._known[one] for one in key_ids([value]) if one in self._known}
        return replace(recorded, event=opened(keys, recorded.ticket_id, recorded.event)) if keys else recorded
