"""One row a ticket: the steps that its state and its times tell, each at its own time. Pure.

A step is known by what it is, not by its row, so that a later export of the same ticket adds what is new.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.csv_form import trimmed
from adapters.history.table import BoundTable, Seen
from adapters.history.walk import SETTLED, Reasons, Stand, Step, walk
from bus.domain.closing_commands import ConfirmClosure, RequestClosure, Resolve
from bus.domain.commands import Assign, Command, Note, OpenTicket, Pause
from bus.domain.errors import MalformedInput
from bus.domain.terms import State

_LAST = (Pause, Resolve, RequestClosure, ConfirmClosure)  # as the last step they are at `updated_at`, if at no other
_ENDS = ("closed_at", "resolved_at", "updated_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedStep:
    """A step at a time; `name` tells it from the other steps of its ticket, in every export alike."""

    step: Step
    at: datetime
    name: str


def ticket_steps(table: BoundTable, values: tuple[str, ...], opening: OpenTicket) -> tuple[TimedStep, ...]:
    """Give the steps of a row, in order. A step without a time of its own is at the time of the one before it.

    A time before that of the step before counts as that one, and a note says so, as it does of times that the state
    contradicts. Raises MalformedInput.
    """
    seen = table.seen(values)
    opened = table.opened_at(values)
    if opened is None:
        raise table.missing(table.map.columns.opened_at or "opened_at")
    if seen.state in SETTLED and not any(table.time(values, name) for name in _ENDS):
        raise _no_time_of_end(table, seen)
    steps = [TimedStep(step=Step(command=opening), at=opened, name="open-ticket")]
    remarks = list(_contradictions(table, values, seen))
    column, word = table.map.columns.state, trimmed(values[table.word])
    agent = f"{table.map.columns.assigned_to}: {seen.person}" if seen.person else ""
    reasons = Reasons(person=agent, state=f"{column}: {word}")
    walked = list(walk(Stand(), seen, reasons, column))
    for one in walked:
        before = steps[-1].at
        field, own = _time_of(table, values, one.command, last=one is walked[-1])
        if own and own < before:
            remarks.append(
                f"{table.column(field)}: {_shown(own)} 早于上一步,按 {_shown(before)} 计 / is before the step before"
            )
        at = max(own or before, before)
        shown = own is not None and not isinstance(one.command, RequestClosure)
        made = replace(one, implied=one.implied and not shown)
        steps.append(TimedStep(step=made, at=at, name=_name(one.command, own if field != "updated_at" else None)))
    if remarks:
        text = "; ".join(remarks)
        steps.append(TimedStep(step=Step(command=Note(text=text)), at=steps[-1].at, name=f"note {text}"))
    return tuple(steps)


def _time_of(
    table: BoundTable, values: tuple[str, ...], command: Command, *, last: bool
) -> tuple[str, datetime | None]:
    """Give the time of a step and the name of its column in the map."""
    match command:
        case Assign():
            field = "assigned_at"
        case Resolve():
            field = "resolved_at"
        case ConfirmClosure() | RequestClosure():
            field = "closed_at"
        case _:
            field = "updated_at"
    own = table.time(values, field) if field != "updated_at" else None
    if own is None and last and isinstance(command, _LAST):
        return "updated_at", table.time(values, "updated_at")
    return field, own


def _contradictions(table: BoundTable, values: tuple[str, ...], seen: Seen) -> Iterator[str]:
    """Say which times of a row tell a step that its state has not: it may have been reopened."""
    states = (State.RESOLVED, State.CLOSED)
    for field, state in (("resolved_at", State.RESOLVED), ("closed_at", State.CLOSED)):
        time = table.time(values, field)
        if time and (seen.state not in SETTLED or states.index(seen.state) < states.index(state)):
            yield f"{table.column(field)}: {_shown(time)},但状态是“{seen.state.zh}” / yet the ticket is {seen.state}"


def _name(command: Command, own: datetime | None) -> str:
    match command:
        case Assign(assignee=assignee):
            return f"assign {assignee.person}"
        case Pause(waiting_for=waiting_for):
            return f"pause {waiting_for}"
        case _:
            return f"{type(command).__name__} {own.isoformat() if own else ''}"


def _shown(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _no_time_of_end(table: BoundTable, seen: Seen) -> MalformedInput:
    columns = table.map.columns
    column = columns.closed_at or columns.resolved_at or columns.updated_at or "resolved_at"
    zh, en = (
        f"状态是“{seen.state.zh}”,但没有解决或关闭的时间",
        f"the ticket is {seen.state}, and no column tells since when",
    )
    return MalformedInput("missing", column, zh, en)
