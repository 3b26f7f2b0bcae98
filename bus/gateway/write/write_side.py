"""The write side that the routes which change tickets share."""

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from bus.domain.terms import CommandId
from bus.gateway.ports import Spool
from bus.gateway.write.group_commit import GroupCommit
from bus.gateway.write.request_coalescing import InFlight
from bus.intake.command_ids import NAME
from bus.intake.store_port import Store
from bus.wire.rejected_input import RejectedInputStore


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSide:
    """Group commit on the store, one request per key at a time; `spool` while the store is away, `refused` for a no.

    `check` raises IntakeStopped while nothing may be taken in.
    """

    group: GroupCommit
    store: Store
    in_flight: InFlight
    spool: Spool
    refused: RejectedInputStore
    check: Callable[[], None] = lambda: None

    def claim(
        self, what: object, commands: Iterable[CommandId], field: str = NAME
    ) -> AbstractAsyncContextManager[None]:
        """Hold a key while its request is decided or spooled. Raises IntakeStopped; entering it, HttpProblem (409)."""
        self.check()
        return self.in_flight.claim(what, self.store, commands, field)
