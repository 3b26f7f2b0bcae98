"""Claims due pushes for all connected engineers in one query; an ack settles the delivery."""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic, time_ns

import structlog
from opentelemetry.trace import SpanKind

from bus.aio import wait
from bus.alerts.alert import AlertSink
from bus.delivery import metrics, queue, target_alerts, target_state
from bus.delivery.dead_letter_port import Park, ParkedDelivery
from bus.delivery.queue import Claim, DeliveryEnd, EndedClaim, FailedClaim
from bus.delivery.settlement import written_down
from bus.delivery.target import DeliveryFailed, FailureKind, delivery_key
from bus.delivery.targets_config import TargetConfig
from bus.delivery.triage import Reason
from bus.domain.errors import MalformedInput, Transient
from bus.domain.events import Recorded
from bus.observability.exemplars import exemplar_of
from bus.observability.spans import past
from bus.postgres.pool import Connection, Pool, connected
from bus.push import queue as push_queue
from bus.push.app_sessions import AppSessions
from bus.push.frames import push_frame
from bus.push.queue import ConnectedPerson
from bus.wire.headers import traceparent

IDLE_S = 0.2
REST = 4  # after a turn, so many times what it took: however much waits, the turns leave the database to others
RETRY_S = 1.0
SETTLE_S_MAX = 5.0  # of a lease, beyond the time for an answer
log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class PushSession:
    """One connection of a person's app, with its queue of frames."""

    person: str
    frames: deque[str] = field(default_factory=deque)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, frame: str) -> None:
        """Queue a frame. The queue stays short: few pushes are under way, and a session that does not read is ended."""
        self.frames.append(frame)
        self.arrived.set()

    async def take(self) -> str:
        """Take the next frame; blocks until there is one."""
        while not self.frames:
            self.arrived.clear()
            await self.arrived.wait()
        return self.frames.popleft()


@dataclass(frozen=True, slots=True, kw_only=True)
class DuePush:
    """A delivery on its way to a person; `key` is the same at every attempt."""

    key: str
    person: str
    claim: Claim
    traceparent: str
    frame: str
    at: float = field(default_factory=monotonic)


