"""Made-up histories without a fault, to be broken in one way or another."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from tests.faults.checker import Fault, check
from tests.faults.effects import Effects, Letter, Promise, Remembered, Standing, Stored
from tests.faults.history import SPOOLED, UNCHANGED, Channel, Kind, Op
from tests.faults.logged import Logged

LOG, VIEW = "ticket.events", "ticket.status"
READ_AT = 10_000.0
ENDS = ("changed", "changed", "changed", SPOOLED, "refused", "waited", UNCHANGED, "unknown")


@dataclass(frozen=True, slots=True)
class World:
    """What was asked, and what came of it."""

    ops: tuple[Op, ...]
    effects: Effects

    def faults(self) -> set[Fault]:
        """Name what the checker finds."""
        return {one.fault for one in check(self.ops, self.effects)}

    def ended(self, *answers: str) -> list[Op]:
        """List the operations that ended so."""
        return [op for op in self.ops if op.answer in answers or op.code in answers]


@dataclass(frozen=True, slots=True)
class Asked:
    """A command to be made up: how many attempts were in vain, how it ended, how many events came of it."""

    infos: int
    end: str
    events: int


asked = st.builds(Asked, st.integers(0, 2), st.sampled_from(ENDS), st.integers(1, 2))
tickets = st.lists(st.lists(asked, min_size=1, max_size=5), min_size=2, max_size=5)


def world(told: Sequence[Sequence[Asked]]) -> World:
    """Make up a history without a fault: the first command of each ticket opens it."""
    ops: list[Op] = []
    effects = Effects(read_at=READ_AT, dedupe_window_s=900)
    for number, commands in enumerate(told):
        version = 0
        for step, one in enumerate([Asked(0, "changed", 1), *commands]):
            name = f"{number}-{step}"
            taken = one.events if one.end in {"changed", SPOOLED, "unknown"} else 0
            version += taken
            effects = with_events(effects, events_of(name, number, step, range(version - taken + 1, version + 1)))
            if one.end in {"refused", "waited"}:
                effects = replace(effects, letters=(*effects.letters, Letter(origin="http", ref=name, code="not_now")))
            ops += _attempts(name, one, f"T{number}", version)
    promised = tuple(Promise(ticket_id=f"T{n}", clock="resolution", due_at=READ_AT + 1) for n in range(len(told)))
    stands = (Standing(handler="tickets", partition=0, lag=0),)
    return World(tuple(ops), replace(effects, promises=promised, standing=stands))


def _attempts(name: str, one: Asked, ticket_id: str, version: int) -> list[Op]:
    op = Op(
        process="p", kind=Kind.INVOKE, channel=Channel.HTTP, action="note", key=f"key-{name}", command_id=name, at=0
    )
    lines = [line for _ in range(one.infos) for line in (op, replace(op, kind=Kind.INFO))]
    ok = replace(op, kind=Kind.OK, status=200, answer=one.end)
    match one.end:
        case "changed":
            return [*lines, op, replace(ok, ticket_id=ticket_id, version=version)]
        case "refused":
            return [*lines, op, replace(op, kind=Kind.FAIL, status=409, code="refused")]
        case "waited":
            return [*lines, op, replace(ok, answer=SPOOLED, code="waited")]
        case "unknown":
            return [*lines, op, replace(op, kind=Kind.INFO, code="unknown")]
        case _:
            return [*lines, op, ok]


def events_of(name: str, number: int, step: int, versions: Sequence[int]) -> list[Stored]:
    return [
        Stored(
            ticket_id=f"T{number}",
            version=version,
            event_id=f"{name}/{version}",
            ce_type="ticket.opened.v1" if step == 0 else f"thing.{nth}.v1",
            command_id=name,
            occurred_at=step,
            recorded_at=step,
            digest=f"{name}/{version}",
            topics=(LOG, VIEW),
            incident=f"serial:{number}" if step == 0 else "",
        )
        for nth, version in enumerate(versions)
    ]


def with_events(effects: Effects, events: Sequence[Stored]) -> Effects:
    """Add events, published, and the command that they are of, remembered."""
    logged = [
        Logged(
            topic=topic,
            partition=int(one.ticket_id[1:]) % 2,
            offset=len(effects.logged) + nth,
            ticket_id=one.ticket_id,
            version=one.version,
            event_id=one.event_id,
            digest=one.digest,
        )
        for nth, one in enumerate(events)
        for topic in one.topics
    ]
    done = [Remembered(command_id=e.command_id, ticket_id=e.ticket_id, version=e.version) for e in events[-1:]]
    return replace(
        effects,
        stored=(*effects.stored, *events),
        logged=(*effects.logged, *logged),
        remembered=(*effects.remembered, *done),
    )
