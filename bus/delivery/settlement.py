"""What becomes of attempts that came back: settled, tried again, or parked; and what that says of the target. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bus.delivery.attempt import Finished
from bus.delivery.breaker import Breaker, failed, is_open, succeeded
from bus.delivery.dead_letter_port import Parked
from bus.delivery.queue import Again, Claim, Ended, Settled
from bus.delivery.target import DeliveryFailed
from bus.delivery.targets_config import TargetPlan
from bus.delivery.triage import Discard, Failure, Park, Reason, Retry, Tried, asked_wait_s, triage
from bus.intake.dlq_limit import LAST, flooded


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A turn's: what to write, and the target's breaker afterwards.

    `recent`: of the last deliveries, which became letters. `flood`: why those are too many, if they are.
    """

    ended: Sequence[Ended]
    again: Sequence[Again]
    parked: Sequence[Parked]
    breaker: Breaker
    recent: Sequence[bool]
    flood: str | None


def judge(
    target: str,
    finished: Sequence[Finished],
    plan: TargetPlan,
    *,
    breaker: Breaker,
    recent: Sequence[bool],
    now: datetime,
    chance: Callable[[], float],
) -> Judgement:
    """Judge attempts in the order in which they came back."""
    ended, again, parked = list[Ended](), list[Again](), list[Parked]()
    for one in finished:
        if one.failure is None:
            reference = one.effect.reference if one.effect else ""
            ended.append(Ended(claim=one.claim, how=Settled.DONE, reference=reference))
            breaker = succeeded(breaker, plan.breaker_limits)
            continue
        event = type(one.recorded.event).__name__ if one.recorded else ""
        failure = Failure(kind=one.failure.kind, event=event, retry_after_s=one.failure.retry_after_s)
        told = written_down(one.failure, at=now, probe=is_open(breaker, plan.breaker_limits))
        asked_s = asked_wait_s(failure, plan.limits)
        breaker = failed(breaker, failure.kind, plan.breaker_limits, now, asked_wait_s=asked_s)
        match triage(failure, _tried(one.claim, told, now), plan.limits, now=now, jitter=chance()):
            case Retry(at=at):
                again.append(Again(claim=one.claim, at=at, unsure=one.unsure, failure=told))
            case Park(reason=reason):
                again.append(Again(claim=one.claim, at=now, unsure=one.unsure, failure=told, parked=True))
                parked.append(_parked(target, one, reason, told, now))
            case Discard(reason=reason):
                ended.append(Ended(claim=one.claim, how=Settled.DISCARDED, reference=reason))
    recent = [*recent, *(False for _ in ended), *(True for _ in parked)]
    return Judgement(
        ended=ended, again=again, parked=parked, breaker=breaker, recent=recent[-LAST:], flood=flooded(recent)
    )


def _parked(target: str, one: Finished, reason: Reason, told: dict[str, Any], now: datetime) -> Parked:
    return Parked(target=target, claim=one.claim, recorded=one.recorded, reason=reason, failure=told, at=now)


def written_down(failure: DeliveryFailed, *, at: datetime, probe: bool = False) -> dict[str, Any]:
    """Write a failure down, for the row and for whoever reads its letter."""
    told: dict[str, Any] = {"at": at.isoformat(), "kind": failure.kind.value, "detail": failure.detail}
    optional = {"status": failure.status, "code": failure.code or None, "probe": probe or None}
    return told | {name: value for name, value in optional.items() if value is not None}


def _tried(claim: Claim, told: dict[str, Any], now: datetime) -> Tried:
    """Sum up what the row has behind it; a probe of a target that is down says nothing of the row."""
    counted = sum(one["kind"] == told["kind"] and not one.get("probe") for one in (*claim.failures, told))
    since = datetime.fromisoformat(claim.failures[0]["at"]) if claim.failures else now
    return Tried(since=since, attempts=claim.attempt, counted=counted)
