"""What is expected of events: rows that the stage of deliveries opens, in the transaction of its offsets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString

from bus.domain.events import Recorded
from bus.domain.naming import dotted
from bus.domain.terms import is_synthetic
from bus.journey.expectations_config import Expectations, ExpectedHop
from bus.postgres.pool import Connection
from schemas.catalogue import EVENT_TYPES

_TYPES: Final = {one.cls.__name__: dotted(one.cls) for one in EVENT_TYPES}
_OPEN: LiteralString = """
INSERT INTO expectations (ticket_id, version, expectation, hop, place, voided_by, due_at)
SELECT ticket_id, version, expectation, hop, place, string_to_array(voided_by, ','), due_at
FROM unnest(%b::text[], %b::int[], %b::text[], %b::text[], %b::text[], %b::text[], %b::timestamptz[])
    AS w (ticket_id, version, expectation, hop, place, voided_by, due_at)
ON CONFLICT DO NOTHING"""
_LOOK: LiteralString = """
UPDATE expectations SET look_at = '-infinity' WHERE state = 'missed' AND ticket_id = ANY(%s::text[])"""


def expected_of(expectations: Expectations, events: Sequence[Recorded]) -> list[tuple[Any, ...]]:
    """Give the rows that events open; imported history and virtual tickets expect nothing. Pure."""
    return [
        (
            event.ticket_id,
            event.version,
            name,
            one.hop.value,
            ", ".join(_TYPES[each] for each in one.at) if one.hop is ExpectedHop.ACTED_ON else one.at[0],
            ",".join(_TYPES[each] for each in one.unless),
            event.recorded_at + one.within,
        )
        for event in events
        if not event.historic and not is_synthetic(event.ticket_id)
        for name, one in expectations.items()
        if type(event.event).__name__ in one.after
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationOpener:
    """Opens what is expected of events, in the transaction that moves the stage's offsets."""

    expectations: Expectations

    async def open(self, connection: Connection, events: Sequence[Recorded]) -> None:
        """Open the rows of events; one that is there stays as it is. What their tickets miss is looked at anew."""
        if rows := expected_of(self.expectations, events):
            await connection.execute(_OPEN, [list(column) for column in zip(*rows, strict=True)])
        await connection.execute(_LOOK, (sorted({event.ticket_id for event in events}),))
