"""The read model `closures`: how customers answered requests to confirm, and a ticket's scene tags (R20, R23, R24)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from bus.domain.closing_events import (
    ClosureConfirmed,
    ClosureExpired,
    ClosureRejected,
    ClosureRequested,
    TicketTagged,
)
from bus.domain.errors import VersionMissing
from bus.domain.events import Recorded
from bus.domain.terms import TicketId, is_synthetic
from projections.read_model import Key, Table, Written
from projections.ticket_model import ticket_model


class ClosureAnswer(StrEnum):
    """What became of a request."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketClosures:
    """The answers of a ticket, each with its time and detail, from its first request or tags on, up to `version`.

    A detail is how it was confirmed, or the code of why it was rejected; empty: nobody said.
    """

    ticket_id: TicketId
    version: int
    historic: bool
    answers: tuple[ClosureAnswer, ...] = ()
    details: tuple[str, ...] = ()
    answered_at: tuple[datetime, ...] = ()
    last_answer_at: datetime | None = None
    tags: tuple[str, ...] = ()


_BEGIN = (ClosureRequested, ClosureConfirmed, ClosureRejected, ClosureExpired, TicketTagged)


def project(row: TicketClosures | None, recorded: Recorded) -> TicketClosures | None:
    """Fold one event; before the first request or tags, and of a virtual ticket, there is no row.

    A repeat changes nothing, a gap is VersionMissing.
    """
    if row is None:
        if is_synthetic(recorded.ticket_id) or not isinstance(recorded.event, _BEGIN):
            return None
        row = TicketClosures(ticket_id=recorded.ticket_id, version=recorded.version - 1, historic=recorded.historic)
    if recorded.version <= row.version:
        return row
    if recorded.version != row.version + 1:
        raise VersionMissing(row.ticket_id, version=recorded.version, known=row.version)
    return replace(_changed(row, recorded), version=recorded.version)


def _changed(row: TicketClosures, recorded: Recorded) -> TicketClosures:
    match recorded.event:
        case ClosureConfirmed(via=via):
            return _answered(row, ClosureAnswer.CONFIRMED, via.value if via else "", recorded.occurred_at)
        case ClosureRejected(reason_code=code):
            return _answered(row, ClosureAnswer.REJECTED, code, recorded.occurred_at)
        case ClosureExpired(expired_at=at):
            return _answered(row, ClosureAnswer.EXPIRED, "", at)
        case TicketTagged(tags=tags):
            return replace(row, tags=tags)
        case _:
            return row


def _answered(row: TicketClosures, answer: ClosureAnswer, detail: str, at: datetime) -> TicketClosures:
    return replace(
        row,
        answers=(*row.answers, answer),
        details=(*row.details, detail),
        answered_at=(*row.answered_at, at),
        last_answer_at=max(at, row.last_answer_at or at),
    )


def write(_: TicketClosures | None, row: TicketClosures) -> Mapping[str, Sequence[Written]]:
    """Give the table's record of a row."""
    return {"ticket_closures": [asdict(row)]}


_STORED = tuple(one.name for one in fields(TicketClosures) if one.name != "ticket_id")


def _read(key: Key, stored: Sequence[Any]) -> TicketClosures:
    values = dict(zip(_STORED, stored, strict=True))
    lists = {name: tuple(values[name]) for name in ("details", "answered_at", "tags")}
    answers = tuple(map(ClosureAnswer, values["answers"]))
    return TicketClosures(ticket_id=TicketId(key[0]), **(values | lists | {"answers": answers}))


CLOSURES = ticket_model(
    name="closures",
    tables=(Table(name="ticket_closures", key=("ticket_id",)),),
    project=project,
    stored=_STORED,
    read=_read,
    write=write,
)
