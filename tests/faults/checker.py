"""The oracle: holds what clients were told against what the stores hold. Pure; after Jepsen's Kafka workload."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from bus.gateway.stream.dedup import REPEAT_RECORDS_MAX
from tests.faults.effects import Effects, Stored
from tests.faults.history import SPOOLED, UNCHANGED, Kind, Op
from tests.faults.logged import Logged

ALARM_LATE_S_MAX = 10.0
CLOSED = "closure.confirmed.v1"
REPORTS = frozenset({"ticket.opened.v1", "report.joined.v1"})
NOT_KEPT = frozenset({401, 403, 405, 408, 413, 415})  # nobody, or nothing, to know the refusal by


class Fault(StrEnum):
    """What can be wrong."""

    LOST = "lost"
    PHANTOM = "phantom"
    REPEATED = "repeated"
    GAP = "gap"
    INVERSION = "inversion"
    UNPUBLISHED = "unpublished"
    UNLOGGED = "unlogged"
    BREACH = "breach"
    LETTER = "letter"
    ANSWER = "answer"
    PROJECTION = "projection"
    LAG = "lag"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it should be; `key` names the command, ticket, record or handler."""

    fault: Fault
    key: str
    what: str


def check(history: Iterable[Op], effects: Effects) -> list[Finding]:
    """Find all that is wrong. The bus must be quiet: what is still on its way counts as missing. Pure."""
    ops: dict[str, list[Op]] = defaultdict(list)
    for op in history:
        ops[op.command_id].append(op)
    return [
        *_commands(ops, effects),
        *_masters(effects),
        *_versions(effects.stored),
        *_topics(effects),
        *_promises(effects),
        *(_found(Fault.PROJECTION, one.partition(":")[0], one) for one in effects.misfolded),
        *_standing(effects),
    ]


def _found(fault: Fault, key: str, what: str) -> Finding:
    return Finding(fault=fault, key=key, what=what)


def _commands(ops: Mapping[str, Sequence[Op]], effects: Effects) -> Iterator[Finding]:
    """Hold every command, asked or found in the stores, against its answers, its events and its letters."""
    events: dict[str, list[Stored]] = defaultdict(list)
    for one in effects.stored:
        events[one.command_id].append(one)
    letters = Counter(one.ref.partition("#")[0] for one in effects.letters)
    remembered = {one.command_id: (one.ticket_id, one.version) for one in effects.remembered}
    for command_id in {**ops, **events}:
        asked, mine = ops.get(command_id, ()), events.get(command_id, [])
        if not asked and all(one.own or (one.source, one.ticket_id, command_id) in effects.tellers for one in mine):
            if (told := _applied(mine)) > 1:  # the bus's own clocks are no command, a target's answer is
                yield _found(Fault.REPEATED, command_id, f"{told} effects of what {mine[0].source} told once")
            continue
        key = asked[0].key if asked else command_id
        kept = letters[command_id] + (letters[key] if key != command_id else 0)
        count = _applied(mine)
        yield from _counted(key, asked, count, kept)
        yield from _letters(key, asked, kept)
        if count == 1:
            yield from _answers(key, asked, mine, remembered.get(command_id))
    for command_id in remembered.keys() - events.keys():
        yield _found(Fault.LOST, command_id, "remembered as done, but no event came of it")


def _applied(events: Sequence[Stored]) -> int:
    """Count how often a command took effect: once per transaction, and within one by what it can do only once."""
    asked = [one for one in events if not one.own]
    kinds = Counter("report" if one.ce_type in REPORTS else one.ce_type for one in asked)
    return max(len({(one.ticket_id, one.recorded_at) for one in asked}), *kinds.values(), 0)


def _counted(key: str, asked: Sequence[Op], count: int, kept: int) -> Iterator[Finding]:
    kinds = Counter(op.kind for op in asked)
    answers = {op.answer for op in asked if op.kind is Kind.OK}
    if count > 1:
        yield _found(Fault.REPEATED, key, f"{count} effects of one command")
    elif count == 0:
        if answers - {SPOOLED, UNCHANGED}:
            yield _found(Fault.LOST, key, f"answered {sorted(answers)}, and nothing came of it")
        elif SPOOLED in answers and not kept:
            yield _found(Fault.LOST, key, "accepted for later, and neither an effect nor a letter came of it")
    elif not asked:
        yield _found(Fault.PHANTOM, key, "an effect of a command that nobody asked for")
    elif not answers - {UNCHANGED} and kinds[Kind.FAIL] + kinds[Kind.OK] == kinds[Kind.INVOKE]:
        yield _found(Fault.PHANTOM, key, "an effect of a command of which every attempt was said to have none")


def _letters(key: str, asked: Sequence[Op], kept: int) -> Iterator[Finding]:
    for code in sorted({op.code for op in asked if op.status == 500}):
        yield _found(Fault.INTERNAL, key, f"answered 500 {code}")
    refused = [op for op in asked if op.kind is Kind.FAIL and op.status not in NOT_KEPT]
    if kept > 1 or (refused and not kept):
        what = refused[0].code if refused else "decided later"
        yield _found(Fault.LETTER, key, f"the refusal ({what}) was kept {kept} times")


