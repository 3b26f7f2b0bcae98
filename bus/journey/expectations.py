"""What is expected of events: rows that the stage of deliveries opens, in the transaction of its offsets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, LiteralString

from bus.domain.events import Recorded
from bus.domain.terms import is_synthetic
from bus.journey.expectations_config import Expectations, place_of, type_of
from bus.journey.learned_limits import CurrentLimits
from bus.postgres.pool import Connection

_OPEN: LiteralString = """
INSERT INTO expectations (ticket_id, version, expectation, hop, place, voided_by, due_at)
SELECT ticket_id, version, expectation, hop, place, string_to_array(voided_by, ','), due_at
FROM unnest(%b::text[], %b::int[], %b::text[], %b::text[], %b::text[], %b::text[], %b::timestamptz[])
    AS w (ticket_id, version, expectation, hop, place, voided_by, due_at)
ON CONFLICT DO NOTHING"""
_LOOK: LiteralString = """
UPDATE expectations SET look_at = '-infinity' WHERE state = 'missed' AND ticket_id = ANY(%s::text[])"""


def expected_of(
    expectations: Expectations, events: Sequence[Recorded], limits: Mapping[str, timedelta]
) -> list[tuple[Any, ...]]:
    """Give the rows that events open, due by the limits; imported history and virtual tickets expect nothing. Pure."""
    return [
        (
            event.ticket_id,
            event.version,
            name,
            one.hop.value,
            place_of(one),
            ",".join(map(type_of, one.unless)),
            event.recorded_at + limits[name],
        )
        for event in events
        if not event.historic and not is_synthetic(event.ticket_id)
        for name, one in expectations.items()
        if type(event.event).__name__ in one.after
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationOpener:
    """Opens what is expected of events, in the transaction that moves the stage's offsets."""

    limits: CurrentLimits

    async def open(self, connection: Connection, events: Sequence[Recorded]) -> None:
        """Open the rows of events; one that is there stays as it is. What their tickets miss is looked at anew."""
        limits = await self.limits.read(connection)
        if rows := expected_of(self.limits.expectations, events, limits):
            await connection.execute(_OPEN, [list(column) for column in zip(*rows, strict=True)])
        await connection.execute(_LOOK, (sorted({event.ticket_id for event in events}),))
