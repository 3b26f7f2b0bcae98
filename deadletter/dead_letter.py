"""A dead letter as a value: of a delivery that was given up, or of input without effect that no sender hears of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bus.delivery.dead_letter_port import ParkedDelivery
from bus.domain.errors import Conflict
from bus.domain.text import Text
from bus.wire.rejected_input import RejectedInput
from deadletter.cause import cause_of_letter


class LetterGone(Conflict):
    """There is no such letter, or it was dealt with already; nothing was changed."""


class LetterKept(Conflict):
    """This cannot be done with this letter, or not so; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDeadLetter:
    """What becomes a letter; its fields are those of `DeadLetter`."""

    origin: str
    origin_ref: str
    target: str = ""
    ticket_id: str
    version: int = 0
    event: str = ""
    trace_id: str
    reason: str
    kind: str
    cause: str
    detail: str
    attempts: int = 1
    failures: Sequence[Mapping[str, Any]]
    headers: Mapping[str, str] = field(default_factory=dict)
    value: bytes
    began_at: datetime
    died_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A whole dead letter; `value` is the event's record as on the log, or the input's bytes.

    `origin` is delivery:TARGET or where input came in, `origin_ref` which one there. `target`, `version` and `event`
    are those of a delivery; `behind` counts what waits behind it. `edited_from`: the letter that this one mends.
    """

    id: int
    origin: str
    origin_ref: str
    target: str
    ticket_id: str
    version: int
    event: str
    trace_id: str
    reason: str
    kind: str
    cause: str
    detail: str
    attempts: int
    failures: Sequence[dict[str, Any]]
    headers: dict[str, str]
    value: bytes
    began_at: datetime
    died_at: datetime
    state: str
    edited_from: int | None
    behind: int
    decisions: Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who decided about a letter, why and when; `redrive` is the one that it belongs to."""

    by: str
    why: str
    at: datetime
    redrive: int | None = None


def delivery_origin(target: str) -> str:
    """Spell the origin of a target's letters. Pure."""
    return f"delivery:{target}"


def of_delivery(parked: ParkedDelivery) -> NewDeadLetter:
    """Make the letter of a delivery that is given up. Pure."""
    claim, failure = parked.claim, parked.failure
    recorded = parked.recorded
    event = type(recorded.event).__name__ if recorded else ""
    facts = (parked.target, event, failure["kind"], failure.get("status"), failure.get("code"))
    return NewDeadLetter(
        origin=delivery_origin(parked.target),
        origin_ref=f"{claim.ticket_id}/{claim.version}",
        target=parked.target,
        ticket_id=claim.ticket_id,
        version=claim.version,
        event=event,
        trace_id=recorded.trace_id if recorded else "",
        reason=parked.reason.value,
        kind=failure["kind"],
        cause=cause_of_letter(*facts, words=f"{failure['detail']} | {failure.get('message', '')}"),
        detail=failure["detail"],
        attempts=claim.attempt,
        failures=[*claim.failures, failure],
        value=claim.value,
        began_at=recorded.recorded_at if recorded else parked.at,
        died_at=parked.at,
    )


def of_input(refused: RejectedInput, at: datetime) -> NewDeadLetter:
    """Make the letter of input that had no effect. Pure."""
    detail = str(Text(refused.detail_zh, refused.detail_en))
    failure = {"at": at.isoformat(), "kind": refused.kind, "code": refused.code, "field": refused.field}
    return NewDeadLetter(
        origin=refused.origin,
        origin_ref=refused.origin_ref,
        ticket_id=refused.ticket_id or "",
        trace_id=refused.trace_id,
        reason=refused.code,
        kind=refused.kind,
        cause=cause_of_letter(refused.origin, refused.code, refused.field, words=detail),
        detail=detail,
        failures=[{**failure, "detail": detail}],
        headers=refused.headers,
        value=refused.body,
        began_at=refused.began_at or at,
        died_at=at,
    )
