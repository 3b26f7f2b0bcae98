"""Random journeys: a bus with random faults and random noise, and the causes that an oracle knows them to be. Pure."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from bus.domain.terms import State
from bus.journey.expected_hops import ExpectedRow
from bus.journey.hop_sources import DeadLetterRow, DeliveryRow
from bus.journey.judge import TicketRecord
from bus.journey.readings import AppRow, MismatchRow, Readings, TargetRow, UnpublishedRow, UnreadRow
from bus.journey.spooled import SpooledRequest, SpoolFound
from bus.journey.verdict import VerdictCause
from bus.postgres.heartbeats import ProgramBeat
from tests.journey.test_judge import (
    GATEWAY,
    INPUT,
    LETTER,
    MISMATCH,
    NOW,
    STAGES,
    TARGET,
    THERE,
    WAITS,
    WORKER,
    ticket_of,
)
from tests.journey.test_judge_expected import AT_ERP

Cause = VerdictCause
HELD = ticket_of("王工")
NONE = "-"  # no cause, in the matrix


@dataclass(slots=True, kw_only=True)
class RandomBus:
    """A ticket and the bus around it; healthy until a fault changes it. `causes`: what the oracle knows."""

    chance: random.Random
    last: int
    beats: list[ProgramBeat]
    targets: dict[str, TargetRow]
    deliveries: dict[str, list[DeliveryRow]]
    closed: bool
    apps: list[AppRow] = field(default_factory=list)
    letters: list[DeadLetterRow] = field(default_factory=list)
    unread: list[UnreadRow] = field(default_factory=list)
    unpublished: list[UnpublishedRow] = field(default_factory=list)
    mismatches: list[MismatchRow] = field(default_factory=list)
    spooled: list[SpooledRequest] = field(default_factory=list)
    expected: list[ExpectedRow] = field(default_factory=list)
    causes: set[VerdictCause] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)  # targets that a fault has

    def ago(self, least_s: float, most_s: float) -> timedelta:
        """Give a random time in seconds."""
        return timedelta(seconds=self.chance.uniform(least_s, most_s))

    def versions(self) -> list[int]:
        """Give the last versions of the ticket, one at least."""
        return list(range(self.chance.randint(1, self.last), self.last + 1))

    def wait(self, target: str, **how: object) -> list[DeliveryRow]:
        """Let the last versions wait for a target; what is given is the first one's."""
        versions = self.versions()
        first = WAITS if not how else replace(WAITS, **how)  # type: ignore[arg-type]  # names of its fields
        rows = [replace(first, target=target, version=one, head=versions[0]) for one in versions]
        self.deliveries[target] = [one for one in self.deliveries[target] if one.version < versions[0]] + rows
        return rows

    def called(self) -> str:
        """Give a target that the bus calls, and that no fault has yet."""
        name = self.chance.choice(sorted({"crm", "erp", "scm", "wms"} - self.taken))
        self.taken.add(name)
        return name

    def judged_by(self) -> tuple[TicketRecord, Readings]:
        """Give what the judge reads."""
        rows = [row for name in sorted(self.deliveries) for row in self.deliveries[name]]
        record = TicketRecord(
            ticket=replace(HELD, state=State.CLOSED) if self.closed else HELD,
            types=frozenset({"ticket.opened"}),
            deliveries=rows,
            letters=self.letters,
            spooled=SpoolFound(requests=self.spooled),
            expected=self.expected,
        )
        read = Readings(
            stages=STAGES,
            beats=self.beats,
            unpublished=self.unpublished,
            unread=self.unread,
            targets=self.targets,
            apps=self.apps,
            mismatches=self.mismatches,
        )
        return record, read


def healthy(seed: int) -> RandomBus:
    """Make a bus on which nothing is wrong with the ticket, and much else may be."""
    chance = random.Random(seed)  # noqa: S311 - journeys that anyone can make again, no secrets
    last = chance.randint(1, 6)
    names = ["app", "crm", "erp", "scm", "wms"]
    done = [replace(WAITS, version=one, state="done", head=None, settled_at=NOW) for one in range(1, last + 1)]
    made = RandomBus(
        chance=chance,
        last=last,
        beats=[GATEWAY, WORKER],
        targets={one: replace(TARGET, target=one, fetched=one == "app", before=chance.randint(0, 40)) for one in names},
        deliveries={one: [replace(row, target=one) for row in done] for one in names},
        closed=chance.random() < 0.5,
    )
    # What is of no account: programs that ended, another person's app, a pause of a target that has it all.
    old = replace(chance.choice([GATEWAY, WORKER]), beat_at=NOW - made.ago(30, 9_000))
    made.beats += [replace(old, stopped_at=old.beat_at)] if chance.random() < 0.5 else []
    made.apps += [replace(THERE, person="李工")] if chance.random() < 0.5 else []
    if chance.random() < 0.5:
        made.targets["wms"] = replace(made.targets["wms"], failures=3, not_before=NOW - made.ago(1, 60))
    made.letters += [replace(LETTER, id=3, state="discarded", target="wms")] if chance.random() < 0.5 else []
    made.expected += [replace(AT_ERP, state=chance.choice(["pending", "late"]))] if chance.random() < 0.5 else []
    return made


