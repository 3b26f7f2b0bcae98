"""The state diagram and the table of duties, drawn from `bus.domain.transitions.TRANSITIONS`."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from bus.docgen.markdown import code, codes, document, table
from bus.domain.closing_commands import Reopen
from bus.domain.commands import INSIDE, Command
from bus.domain.naming import VAGUE, kebab
from bus.domain.terms import State, Substate, WaitingFor
from bus.domain.transitions import TRANSITIONS, TransitionRule

# Where a reopened ticket goes depends on the ticket: to its handler, or to the queue when it has none.
_REOPENED_TO = (State.ASSIGNED, State.PENDING)
_HEADS = ("Command", "In state", "Leads to", "Must bring", "Due within", "动作", "Action")
_ABOUT = """\
One table in the code says in which state which command is legal, where it leads, what it must bring and by when
(R11, R13, R14). The refusals, this page and the tests all come from it. A command that is not listed for a state is
refused with `not_now`, and the refusal names those that are."""
_SUBSTATES = """\
处理中 has three substates, {substates}, and may be paused while it waits for {waiting}: the resolution
clock stands still then."""
_WORDS = """\
Other systems have more words. Those that no table of an adapter maps are refused with `unknown_state`, and the refusal
names the nearest legal state (R12):"""


def page() -> str:
    """Draw docs/states.md. Pure."""
    names = (f"{one.zh} `{one.value}`" for one in State)
    substates = "、".join(f"{one.zh} `{one.value}`" for one in Substate)
    waiting = "、".join(f"{one.zh} `{one.value}`" for one in WaitingFor)
    words = ((word, f"{state.zh} `{state.value}`") for word, state in VAGUE.items())
    return document(
        "States and duties 状态与职责",
        "bus/domain/transitions.py",
        _ABOUT,
        f"The five states: {' → '.join(names)}.",
        _SUBSTATES.format(substates=substates, waiting=waiting),
        diagram(),
        "## Duties\n\nAn empty “leads to” means that the state stays.\n\n" + table(_HEADS, _rows(historic=False)),
        "## In an imported history alone\n\nThe past may hold what live tickets may not do.\n\n"
        + table(_HEADS, _rows(historic=True)),
        f"## Words that are no states\n\n{_WORDS}\n\n" + table(("Word", "Nearest"), words),
    )


def diagram() -> str:
    """Draw the state diagram as a fenced Mermaid block. Pure."""
    arrows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (state, command), duty in TRANSITIONS.items():
        if not duty.historic:
            for to in _targets(state, command, duty):
                arrows[state.value if state else "[*]", to.value].append(kebab(command))
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f'    state "{state.zh} {state.value}" as {state.value}' for state in State]
    lines += [f"    {start} --> {to} : {', '.join(names)}" for (start, to), names in arrows.items()]
    return "\n".join([*lines, f"    {State.CLOSED.value} --> [*]", "```"])


def _targets(state: State | None, command: type[Command], duty: TransitionRule) -> tuple[State, ...]:
    if command is Reopen:
        return _REOPENED_TO
    return (duty.to,) if duty.to is not None and duty.to is not state else ()


def _rows(*, historic: bool) -> Iterator[tuple[str, ...]]:
    """Give one row per command and duty, with all the states in which it is the same."""
    states: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for (state, command), duty in TRANSITIONS.items():
        if duty.historic is historic and command not in INSIDE:
            to = " or ".join(one.zh for one in _targets(state, command, duty))
            rest = (code(kebab(command)), to, codes(duty.needs), _time(duty.within), duty.action.zh, duty.action.en)
            states[rest].append(state.zh if state else "—")
    return ((command, "、".join(names), *rest) for (command, *rest), names in states.items())


def _time(within: timedelta | None) -> str:
    if within is None:
        return ""
    minutes = int(within.total_seconds() // 60)
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"
