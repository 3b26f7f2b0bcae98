"""The hops of a ticket's events, from rows of the stores: in order of time, each with its lag. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bus.domain.events import Recorded
from bus.observability.masking import mask_text

Hop = dict[str, Any]
Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """An event on its way to a target, as its row stands, with its target's pause and breaker.

    While it waits, `head` is the oldest version of the ticket that waits there: its own if it is the next one;
    `next_at`, `attempts` and `kind`, how the last one failed, are that one's.
    """

    target: str
    version: int
    state: str
    attempts: int
    reference: str
    enqueued_at: datetime
    settled_at: datetime | None
    head: int | None
    next_at: datetime | None
    kind: str | None
    paused: str | None
    failures: int
    not_before: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterRow:
    """A dead letter without its bytes; `target`, `version` and `event` are those of a delivery."""

    id: int
    origin: str
    target: str
    ticket_id: str
    version: int
    event: str
    trace_id: str
    state: str
    reason: str
    kind: str
    detail: str
    attempts: int
    died_at: datetime
    edited_from: int | None
    decisions: Sequence[Mapping[str, Any]]


def open_at(letters: Sequence[DeadLetterRow]) -> dict[str, DeadLetterRow]:
    """Give the open letter of each target that has one: it is the ticket's oldest delivery there."""
    return {one.target: one for one in letters if one.target and one.state == "open"}


def letter_told(letter: DeadLetterRow) -> dict[str, Any]:
    """Tell a letter: what died of what, and what people decided. Free text is masked as in logs."""
    return {
        "number": letter.id,
        "origin": letter.origin,
        "ticket_id": letter.ticket_id or None,
        "version": letter.version or None,
        "event": letter.event or None,
        "state": letter.state,
        "reason": letter.reason,
        "kind": letter.kind,
        "detail": mask_text(letter.detail),
        "attempts": letter.attempts,
        "died_at": letter.died_at,
        "edited_from": letter.edited_from,
        "decisions": [{**one, "why": mask_text(one["why"])} for one in letter.decisions],
    }


def first_hops(recorded: Recorded, received_at: datetime | None) -> list[Hop]:
    """Give the hops that the event tells itself."""
    hops: list[Hop] = [{"hop": "occurred", "where": recorded.source, "at": recorded.occurred_at}]
    if received_at is not None:
        hops.append({"hop": "received", "where": "intake", "at": received_at})
    hops.append({"hop": "committed", "where": "postgres", "at": recorded.recorded_at})
    return hops


def joined(
    first: Mapping[int, Sequence[Hop]],
    *,
    published: Rows,
    projected: Rows,
    pushed: Rows,
    deliveries: Sequence[DeliveryRow],
    letters: Sequence[DeadLetterRow],
) -> dict[int, list[Hop]]:
    """Join all hops of each version: in order of time, what has not happened last."""
    hops = {version: list(own) for version, own in first.items()}
    for version, topic, shard, offset, at in published:
        where = f"{topic}/{shard}" + (f"@{offset}" if offset is not None else "")
        hops[version].append({"hop": "published" if at else "waiting", "where": where, "at": at})
    for version, handler, at in projected:
        hops[version].append({"hop": "projected", "where": handler, "at": at})
    for version, topic, client, at in pushed:
        hops[version].append({"hop": "pushed", "where": f"{topic} → {client}", "at": at})
    blocking = open_at(letters)
    for one in deliveries:
        hops[one.version] += _delivery_hops(one, blocking.get(one.target))
    for letter in letters:
        if letter.target and letter.state != "edited":  # its mended copy stands for it: it died once
            how = {"letter": letter.id, "kind": letter.kind, "attempts": letter.attempts}
            hops[letter.version].append({"hop": "dead", "where": letter.target, "at": letter.died_at, **how})
    return {version: _with_lags(own) for version, own in hops.items()}


def _delivery_hops(one: DeliveryRow, letter: DeadLetterRow | None) -> list[Hop]:
    hops: list[Hop] = [{"hop": "enqueued", "where": one.target, "at": one.enqueued_at}]
    end = {"where": one.target, "at": one.settled_at}
    if one.state == "done":
        hops.append({"hop": "delivered", **end, "reference": one.reference, "attempts": one.attempts})
    elif one.state == "discarded":
        hops.append({"hop": "discarded", **end, "why": mask_text(one.reference)})
    elif one.head == one.version:
        if letter is None:
            waits = {"attempts": one.attempts, "next_at": one.next_at, "kind": one.kind}
            hops.append({"hop": "delivery_waiting", **end, **waits})
    else:
        behind = {"behind": one.head, "letter": letter.id if letter else None}
        hops.append({"hop": "delivery_waiting", **end, **behind})
    return hops


# What each hop follows: a push and a projection follow the publication, not each other; what ends at a target follows
# what began there.
_AFTER = {
    "received": "occurred",
    "committed": "received",
    "published": "committed",
    "projected": "published",
    "pushed": "published",
    "enqueued": "published",
    "delivered": "enqueued",
    "discarded": "enqueued",
    "dead": "enqueued",
}


def _with_lags(hops: Sequence[Hop]) -> list[Hop]:
    at: dict[Any, datetime] = {}
    # In order of time: what an operator republished stands where it belongs.
    known = sorted((hop for hop in hops if hop["at"]), key=lambda one: one["at"])
    for hop in known:
        after = _AFTER.get(hop["hop"], "")
        before = at.get((after, hop["where"])) or at.get(after)
        hop["lag_ms"] = round((hop["at"] - before).total_seconds() * 1000, 1) if before else None
        at.setdefault(hop["hop"], hop["at"])
        at.setdefault((hop["hop"], hop["where"]), hop["at"])
    waiting = [{**hop, "lag_ms": None} for hop in hops if not hop["at"]]
    return [*known, *waiting]