def in_outbox(bus: RandomBus) -> None:
    """Let an event wait for Kafka: on its way, with a relay that is stuck, or with Kafka away."""
    bus.causes.add(cause := bus.chance.choice([Cause.IN_OUTBOX, Cause.RELAY_STUCK, Cause.KAFKA_AWAY]))
    since = NOW - (bus.ago(21, 900) if cause is Cause.RELAY_STUCK else bus.ago(0, 19))
    bus.unpublished.append(UnpublishedRow(shard=2, versions=[bus.last], since=since, moved_at=since))
    if cause is Cause.KAFKA_AWAY:
        bus.beats[0] = replace(bus.beats[0], parts={"relay": "Kafka is away: x"})


def stage_waits(bus: RandomBus) -> None:
    """Let a handler not have read the ticket: it is behind, stands still, failed, or has no worker."""
    causes = [Cause.STAGE_BEHIND, Cause.STAGE_STOPPED, Cause.NO_WORKER, Cause.WORKER_FROZEN]
    bus.causes.add(cause := bus.chance.choice(causes))
    still = cause is Cause.STAGE_STOPPED and bus.chance.random() < 0.5
    since = NOW - (bus.ago(21, 900) if still else bus.ago(0, 19))
    failure = "offset 9: no such column" if cause is Cause.STAGE_STOPPED and not still else None
    handler = bus.chance.choice(sorted(STAGES))
    row = UnreadRow(handler=handler, versions=bus.versions(), since=since, ahead=7, moved_at=since, failure=failure)
    bus.unread.append(row)
    gone = replace(WORKER, beat_at=NOW - bus.ago(21, 3_600))
    if cause is Cause.WORKER_FROZEN:
        bus.beats[1] = gone
        bus.beats = bus.beats[:2]
    elif cause is Cause.NO_WORKER:
        bus.beats = [bus.beats[0], *([replace(gone, stopped_at=gone.beat_at)] if bus.chance.random() < 0.5 else [])]


_HOLDS: dict[VerdictCause, Callable[[RandomBus], dict[str, object]]] = {
    Cause.TARGET_PAUSED: lambda bus: {"paused": "张工: 盘点", "by_hand": bus.chance.random() < 0.5},
    Cause.DISK_FLOOR: lambda bus: {"host": "h", "path": "/data", "used_share": bus.chance.uniform(0.8, 1)},
    Cause.RETRY_AFTER: lambda bus: {"not_before": NOW + bus.ago(1, 3_600), "asked_wait": True},
    Cause.BREAKER_OPEN: lambda bus: {"not_before": NOW + bus.ago(1, 60), "failures": bus.chance.randint(10, 99)},
    Cause.TARGET_UNDECLARED: lambda bus: {"undeclared_at": NOW - bus.ago(1, 9_000)},
}


def target_holds(bus: RandomBus) -> None:
    """Keep the bus from calling a target, by one cause or two; one that nobody declares has no other."""
    name, kinds = bus.called(), bus.chance.sample(sorted(_HOLDS), bus.chance.randint(1, 2))
    for cause in kinds:
        bus.targets[name] = replace(bus.targets[name], **_HOLDS[cause](bus))  # type: ignore[arg-type]  # as above
    if Cause.TARGET_UNDECLARED in kinds:
        kinds = [Cause.TARGET_UNDECLARED]
    elif {Cause.RETRY_AFTER, Cause.BREAKER_OPEN} <= {*kinds}:
        kinds = [Cause.RETRY_AFTER]  # one time, and the target's own word
    bus.causes |= {*kinds}
    tried = {"attempts": 3, "failure": {"kind": "unavailable"}} if bus.chance.random() < 0.5 else {}
    bus.wait(name, **tried)


def call_under_way(bus: RandomBus) -> None:
    """Let a call of a target be to come, or have failed; without a worker that is the cause."""
    cause = bus.chance.choice([Cause.QUEUED, Cause.POSTPONED, Cause.RATE_LIMITED, Cause.RETRYING, Cause.UNCONFIRMED])
    name = bus.called()
    bus.targets[name] = replace(TARGET, target=name, before=900 if cause is Cause.RATE_LIMITED else 7)
    match cause:
        case Cause.RETRYING:
            failure = {"kind": bus.chance.choice(["unavailable", "throttled", "rejected"]), "detail": "HTTP 503"}
            bus.wait(name, attempts=2, failure=failure, next_at=NOW + bus.ago(1, 600))
        case Cause.UNCONFIRMED:
            bus.wait(name, attempts=1, failure=bus.chance.choice([None, {"kind": "unknown", "detail": "timeout"}]))
        case Cause.POSTPONED:
            bus.wait(name, postponed="quiet hours", next_at=NOW + bus.ago(1, 30_000))
        case _:
            bus.wait(name)
    stopped = bus.causes & {Cause.NO_WORKER, Cause.WORKER_FROZEN}
    bus.causes |= stopped or {cause}


