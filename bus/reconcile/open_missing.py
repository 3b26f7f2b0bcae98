"""Opens tickets that a source lists and the bus never got, by the same dispatch as everything else."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from bus.domain.batch import Accepted
from bus.domain.commands import Request
from bus.domain.errors import MalformedInput
from bus.domain.terms import CommandId, TraceId
from bus.domain.text import Text
from bus.intake.command_bodies import within_limits
from bus.intake.dispatch import Dispatcher
from bus.postgres.pool import Pool, connected
from bus.reconcile.source_list import ListedTicket
from bus.reconcile.store import settle

BATCH: Final = 100
ACTOR: Final = "reconcile:"
_ENDED: Final = Text(
    "来源已处理完毕,不补录;要保留历史请用 ticketbus import history",
    "the source has ended it, nobody waits for it; `ticketbus import history` keeps its past",
)
_COMMANDS: Final = UUID("b7f0c1de-52a8-5d0b-8c55-0f7c5c0d6a41")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedTickets:
    """By the source's number: the tickets that have it now, and why others are not opened.

    `ended`: those of the others that nobody waits for, as the source has ended them.
    """

    opened: dict[str, str] = field(default_factory=dict)
    refused: dict[str, Text] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)


async def open_missing(
    dispatcher: Dispatcher, pool: Pool, source: str, missing: Sequence[ListedTicket]
) -> OpenedTickets:
    """Open each at the time at which the source opened it; its actor `reconcile:SOURCE` says how it came.

    What the source has ended is not opened, and missing no more: nobody is to be sent there.

    Idempotent: a number that the bus has by now is joined by the domain, a second run is a repeat. Raises Transient:
    the batches before it are in.
    """
    done = OpenedTickets()
    requests = list[Request]()
    for one in missing:
        if one.ended:
            done.ended.append(one.number)
            done.refused[one.number] = _ENDED
            continue
        try:
            requests.append(_request(source, one, dispatcher.now()))
        except MalformedInput as refused:
            done.refused[one.number] = refused.text
    for begin in range(0, len(requests), BATCH):
        batch = requests[begin : begin + BATCH]
        for request, outcome in zip(batch, await dispatcher.dispatch(batch), strict=True):
            if isinstance(outcome, Accepted):
                done.opened[request.source_no] = outcome.ticket_id
            else:
                done.refused[request.source_no] = outcome.error.text
    async with connected(pool) as connection:
        await settle(connection, source, [*done.opened], "opened")
        await settle(connection, source, done.ended, "ended")
    return done


def _request(source: str, listed: ListedTicket, now: datetime) -> Request:
    """Make the request of one ticket: its id and content come of the list alone. Raises MalformedInput."""
    if listed.opening is None:
        why = listed.unopenable or Text("清单中没有报修内容", "the list does not say what was reported")
        raise MalformedInput("not_listed_whole", listed.number, why.zh, why.en)
    command = within_limits(replace(listed.opening, source_no=listed.number, opened_at=listed.at))
    command_id = CommandId(uuid5(_COMMANDS, f"{source}|{listed.number}"))
    return Request(
        command_id=command_id,
        command=command,
        source=source,
        source_no=listed.number,
        actor=f"{ACTOR}{source}",
        at=listed.at,
        received_at=now,
        trace_id=TraceId(command_id.hex),
        fingerprint=hashlib.sha256(repr(command).encode()).hexdigest(),
    )
