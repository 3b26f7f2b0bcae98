"""One attempt: confirms an unknown outcome first, calls the target, dispatches the commands in its answer."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import structlog
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from bus.delivery import metrics
from bus.delivery.lookup import nothing_sent_since, unknown_since, unproven_s
from bus.delivery.queue import Claim
from bus.delivery.target import (
    Call,
    DeliveryFailed,
    DeliveryPostponed,
    Effect,
    FailureKind,
    LaggingTarget,
    Target,
    copy_key,
    delivery_key,
)
from bus.domain.batch import Outcome, Refused
from bus.domain.commands import Request
from bus.domain.errors import BusError, MalformedInput, Refusal, Transient
from bus.domain.events import PersonalDataErased, Recorded
from bus.domain.terms import TicketId
from bus.domain.text import Text
from bus.intake.from_kafka_command import request_of
from bus.observability.spans import failed, operation
from bus.wire.headers import traceparent
from bus.wire.rejected_input import RejectedInput, RejectedInputStore, refused_input
from schemas.messages import CommandSent

GRACE_S = 1.0  # an adapter ends its call by itself; one that does not is cut after this
_RETRY_S = 0.5
_UNPROVEN: Final = Text(
    "上次调用结果未知,尚未查到其单据,稍后再查", "nothing found yet of a call whose end is unknown; looked for again"
)
Answer = TypeVar("Answer")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedAttempt:
    """An attempt that came back. `recorded` is None when the event's bytes could not be read.

    `ticket_events`: of a failure that has words of the other side, the ticket's events, whose texts they may repeat.
    `looked`: it ended at the look-up for an earlier effect, and sent nothing. `unproven`: that found nothing, which
    proves nothing yet; the failure's `retry_after_s` is when to look again. `postponed`: nothing was sent.
    """

    claim: Claim
    recorded: Recorded | None
    unsure: bool
    effect: Effect | None = None
    failure: DeliveryFailed | None = None
    ticket_events: Sequence[Recorded] = ()
    looked: bool = False
    unproven: bool = False
    postponed: DeliveryPostponed | None = None


class _Doubtful(Exception):
    """A failed call, and whether it may have taken effect all the same; `looked`, `unproven` as in FinishedAttempt."""

    def __init__(self, failure: DeliveryFailed, *, unsure: bool, looked: bool = False, unproven: bool = False) -> None:
        super().__init__(str(failure))
        self.failure, self.unsure, self.looked, self.unproven = failure, unsure, looked, unproven


class _LeaseOver(Exception):
    """Another worker may call by the time this call would end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRunner:
    """Calls one target. `within_s` is the time for one call; an attempt may make two.

    `know` looks up schemas that `decode` was not taught; it raises Transient while the registry is away. `events_of`
    reads a ticket's events in clear.
    """

    name: str
    target: Target
    within_s: float
    know: Callable[[Iterable[bytes | None]], Awaitable[None]]
    decode: Callable[[bytes], Recorded]
    events_of: Callable[[TicketId], Awaitable[Sequence[Recorded]]]
    encode: Callable[[CommandSent], bytes]
    dispatch: Callable[[Sequence[Request]], Awaitable[Sequence[Outcome]]]
    refused: RejectedInputStore
    now: Callable[[], datetime]

    async def attempt(self, claim: Claim) -> FinishedAttempt | None:
        """Make one attempt; never raises but CancelledError.

        None: our own stores were away for so long that the claim is another worker's by now. Nothing is settled: the
        row stays unsure, and whoever claims it next asks first.
        """
        try:
            await self._patiently(claim, lambda: self.know([claim.value]))
        except _LeaseOver:
            self._tell_left(claim)
            return None
        try:
            recorded = self.decode(claim.value)
        except MalformedInput as error:
            detail = Text(f"事件无法解析: {error.code}", f"the event cannot be read: {error.code}")
            failure = DeliveryFailed(FailureKind.UNTRANSLATABLE, detail)
            return FinishedAttempt(claim=claim, recorded=None, unsure=claim.unsure, failure=failure)
        call = self._call(claim, recorded)
        try:
            effect = await self._patiently(claim, lambda: self._spanned(call, claim))
        except DeliveryPostponed as postponed:
            metrics.CALLS.labels(self.name, "postponed").inc()
            return FinishedAttempt(claim=claim, recorded=recorded, unsure=claim.unsure, postponed=postponed)
        except _Doubtful as doubt:
            metrics.CALLS.labels(self.name, doubt.failure.kind).inc()
            failure, events = doubt.failure, await self._ticket_events(recorded, doubt.failure)
            return FinishedAttempt(
                claim=claim,
                recorded=recorded,
                unsure=doubt.unsure,
                failure=failure,
                ticket_events=events,
                looked=doubt.looked,
                unproven=doubt.unproven,
            )
        except _LeaseOver:
            self._tell_left(claim)
            return None
        metrics.CALLS.labels(self.name, "discarded" if effect.discarded else "done").inc()
        if effect.commands:
            await self._patiently(None, lambda: self._tell(call, effect))
        return FinishedAttempt(claim=claim, recorded=recorded, unsure=False, effect=effect)

    async def _ticket_events(self, recorded: Recorded, failure: DeliveryFailed) -> Sequence[Recorded]:
        """Read the ticket once, where the other side has words; what cannot be masked is left out.

        That is so without the ticket, and once its personal texts were erased: the other side may still know them.
        """
        if not (failure.message or failure.code):
            return ()
        try:
            events = await self.events_of(recorded.ticket_id)
        except BusError as error:
            log.warning("delivery_words_left_out", target=self.name, error=str(error))
            events = ()
        if not events or any(isinstance(one.event, PersonalDataErased) for one in events):
            failure.message, failure.code = "", ""
        return events

    async def _spanned(self, call: Call, claim: Claim) -> Effect:
        """Span an attempt under its event; one that people sent again is linked to it. Raises _Doubtful, Transient."""
        attributes: dict[str, AttributeValue] = {
            "ticketbus.target": self.name,
            "ticketbus.ticket": claim.ticket_id,
            "ticketbus.attempt": claim.attempt,
        }
        under, linked = ("", [call.traceparent]) if claim.mended else (call.traceparent, [])
        with operation(
            f"deliver {self.name}", kind=SpanKind.CLIENT, attributes=attributes, under=under, linked=lambda: linked
        ) as span:
            try:
                return await self._effect(call, claim)
            except DeliveryPostponed as postponed:
                ended: Exception = postponed
            except _Doubtful as doubt:
                ended = doubt
                failed(span, doubt.failure.kind)
        raise ended

    async def _effect(self, call: Call, claim: Claim) -> Effect:
        """Confirm an earlier attempt whose outcome is unknown, then call. Raises _Doubtful, Transient."""
        if claim.unsure and not self.target.idempotent:
            found = await self._found(call, claim)
            if found is not None:
                return found
        try:
            return await self._bounded(claim, call, lambda: self.target.send(call))
        except DeliveryFailed as failure:
            raise _Doubtful(failure, unsure=failure.kind is FailureKind.UNKNOWN) from failure

    async def _found(self, call: Call, claim: Claim) -> Effect | None:
        """Look for the effect of an earlier attempt; None proves that there is none. Raises _Doubtful, Transient."""
        try:
            found = await self._bounded(claim, call, lambda: self.target.confirm(call))
        except DeliveryFailed as failure:
            raise _Doubtful(failure, unsure=True, looked=True) from failure
        if found is None and isinstance(self.target, LaggingTarget):
            since = nothing_sent_since(claim.failures, claim.attempt)
            again_s = unproven_s(since, self.now(), self.target.lookup_settles_s)
            if again_s is not None:
                pending = DeliveryFailed(FailureKind.UNKNOWN, _UNPROVEN, retry_after_s=again_s)
                raise _Doubtful(pending, unsure=True, looked=True, unproven=True)
        return found

    def _tell_left(self, claim: Claim) -> None:
        log.warning("delivery_left", target=self.name, ticket_id=claim.ticket_id, version=claim.version)

    async def _patiently(self, claim: Claim | None, work: Callable[[], Awaitable[Answer]]) -> Answer:
        """Do it again while our own stores are away: that is no failure of the target's.

        Raises _LeaseOver once a claim's lease is too short for another call.
        """
        while True:
            try:
                return await work()
            except Transient as error:
                log.warning("delivery_waits", target=self.name, error=str(error))
                if claim:
                    self._check_lease(claim)
                await asyncio.sleep(_RETRY_S)

    def _check_lease(self, claim: Claim) -> None:
        if claim.until and self.now() + timedelta(seconds=self.within_s + GRACE_S) > claim.until:
            raise _LeaseOver

    def _call(self, claim: Claim, recorded: Recorded) -> Call:
        key = delivery_key(recorded.event_id, self.name)
        return Call(
            event=recorded,
            key=key,
            attempt=claim.attempt,
            within_s=self.within_s,
            traceparent=traceparent(recorded.trace_id, recorded.event_id, sampled=claim.caller_trace.sampled),
            tracestate=claim.caller_trace.tracestate,
            unsure_since=unknown_since(claim.failures, unsure=claim.unsure, first_tried_at=claim.first_tried_at),
            mended=claim.mended,
            copy_key=copy_key(key, claim.value) if claim.mended else "",
        )

    async def _bounded(self, claim: Claim, call: Call, work: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """Hold an adapter to its contract: an end in time, and no exception but DeliveryFailed. Raises _LeaseOver."""
        self._check_lease(claim)
        try:
            with metrics.timed(self.name, call.traceparent):
                async with asyncio.timeout(self.within_s + GRACE_S):
                    return await work()
        except (DeliveryFailed, DeliveryPostponed, Transient):
            raise
        except TimeoutError as error:
            detail = Text(f"{self.within_s:g} 秒内未结束", f"no end in {self.within_s:g} s")
            raise DeliveryFailed(FailureKind.UNKNOWN, detail) from error
        except Exception as error:
            log.exception("delivery_adapter_failed", target=self.name)
            detail = Text(f"适配器出错: {type(error).__name__}", f"the adapter failed: {type(error).__name__}")
            raise DeliveryFailed(FailureKind.UNKNOWN, detail) from error

    async def _tell(self, call: Call, effect: Effect) -> None:
        """Dispatch the commands in a target's answer. Idempotent by the call's key. Raises Transient."""
        asked, kept = list[tuple[CommandSent, Request]](), list[RejectedInput]()
        for number in range(len(effect.commands)):
            sent = self._sent(call, effect, number)
            try:
                asked.append((sent, request_of(sent, received_at=self.now(), trace_id=call.event.trace_id)))
            except Refusal as refusal:
                kept.append(self._refused(call, sent, refusal))
        outcomes = await self.dispatch([request for _, request in asked])
        for (sent, _), outcome in zip(asked, outcomes, strict=True):
            if isinstance(outcome, Refused):
                kept.append(self._refused(call, sent, outcome.error))
        await self.refused.keep(kept)

    def _sent(self, call: Call, effect: Effect, number: int) -> CommandSent:
        return CommandSent(
            idempotency_key=f"{call.key}-{number}",
            source=self.name,
            actor=self.name,
            ticket_id=call.event.ticket_id,
            command=effect.commands[number],
        )

    def _refused(self, call: Call, sent: CommandSent, refusal: Refusal) -> RejectedInput:
        metrics.REFUSED.labels(self.name, refusal.code).inc()
        return refused_input(
            refusal,
            origin=f"answer:{self.name}",
            origin_ref=sent.idempotency_key,
            source=self.name,
            body=self.encode(sent),
            trace_id=call.event.trace_id,
            ticket_id=call.event.ticket_id,
        )