def letter(bus: RandomBus) -> None:
    """Let a delivery be a dead letter; what comes after it waits behind."""
    name = bus.called()
    rows = bus.wait(name, attempts=12, letter=17)
    bus.letters.append(replace(LETTER, target=name, version=rows[0].version))
    bus.causes |= {Cause.DEAD_LETTER, *([Cause.BEHIND] if len(rows) > 1 else [])}


def push_waits(bus: RandomBus) -> None:
    """Let the engineer's app not take it: offline, gone, or silent."""
    cause = bus.chance.choice([Cause.NOBODY_CONNECTED, Cause.NOT_ACKNOWLEDGED])
    rows = bus.wait("app", attempts=bus.chance.randint(1, 9))
    there = replace(THERE, seen_at=NOW - bus.ago(0, 29))
    if cause is Cause.NOT_ACKNOWLEDGED:
        bus.apps.append(there)
    elif bus.chance.random() < 0.7:
        gone = bus.chance.choice([replace(there, left_at=NOW), replace(there, seen_at=NOW - bus.ago(31, 9_000))])
        bus.apps.append(gone)
    assert rows
    bus.causes.add(cause)


def wrong_topic(bus: RandomBus) -> None:
    """Let somebody listen to a topic that nobody writes."""
    bus.mismatches.append(replace(MISMATCH, version=bus.last))
    bus.causes.add(Cause.TOPIC_MISMATCH)


def input_lost(bus: RandomBus) -> None:
    """Let input of the ticket have no effect."""
    bus.letters.append(replace(INPUT, id=21))
    bus.causes.add(Cause.INPUT_LETTER)


def spooled(bus: RandomBus) -> None:
    """Let a request wait on the intake topic."""
    at = NOW - bus.ago(1, 900)
    bus.spooled.append(
        SpooledRequest(source="crm", delivery_id="d", received_at=at, trace_id="t", place="0@7", ahead=3)
    )
    bus.causes.add(Cause.IN_SPOOL)


def never_queued(bus: RandomBus) -> None:
    """Let an event be expected at a target and never have been queued for it: nothing waits, and nothing came."""
    target = bus.called()
    version = bus.deliveries[target].pop().version
    bus.expected.append(replace(AT_ERP, place=target, version=version))
    accounted = any(version in one.versions for one in bus.unpublished) or any(
        version in one.versions and one.handler == "deliveries" for one in bus.unread
    )
    bus.causes |= set() if accounted else {Cause.HOP_MISSING}


# In the order of the way: what a fault does depends on those before it.
FAULTS = (
    spooled, in_outbox, stage_waits, never_queued, target_holds, call_under_way, letter, push_waits, wrong_topic,
    input_lost,
)  # fmt: skip


def journey_of(seed: int) -> RandomBus:
    """Make a random bus: in one of five nothing is wrong, else one to three things are."""
    bus = healthy(seed)
    some = bus.chance.sample(range(len(FAULTS)), bus.chance.choice([0, 1, 1, 2, 3]))
    for number in sorted(some):
        FAULTS[number](bus)
    if not bus.causes:
        bus.causes.add(Cause.DONE if bus.closed else Cause.NOT_ACTED_ON)
    return bus


def confusion(pairs: Iterable[tuple[set[VerdictCause], Sequence[VerdictCause]]]) -> Counter[tuple[str, str]]:
    """Count for each known cause which one was named: itself, or those that were named for nothing."""
    counts = Counter[tuple[str, str]]()
    for known, judged in pairs:
        extra = sorted({*judged} - known)
        counts.update((cause.value, cause.value) for cause in known & {*judged})
        for cause in sorted(known - {*judged}):
            counts.update((cause.value, other.value) for other in extra) if extra else counts.update(
                [(cause.value, NONE)]
            )
        if known <= {*judged}:
            counts.update((NONE, other.value) for other in extra)
    return counts


def matrix(counts: Counter[tuple[str, str]]) -> str:
    """Spell the matrix: a line for each known cause, with what was named and how often."""
    lines = dict[str, list[str]]()
    for (known, judged), count in sorted(counts.items()):
        lines.setdefault(known, []).append(f"{judged} {count}")
    return "\n".join(f"{known:<20} → {', '.join(named)}" for known, named in lines.items())
