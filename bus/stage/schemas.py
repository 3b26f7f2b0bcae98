"""A handler beside whose program newer ones write: what its codec does not know yet, the registry may."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bus.codec import UnknownSchema
from bus.errors import Transient
from bus.log.record import Record
from bus.postgres.pool import Connection
from bus.stage.handler import Handler


class SchemaLearnt(Transient):
    """A schema was unknown and is known now: the same records can be read when they are given again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningHandler:
    """Asks for an unknown schema before its handler is stopped for it; waits while the registry is away."""

    handler: Handler
    learn: Callable[[int], Awaitable[bool]]

    @property
    def name(self) -> str:
        return self.handler.name

    async def handle(self, connection: Connection, records: Sequence[Record]) -> None:
        try:
            await self.handler.handle(connection, records)
        except UnknownSchema as unknown:
            if await self.learn(unknown.schema_id):
                raise SchemaLearnt(f"schema id {unknown.schema_id} was learnt just now") from unknown
            raise
