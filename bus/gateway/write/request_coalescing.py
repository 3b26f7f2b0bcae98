"""One request per idempotency key at a time, until its answer is known: then everybody gets that."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from bus.domain.batch import ReadSet
from bus.domain.errors import StoreUnavailable
from bus.domain.terms import CommandId
from bus.domain.text import Text
from bus.gateway.http.problems import HttpProblem
from bus.intake.command_ids import NAME
from bus.intake.store_port import Store


class InFlight:
    """What this process is deciding right now."""

    def __init__(self) -> None:
        """Begin empty."""
        self._claimed: dict[object, asyncio.Task[bool] | None] = {}

    @asynccontextmanager
    async def claim(
        self, what: object, store: Store, commands: Iterable[CommandId], field: str = NAME
    ) -> AsyncIterator[None]:
        """Hold a key until the block ends, or go along when the store has taken all of its commands long ago.

        The store is asked only while another request holds the key, once for all who come meanwhile. Raises HttpProblem
        (409) that names `field` when that one is the first.
        """
        if what in self._claimed:
            look = self._claimed[what]
            if look is None or look.done():
                look = self._claimed[what] = asyncio.create_task(taken(store, commands))
            if not await asyncio.shield(look):
                zh, en = (
                    f"同一 {field} 的请求正在处理,请稍后重试",
                    f"a request with this {field} is being decided; retry shortly",
                )
                raise HttpProblem(409, "in_flight", field, Text(zh, en), {"Retry-After": "1"})
            yield
            return
        self._claimed[what] = None
        try:
            yield
        finally:
            del self._claimed[what]


async def taken(store: Store, commands: Iterable[CommandId]) -> bool:
    """Say whether the store has taken all these commands before; as long as it cannot tell, it has not."""
    asked = tuple(commands)
    wanted = ReadSet(opening_names=(), names=(), ticket_ids=(), command_ids=asked, openings=())
    try:
        async with store.transaction() as transaction:
            return (await transaction.load(wanted)).done.keys() >= {*asked}
    except StoreUnavailable:
        return False