def _answers(
    key: str, asked: Sequence[Op], events: Sequence[Stored], remembered: tuple[str, int] | None
) -> Iterator[Finding]:
    """Hold what was answered, and what is remembered for repeats, against the events of a command applied once."""
    came_to = events[0].ticket_id, max(one.version for one in events)
    for op in asked:
        if op.kind is Kind.OK and op.ticket_id and op.answer != UNCHANGED and (op.ticket_id, op.version) != came_to:
            yield _found(Fault.ANSWER, key, f"answered {op.ticket_id} v{op.version}, stored is {came_to}")
    if remembered != came_to:
        yield _found(Fault.ANSWER, key, f"remembered as {remembered}, stored is {came_to}")


def _masters(effects: Effects) -> Iterator[Finding]:
    """Find two open tickets of one incident key within the window."""
    closed = {one.ticket_id: one.recorded_at for one in effects.stored if one.ce_type == CLOSED}
    openings: dict[str, list[Stored]] = defaultdict(list)
    for one in effects.stored:
        if one.incident:
            openings[one.incident].append(one)
    for incident, some in openings.items():
        for first, second in pairwise(sorted(some, key=lambda one: one.recorded_at)):
            near = abs(second.occurred_at - first.occurred_at) <= effects.dedupe_window_s
            if near and closed.get(first.ticket_id, second.recorded_at + 1) > second.recorded_at:
                yield _found(Fault.REPEATED, incident, f"two tickets: {first.ticket_id} and {second.ticket_id}")


def _versions(stored: Sequence[Stored]) -> Iterator[Finding]:
    tickets: dict[str, list[int]] = defaultdict(list)
    for one in stored:
        tickets[one.ticket_id].append(one.version)
    for ticket_id, versions in tickets.items():
        if sorted(versions) != list(range(1, len(versions) + 1)):
            yield _found(Fault.GAP, ticket_id, f"versions {sorted(versions)}")


def _topics(effects: Effects) -> Iterator[Finding]:
    """Hold the topics against PostgreSQL, both ways, and each partition against its own order."""
    stored = {(one.ticket_id, one.version): one for one in effects.stored}
    places: dict[tuple[str, int], list[Logged]] = defaultdict(list)
    homes: dict[tuple[str, str], set[int]] = defaultdict(set)
    published: set[tuple[str, str, int]] = set()
    for one in effects.logged:
        if not one.ticket_id:
            yield _found(Fault.UNLOGGED, f"{one.topic}/{one.partition}@{one.offset}", "names no event")
            continue
        places[one.topic, one.partition].append(one)
        homes[one.topic, one.ticket_id].add(one.partition)
        published.add((one.topic, one.ticket_id, one.version))
    for records in places.values():
        yield from _partition(sorted(records, key=lambda one: one.offset), stored)
    for (topic, ticket_id), home in homes.items():
        if len(home) > 1:
            yield _found(Fault.INVERSION, ticket_id, f"stands in several partitions of {topic}: {sorted(home)}")
    for event in effects.stored:
        for topic in event.topics:
            if (topic, event.ticket_id, event.version) not in published:
                yield _found(Fault.UNPUBLISHED, event.ticket_id, f"v{event.version} never came to {topic}")


def _partition(records: Iterable[Logged], stored: Mapping[tuple[str, int], Stored]) -> Iterator[Finding]:
    """Walk along a partition: new versions rise, repeats are bit for bit and from near."""
    heads: dict[str, int] = {}
    last: dict[tuple[str, int], Logged] = {}
    for one in records:
        key, where = (one.ticket_id, one.version), f"{one.topic}/{one.partition}@{one.offset}"
        before, event = last.get(key), stored.get(key)
        last[key] = one
        if before is not None:
            if (before.digest, before.event_id) != (one.digest, one.event_id):
                yield _found(Fault.REPEATED, one.ticket_id, f"v{one.version} again with other content at {where}")
            elif one.offset - before.offset > REPEAT_RECORDS_MAX:
                yield _found(Fault.INVERSION, one.ticket_id, f"v{one.version} again at {where}, from @{before.offset}")
            continue
        if event is None or one.topic not in event.topics:
            yield _found(Fault.UNLOGGED, one.ticket_id, f"v{one.version} at {where} does not stand in PostgreSQL")
        elif (event.digest, event.event_id) != (one.digest, one.event_id):
            yield _found(Fault.UNLOGGED, one.ticket_id, f"v{one.version} at {where} is other than in PostgreSQL")
        if one.version < heads.get(one.ticket_id, 0):
            yield _found(Fault.INVERSION, one.ticket_id, f"v{one.version} at {where} after v{heads[one.ticket_id]}")
        heads[one.ticket_id] = max(one.version, heads.get(one.ticket_id, 0))


def _promises(effects: Effects) -> Iterator[Finding]:
    for one in effects.promises:
        name = f"{one.ticket_id} {one.clock}"
        if len(one.told) > 1:
            yield _found(Fault.BREACH, name, f"broken {len(one.told)} times")
        elif one.told:
            at, due = one.told[0]
            if due is None or at < due:
                yield _found(Fault.BREACH, name, f"broken at {at}, but due {due}")
        elif one.due_at is not None and one.due_at + ALARM_LATE_S_MAX < effects.read_at:
            yield _found(Fault.BREACH, name, f"fell due {effects.read_at - one.due_at:.1f} s ago and was never told")


def _standing(effects: Effects) -> Iterator[Finding]:
    for one in effects.standing:
        if one.lag or one.failure:
            where = f"{one.handler}/{one.partition}"
            yield _found(Fault.LAG, where, f"lag {one.lag}{': ' if one.failure else ''}{one.failure}")
