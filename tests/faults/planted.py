"""Bugs planted into the running product, one at a time: what the checker has to find.

Run in place of `python -m bus`, with the bug's name in TICKETBUS_PLANTED.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

import bus.kafka.clients
import bus.postgres.store
from bus.cli import main
from bus.domain.batch import Outcome, wanted
from bus.domain.batch_decider import settle
from bus.domain.commands import Request
from bus.intake.dispatch import Dispatcher
from bus.intake.dispatch_handler import DispatchHandler
from bus.kafka.range_reader import Chunk
from bus.postgres import command_rows
from bus.postgres.pool import Connection, connected
from bus.stage import offsets
from bus.stage.handler import Handler
from bus.stage.runner import Runner
from bus.wire.record import Record
from tests.bus_under_test import Bus

PLANTED = "TICKETBUS_PLANTED"
log = structlog.get_logger()


def planted(healthy: Bus, bug: str) -> Bus:
    """Give the same bus, whose programs start with the bug in them."""
    assert bug in BUGS, f"there is no bug {bug!r}; there are {sorted(BUGS)}"
    return replace(healthy, module=__name__, environment={**healthy.environment, PLANTED: bug})


def answer_before_commit() -> None:
    """Answer as soon as it is decided; append and commit afterwards, and say nothing when that fails."""
    behind: set[asyncio.Task[None]] = set()

    async def dispatch(self: Dispatcher, requests: Sequence[Request]) -> list[Outcome]:
        decided: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()

        async def commit_later() -> None:
            try:
                async with self.store.transaction() as tx:
                    loaded = await tx.load(wanted(requests, self.rules))
                    now, ids = self.now(), self.new_event_id
                    settled = settle(requests, loaded, rules=self.rules, recorded_at=now, new_event_id=ids)
                    decided.set_result(settled.outcomes)
                    if settled.events:
                        await tx.append(settled)
            except Exception as error:  # noqa: BLE001 - that is the bug: whoever was answered already never learns of it
                if not decided.done():
                    decided.set_exception(error)
            else:
                self.committed()

        behind.add(task := asyncio.create_task(commit_later()))
        task.add_done_callback(behind.discard)
        return await decided

    _put(Dispatcher, "dispatch", dispatch)


def no_memory() -> None:
    """Decide every repeat anew: no command is found done, and one more row of it is no conflict."""
    store = bus.postgres.store
    _put(store, "READ_DONE", f"{command_rows.READ_DONE} AND false")
    _put(store, "ADD_DONE", f"{command_rows.ADD_DONE} ON CONFLICT DO NOTHING")


def swallowed_exception() -> None:
    """Let the stages that dispatch log what they fail on, and go on."""
    handle = DispatchHandler.handle

    async def careless(self: DispatchHandler, connection: Connection, records: Sequence[Record]) -> None:
        try:
            await handle(self, connection, records)
        except Exception:
            log.exception("records_failed", stage=self.name)

    _put(DispatchHandler, "handle", careless)


def offset_first() -> None:
    """Move a stage's offsets in a transaction of their own, then bring about the effects."""

    async def apply_together(self: Runner, handler: Handler, chunks: Sequence[Chunk]) -> set[int]:
        async with connected(self._pool) as connection:
            next_offsets = await offsets.lock(connection, handler.name, [chunk.partition for chunk in chunks])
            due = [chunk for chunk in chunks if next_offsets.get(chunk.partition, -1) >= chunk.start]
            fresh = [r for chunk in due for r in chunk.records if r.offset >= next_offsets[chunk.partition]]
            await self._move(connection, handler, due, next_offsets)
        async with connected(self._pool) as connection:
            await handler.handle(connection, fresh)
        return {chunk.partition for chunk in chunks} - {chunk.partition for chunk in due}

    _put(Runner, "_apply_together", apply_together)


def one_too_far() -> None:
    """Go on, after a restart, one offset behind where the stage stood."""
    begin, begun = offsets.begin, set[str]()
    further = """
    UPDATE stage_offsets SET next_offset = next_offset + 1 WHERE handler = ANY(%s) AND moved_at IS NOT NULL"""

    async def begin_late(connection: Connection, handlers: Sequence[str], *rest: Any) -> None:
        await begin(connection, handlers, *rest)
        await connection.execute(further, ([one for one in handlers if one not in begun],))
        begun.update(handlers)

    _put(offsets, "begin", begin_late)


def one_replica_is_enough() -> None:
    """Take a record for published as soon as the leader alone has it."""
    make = bus.kafka.clients.make_producer
    hasty = {"acks": 1, "enable_idempotence": False}
    _put(bus.kafka.clients, "make_producer", lambda settings, **options: make(settings, **{**options, **hasty}))


BUGS: Mapping[str, Callable[[], None]] = {
    bug.__name__: bug
    for bug in (
        answer_before_commit,
        no_memory,
        swallowed_exception,
        offset_first,
        one_too_far,
        one_replica_is_enough,
    )
}


def _put(owner: object, name: str, value: object) -> None:
    setattr(owner, name, value)


if __name__ == "__main__":
    BUGS[os.environ[PLANTED]]()
    sys.argv[0] = "ticketbus"
    main()
