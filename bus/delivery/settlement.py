"""Settles finished attempts: done, retried or parked, and what they mean for the target's breaker. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bus.delivery.attempt import FinishedAttempt
from bus.delivery.breaker import Breaker, at_limit, failed, succeeded
from bus.delivery.dead_letter_port import ParkedDelivery
from bus.delivery.due import PostponedClaim
from bus.delivery.lookup import look_record
from bus.delivery.queue import Claim, DeliveryEnd, EndedClaim, FailedClaim
from bus.delivery.target import DeliveryFailed, Effect, FailureKind
from bus.delivery.targets_config import TargetConfig
from bus.delivery.triage import AttemptHistory, Discard, Failure, Park, Reason, Retry, asked_wait_s, triage
from bus.delivery.vendor_words import fit_to_store, one_line, personal_texts
from bus.domain.events import Recorded
from bus.domain.text import Text
from bus.intake.dead_letter_limit import LAST, above_limit
from bus.observability.masking import MASK, mask_text

GONE: Final = Text("对方明确表示不再接收(如 HTTP 410)", "it wants no more calls (as by HTTP 410)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """A turn's: what to write, and the target's breaker afterwards.

    `recent`: of the last deliveries, which became letters. `pause`: why the target is to be paused, if it is: too many
    letters, or it wants no more calls.
    """

    ended: Sequence[EndedClaim]
    again: Sequence[FailedClaim]
    parked: Sequence[ParkedDelivery]
    postponed: Sequence[PostponedClaim]
    breaker: Breaker
    recent: Sequence[bool]
    pause: Text | None


def judge(
    target: str,
    finished: Sequence[FinishedAttempt],
    config: TargetConfig,
    *,
    breaker: Breaker,
    recent: Sequence[bool],
    now: datetime,
    chance: Callable[[], float],
    not_before: datetime | None = None,
) -> Settlement:
    """Judge attempts in the order in which they came back.

    `not_before`: no row's time begins before it, that is when the target's last pause ended, or now while it is paused.
    """
    ended, again, parked = list[EndedClaim](), list[FailedClaim](), list[ParkedDelivery]()
    postponed = list[PostponedClaim]()
    for one in finished:
        if one.postponed is not None:  # nothing was sent: nothing is known of the target
            why = str(one.postponed.why)
            postponed.append(PostponedClaim(claim=one.claim, until=one.postponed.until, unsure=one.unsure, why=why))
            continue
        if one.failure is None:
            ended.append(_ended(one))
            breaker = succeeded(breaker, config.breaker_limits)
            continue
        event = type(one.recorded.event).__name__ if one.recorded else ""
        failure = Failure(kind=one.failure.kind, event=event, retry_after_s=one.failure.retry_after_s)
        probe = at_limit(breaker, config.breaker_limits)
        failed_attempt = written_down(
            one.failure,
            at=now,
            probe=probe,
            looked=look_record(one.claim.failures, one.claim.attempt, now) if one.looked else None,
            unproven=one.unproven,
            events=_events(one),
        )
        if not one.unproven:  # else it answered: the wait is this row's
            asked_s = asked_wait_s(failure, config.limits)
            breaker = failed(breaker, failure.kind, config.breaker_limits, now, asked_wait_s=asked_s)
        match triage(
            failure, _tried(one.claim, failed_attempt, now, not_before), config.limits, now=now, jitter=chance()
        ):
            case Retry(at=at):
                again.append(FailedClaim(claim=one.claim, at=at, unsure=one.unsure, failure=failed_attempt))
            case Park(reason=reason):
                again.append(
                    FailedClaim(claim=one.claim, at=now, unsure=one.unsure, failure=failed_attempt, parked=True)
                )
                parked.append(_parked(target, one, reason, failed_attempt, now))
            case Discard(reason=reason):
                ended.append(EndedClaim(claim=one.claim, how=DeliveryEnd.DISCARDED, reference=reason))
    recent = [*recent, *(False for _ in ended), *(True for _ in parked)]
    gone = any(one.failure is not None and one.failure.kind is FailureKind.GONE for one in finished)
    pause = GONE if gone else above_limit(recent)
    return Settlement(
        ended=ended,
        again=again,
        parked=parked,
        postponed=postponed,
        breaker=breaker,
        recent=recent[-LAST:],
        pause=pause,
    )


def _ended(one: FinishedAttempt) -> EndedClaim:
    effect = one.effect or Effect()
    if effect.discarded:
        return EndedClaim(claim=one.claim, how=DeliveryEnd.DISCARDED, reference=effect.discarded)
    return EndedClaim(claim=one.claim, how=DeliveryEnd.DONE, reference=effect.reference)


def _events(one: FinishedAttempt) -> Sequence[Recorded]:
    """Give what the other side was told of the ticket; a mended copy is not as its log has it."""
    return (*one.ticket_events, *([one.recorded] if one.recorded else ()))


def _parked(
    target: str, one: FinishedAttempt, reason: Reason, failed_attempt: dict[str, Any], now: datetime
) -> ParkedDelivery:
    return ParkedDelivery(
        target=target, claim=one.claim, recorded=one.recorded, reason=reason, failure=failed_attempt, at=now
    )


def written_down(
    failure: DeliveryFailed,
    *,
    at: datetime,
    probe: bool = False,
    looked: Mapping[str, Any] | None = None,
    unproven: bool = False,
    events: Sequence[Recorded] = (),
) -> dict[str, Any]:
    """Give a failure as JSON values, for the row and for its dead letter.

    `at`, `kind`, `detail`, and where there is one: `status` of HTTP, `code` and `message`, the target's own; `looked`,
    where it ended at a look-up, and `unproven`, where that found nothing and proved nothing. What a
    target repeats of the personal texts of `events` is masked: no row holds them in clear.
    """
    detail = one_line(failure.detail)
    for text in personal_texts(events):
        detail = detail.replace(text, MASK)
    failed_attempt: dict[str, Any] = {"at": at.isoformat(), "kind": failure.kind.value, "detail": mask_text(detail)}
    optional = {
        "status": failure.status,
        "code": fit_to_store(failure.code, events) or None,
        "message": fit_to_store(failure.message, events) or None,
        "probe": probe or None,
        "looked": looked,
        "unproven": unproven or None,
    }
    return failed_attempt | {name: value for name, value in optional.items() if value is not None}


def _tried(claim: Claim, failed_attempt: dict[str, Any], now: datetime, not_before: datetime | None) -> AttemptHistory:
    """Sum up the row's attempts; a probe of a target that is down, or an unproven look-up, does not count against it.

    Its time begins anew after a pause, and after the target wanted no calls: how long that was is not the row's fault.
    """
    counted = sum(
        one["kind"] == failed_attempt["kind"] and not (one.get("probe") or one.get("unproven"))
        for one in (*claim.failures, failed_attempt)
    )
    gone = max((number for number, one in enumerate(claim.failures) if one["kind"] == FailureKind.GONE), default=-1)
    since = datetime.fromisoformat(claim.failures[gone + 1]["at"]) if claim.failures[gone + 1 :] else now
    since = max(since, not_before) if not_before else since
    return AttemptHistory(since=since, attempts=claim.attempt, counted=counted)
