"""The port through which a parked delivery becomes a dead letter, in the transaction that parks it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bus.delivery.queue import Claim
from bus.delivery.triage import Reason
from bus.domain.events import Recorded
from bus.postgres.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedDelivery:
    """A claim, the event where it can be read, why it is parked, its last failure, and when."""

    target: str
    claim: Claim
    recorded: Recorded | None
    reason: Reason
    failure: Mapping[str, Any]
    at: datetime


Park = Callable[[Connection, Sequence[ParkedDelivery]], Awaitable[None]]