@dataclass(slots=True, kw_only=True)
class PushSessions:
    """The pushes of one target in this process; any number of gateways may have one. A turn is atomic."""

    name: str
    config: TargetConfig
    pool: Pool
    decode: Callable[[bytes], Recorded]
    know: Callable[[Iterable[bytes]], Awaitable[None]]
    park: Park
    now: Callable[[], datetime]
    report: AlertSink
    _sessions: dict[str, set[PushSession]] = field(default_factory=dict)
    _noted: AppSessions = field(default_factory=AppSessions)
    _anew: set[str] = field(default_factory=set)
    _under_way: dict[str, DuePush] = field(default_factory=dict)
    _answered: list[DuePush] = field(default_factory=list)
    _unanswered: list[tuple[DuePush, str]] = field(default_factory=list)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def attach(self, person: str) -> PushSession:
        """Begin a session: it is given all that waits for its person, and what another session has not answered yet."""
        session = PushSession(person)
        self._sessions.setdefault(person, set()).add(session)
        self._anew.add(person)
        self._noted.came(person)
        for push in self._under_way.values():
            if push.person == person:
                session.offer(push.frame)
        self._woken.set()
        return session

    def detach(self, session: PushSession) -> None:
        """End a session; pushes without a connected person wait again from now on. Idempotent."""
        left = self._sessions.get(session.person, set())
        left.discard(session)
        if left:
            return
        self._sessions.pop(session.person, None)
        self._anew.discard(session.person)
        self._noted.left(session.person)
        self._give_up([one for one in self._under_way.values() if one.person == session.person], "the session ended")
        self._woken.set()

    def answered(self, person: str, key: str) -> None:
        """Take an ack; repeats and acks of unknown pushes are ignored."""
        push = self._under_way.get(key)
        if push is None or push.person != person:
            return
        del self._under_way[key]
        self._answered.append(push)
        self._span(push)
        self._noted.answered(person)
        metrics.CALLS.labels(self.name, "done").inc()
        metrics.CALL_SECONDS.labels(self.name).observe(monotonic() - push.at, exemplar_of(push.traceparent))
        self._woken.set()

    async def run(self) -> None:
        """Push until cancelled. The database is not queried while nobody is connected."""
        while True:
            if not (self._sessions or self._answered or self._unanswered or self._noted.changed):
                await self._woken.wait()
            self._woken.clear()
            began = monotonic()
            try:
                await self._turn()
            except Transient as error:
                log.warning("delivery_waits", target=self.name, error=str(error))
                await asyncio.sleep(RETRY_S)
            metrics.UNDER_WAY.labels(self.name).set(len(self._under_way))
            took = monotonic() - began
            await asyncio.sleep(took)
            await wait(self._woken, max(IDLE_S, REST * took))

    async def _turn(self) -> None:
        """Settle what came back and claim anew. Raises Transient, then all of it is done again."""
        overdue = monotonic() - self.config.attempt_timeout.total_seconds()
        self._give_up([one for one in self._under_way.values() if one.at < overdue], "no answer in time")
        answered, unanswered, anew = tuple(self._answered), tuple(self._unanswered), frozenset(self._anew)
        now = self.now()
        async with connected(self.pool) as connection:
            await self._settle(connection, answered, unanswered, now)
            await self._noted.write(connection, self._sessions.keys())
        del self._answered[: len(answered)], self._unanswered[: len(unanswered)]
        async with connected(self.pool) as connection:
            paused, *_ = await target_state.read(connection, self.name, lock=False)
            pushes = [] if paused else await self._claimed(connection, anew, now)
        if not paused:
            self._anew -= anew
        for push in pushes:
            self._push(push)

    async def _settle(
        self,
        connection: Connection,
        answered: Sequence[DuePush],
        unanswered: Sequence[tuple[DuePush, str]],
        now: datetime,
    ) -> None:
        ended = [EndedClaim(claim=one.claim, how=DeliveryEnd.DONE) for one in answered]
        again = [
            FailedClaim(
                claim=one.claim,
                at=now,
                unsure=True,
                failure=written_down(DeliveryFailed(FailureKind.UNKNOWN, why), at=now),
            )
            for one, why in unanswered
        ]
        await queue.settle(connection, self.name, ended, again, now)

    async def _claimed(self, connection: Connection, anew: frozenset[str], now: datetime) -> list[DuePush]:
        under_way = Counter(push.person for push in self._under_way.values())
        wanted = [
            ConnectedPerson(person=person, free=free, anew=person in anew)
            for person in self._sessions
            if (free := self.config.concurrency - under_way[person]) > 0
        ]
        if not wanted:
            return []
        tickets = [one.claim.ticket_id for one in self._under_way.values()]
        lease = self.config.attempt_timeout + timedelta(seconds=SETTLE_S_MAX)
        claims = await push_queue.claim(connection, self.name, wanted, under_way=tickets, now=now, lease=lease)
        await self.know([claim.value for _, claim in claims])
        pushes = list[DuePush]()
        for person, claim in claims:
            try:
                recorded = self.decode(claim.value)
            except MalformedInput as error:
                await self._park(connection, claim, f"the event cannot be read: {error.code}", now)
                continue
            key = delivery_key(recorded.event_id, self.name)
            context = traceparent(recorded.trace_id, recorded.event_id, sampled=claim.caller_trace.sampled)
            frame = push_frame(key, recorded, claim.caller_trace)
            pushes.append(DuePush(key=key, person=person, claim=claim, traceparent=context, frame=frame))
        return pushes

    def _push(self, push: DuePush) -> None:
        """Send a push to every session of its person."""
        self._under_way[push.key] = push
        sessions = self._sessions.get(push.person, ())
        for session in sessions:
            session.offer(push.frame)
        if not sessions:
            self._give_up([push], "the session ended")

    def _give_up(self, pushes: Sequence[DuePush], why: str) -> None:
        for push in pushes:
            del self._under_way[push.key]
            self._unanswered.append((push, why))
            self._span(push, failure=FailureKind.UNKNOWN)
            metrics.CALLS.labels(self.name, FailureKind.UNKNOWN).inc()

    def _span(self, push: DuePush, failure: str = "") -> None:
        """Keep the spans of a push that came to its end: from its sending on, and of the answer."""
        attributes = {"ticketbus.target": self.name, "ticketbus.ticket": push.claim.ticket_id}
        sent = time_ns() - int((monotonic() - push.at) * 1e9)
        past(
            f"push {self.name}",
            kind=SpanKind.PRODUCER,
            attributes=attributes,
            under=push.traceparent,
            began_ns=sent,
            failure=failure,
        )
        if not failure:
            past(f"acknowledge {self.name}", kind=SpanKind.CONSUMER, attributes=attributes, under=push.traceparent)

    async def _park(self, connection: Connection, claim: Claim, why: str, now: datetime) -> None:
        """Park a push that can never be sent: it becomes a dead letter."""
        failed_attempt = written_down(DeliveryFailed(FailureKind.UNTRANSLATABLE, why), at=now)
        again = FailedClaim(claim=claim, at=now, unsure=False, failure=failed_attempt, parked=True)
        await queue.settle(connection, self.name, [], [again], now)
        reason = Reason.UNTRANSLATABLE
        parked = ParkedDelivery(
            target=self.name, claim=claim, recorded=None, reason=reason, failure=failed_attempt, at=now
        )
        await self.park(connection, [parked])
        metrics.CALLS.labels(self.name, FailureKind.UNTRANSLATABLE).inc()
        metrics.PARKED.labels(self.name, reason).inc()
        self.report(target_alerts.parked(parked))
