"""The rows of processed commands: what each came to, by its id."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, LiteralString

from bus.domain.batch import CommandResult, ProcessedCommand
from bus.domain.terms import CommandId, TicketId, TraceId

READ_DONE: Final[LiteralString] = """
SELECT command_id, ticket_id, trace_id, fingerprint, answer, version, received_at, map_version
FROM commands WHERE command_id = ANY(%b)"""
ADD_DONE: Final[LiteralString] = """
INSERT INTO commands (command_id, ticket_id, trace_id, fingerprint, answer, version, received_at, map_version)
SELECT * FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[], %b::int[], %b::timestamptz[],
                     %b::int[])"""


def done_rows(done: Iterable[ProcessedCommand]) -> list[tuple[Any, ...]]:
    """Give the rows that ADD_DONE takes the columns of. Pure."""
    return [
        (d.command_id, d.ticket_id, d.trace_id, d.fingerprint, d.answer.value, d.version, d.received_at, d.map_version)
        for d in done
    ]


def processed(row: Sequence[Any]) -> ProcessedCommand:
    """Read a row of READ_DONE. Pure."""
    command_id, ticket_id, trace_id, fingerprint, answer, version, received_at, map_version = row
    return ProcessedCommand(
        command_id=CommandId(command_id),
        ticket_id=TicketId(ticket_id),
        trace_id=TraceId(trace_id),
        fingerprint=fingerprint,
        answer=CommandResult(answer),
        version=version,
        received_at=received_at,
        map_version=map_version,
    )
