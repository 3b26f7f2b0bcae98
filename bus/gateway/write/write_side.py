"""The write side that the routes which change tickets share."""

from dataclasses import dataclass

from bus.gateway.ports import Spool
from bus.gateway.write.group_commit import GroupCommit
from bus.gateway.write.request_coalescing import InFlight
from bus.intake.store_port import Store
from bus.wire.rejected_input import RejectedInputStore


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSide:
    """Group commit on the store, one request per key at a time; `spool` while the store is away, `refused` for a no."""

    group: GroupCommit
    store: Store
    in_flight: InFlight
    spool: Spool
    refused: RejectedInputStore
