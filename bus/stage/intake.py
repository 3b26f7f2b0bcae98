"""The intake stage: raw requests that waited on Kafka while PostgreSQL was away are dispatched at last."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bus.errors import MalformedInput, Refusal
from bus.postgres.pool import Connection
from bus.stage.record import Record

Waiting = TypeVar("Waiting")


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeHandler(Generic[Waiting]):
    """Reads each waiting request and runs it; what is refused is kept, and the stage goes on.

    `run` and `keep` must be idempotent: they commit on their own, and may be called again when the offset did not move.
    """

    decode: Callable[[bytes], Waiting]
    run: Callable[[Waiting], Awaitable[None]]
    keep: Callable[[Record, Refusal], Awaitable[None]]
    name: str = "intake"

    async def handle(self, _connection: Connection, records: Sequence[Record]) -> None:
        for record in records:
            try:
                if record.value is None:
                    raise MalformedInput("empty_record", "value", "记录没有内容", "the record is empty")
                await self.run(self.decode(record.value))
            except Refusal as refused:
                await self.keep(record, refused)
