"""The way from the state a ticket is in to what the next row shows, with the steps jumped over as implied. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from adapters.history.table import Seen
from bus.domain.closing_commands import ConfirmClosure, Reopen, RequestClosure, Resolve
from bus.domain.commands import Assign, Command, Pause, Resume, Return, Start
from bus.domain.errors import MalformedInput
from bus.domain.terms import State, WaitingFor
from bus.domain.values import Assignee

ORDER = (State.PENDING, State.ASSIGNED, State.IN_PROGRESS, State.RESOLVED, State.CLOSED)
SETTLED = (State.RESOLVED, State.CLOSED)
WITH_SOMEBODY = (State.ASSIGNED, State.IN_PROGRESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Where the rows so far leave a ticket."""

    state: State = State.PENDING
    waiting_for: WaitingFor | None = None
    person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command of the way. `implied`: the row jumps over it."""

    command: Command
    implied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """What a row gives as the reason of a change: the cells that changed."""

    person: str
    state: str


def walk(stand: Stand, seen: Seen, reasons: Reasons, column: str) -> Iterator[Step]:
    """Give the steps in order: the person first, then the state, then the pause; none when nothing changed.

    Raises MalformedInput naming the state `column` when the domain has no way back to what the row shows.
    """
    state = stand.state
    if seen.person != stand.person:
        if seen.person:
            yield Step(command=Assign(assignee=Assignee(person=seen.person), reason=reasons.person))
            state = State.ASSIGNED if state is State.PENDING else state
        else:
            yield Step(command=Return(reason=reasons.person))
            state = State.PENDING if state is State.ASSIGNED else state
    if seen.state is State.PENDING and state in WITH_SOMEBODY:  # nobody has it by now
        yield Step(command=Return(reason=reasons.state))
        state = State.PENDING
    if ORDER.index(seen.state) < ORDER.index(state):
        if state not in SETTLED or seen.state in SETTLED:
            raise _no_way_back(state, seen.state, column)
        yield Step(command=Reopen(reason=reasons.state))
        state = State.ASSIGNED if seen.person else State.PENDING
    yield from _climb(state, seen)
    waited_for = stand.waiting_for if stand.state is State.IN_PROGRESS else None
    if seen.waiting_for is not None and seen.waiting_for is not waited_for:
        yield Step(command=Pause(waiting_for=seen.waiting_for, reason=reasons.state))
    elif waited_for is not None and seen.waiting_for is None and seen.state is State.IN_PROGRESS:
        yield Step(command=Resume(reason=reasons.state))


def _climb(state: State, seen: Seen) -> Iterator[Step]:
    for current in ORDER[ORDER.index(state) : ORDER.index(seen.state)]:
        shown = ORDER[ORDER.index(current) + 1] is seen.state
        match current:
            case State.PENDING:  # a person who is known was assigned above: here nobody is
                yield Step(command=Assign(assignee=Assignee()), implied=True)
            case State.ASSIGNED:
                yield Step(command=Start(substate=None), implied=not shown or seen.waiting_for is not None)
            case State.IN_PROGRESS:
                yield Step(command=Resolve(), implied=not shown)
            case State.RESOLVED:
                yield Step(command=RequestClosure(), implied=True)
                yield Step(command=ConfirmClosure())
            case State.CLOSED:
                raise AssertionError("nothing lies beyond closed")


def _no_way_back(now: State, wanted: State, column: str) -> MalformedInput:
    return MalformedInput(
        "no_way_back",
        column,
        f"工单已是“{now.zh}”,不能退回“{wanted.zh}”",
        f"the ticket is {now.value} by now, and no step leads back to {wanted.value}",
    )
