"""Calls to a target by a map, and the outcome of each."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from adapters.adapter import EnvironmentSecrets, TargetServices
from adapters.mapped_target.options import MappedTargetOptions
from adapters.mapped_target.target import ADAPTER, MappedTarget
from bus.delivery.target import Call, DeliveryFailed, Effect, delivery_key
from bus.domain.events import Event, NoteAdded
from bus.domain.ticket import Ticket
from bus.wire.headers import traceparent
from tests.adapters.test_crm_callback_wire import HISTORY, recorded, ticket_at
from tests.mapped_target import desk

PATIENT_S = 30.0
NOTE = NoteAdded(text="已与客户改约周三", changed=())


async def _ticket_at(_: Call) -> Ticket:
    return await ticket_at(HISTORY[2])


def call(event: Event = NOTE, *, within_s: float = PATIENT_S, copy_key: str = "") -> Call:
    """Make the call for an event of the ticket of tests."""
    of_ticket = recorded(4, event)
    return Call(
        event=of_ticket,
        key=delivery_key(of_ticket.event_id, "desk"),
        attempt=1,
        within_s=within_s,
        traceparent=traceparent(of_ticket.trace_id, of_ticket.event_id),
        mended=bool(copy_key),
        copy_key=copy_key,
    )


def built(options: Mapping[str, Any], secrets: Mapping[str, str] = desk.SECRETS) -> MappedTarget:
    """Build a target as the bus does."""
    given = EnvironmentSecrets(environment=secrets, where="targets.desk")
    services = TargetServices(name="desk", ticket_at=_ticket_at, now=lambda: datetime.now(UTC))
    target = ADAPTER.build(MappedTargetOptions.model_validate(options), given, services)
    assert isinstance(target, MappedTarget)
    return target


@asynccontextmanager
async def target_of(
    options: Mapping[str, Any], secrets: Mapping[str, str] = desk.SECRETS
) -> AsyncIterator[MappedTarget]:
    """Build a target for the length of a block."""
    target = built(options, secrets)
    try:
        yield target
    finally:
        await target.close()


async def outcome(target: MappedTarget, asked: Call, *, asks: bool = False) -> Effect | DeliveryFailed | None:
    """Make a call, or ask whether it was made."""
    try:
        return await (target.confirm(asked) if asks else target.send(asked))
    except DeliveryFailed as failed:
        return failed
