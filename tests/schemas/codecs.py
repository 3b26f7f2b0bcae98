"""A codec without a registry, and any record of the log: what the tests of bytes share."""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from hypothesis import strategies as st

from bus.domain.commands import OUTSIDE
from bus.domain.events import Event, Recorded
from bus.domain.terms import CommandId, EventId, TicketId, TraceId
from bus.wire.codec import Codec, RegisteredSchema
from schemas.catalogue import EVENT_TYPES, RECORD_TYPES, RecordType
from schemas.messages import CommandSent
from tests.domain.any_value import anything, of_type

IDS: Mapping[type, int] = {one.cls: number for number, one in enumerate(RECORD_TYPES, start=1)}


def registered(*records: RecordType) -> dict[int, RegisteredSchema]:
    """Give schemas numbers, as a registry would."""
    return {IDS[one.cls]: RegisteredSchema(IDS[one.cls], one.subject, one.schema) for one in records}


CODEC = Codec(registered(*RECORD_TYPES))
NOW = datetime(2026, 11, 22, 1, 30, 0, 123_456, tzinfo=UTC)


def recorded(event: Event, **own: Any) -> Recorded:
    """Wrap an event in an envelope; `own` replaces its fields."""
    envelope = {
        "event_id": EventId(UUID(int=1)),
        "ticket_id": TicketId("T20261122-000001"),
        "version": 1,
        "trace_id": TraceId("0" * 31 + "1"),
        "occurred_at": NOW,
        "recorded_at": NOW,
        "source": "crm",
        "actor": "陈女士",
        "command_id": CommandId(UUID(int=2)),
        "historic": False,
        "implied": False,
        "waived": ("photos",),
    }
    return Recorded(**{**envelope, **own}, event=event)


def full(hint: Any) -> Any:
    """Make one value of a type with every part filled in, always the same one."""
    hint = getattr(hint, "__supertype__", hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return full(args[0])
    if origin is tuple:
        return (full(args[0]), full(args[0]))
    if isinstance(hint, type) and is_dataclass(hint):
        hints = get_type_hints(hint)
        return hint(**{one.name: full(hints[one.name]) for one in fields(hint)})
    plain = {str: "冰箱❄️ fridge", int: 86_400, float: 0.5, bool: True, datetime: NOW}
    return next(iter(hint)) if issubclass(hint, StrEnum) else plain[hint]


def any_recorded(event: type) -> st.SearchStrategy[Recorded]:
    """Give any record of that event."""
    return anything(Recorded, event=of_type(event))


def any_sent() -> st.SearchStrategy[CommandSent]:
    """Give any command as a system may put it on Kafka."""
    commands: list[type] = list(OUTSIDE)
    return st.one_of([anything(CommandSent, command=of_type(command)) for command in commands])


ONE_OF_EACH = [recorded(full(one.cls)) for one in EVENT_TYPES]
