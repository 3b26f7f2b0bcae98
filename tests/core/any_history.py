"""Strategies for what anybody may want of the bus: any command, complete or not, on a few tickets, in any order."""

from dataclasses import dataclass, replace
from typing import Any, get_args

from hypothesis import strategies as st

from bus.commands import Command, OpenTicket
from bus.terms import KeyKind
from bus.values import IncidentKey
from tests.core.any_value import anything
from tests.core.cast import (
    ASKED_TO_CLOSE,
    ASSIGN,
    CLOSED,
    CONFIRM,
    OPEN,
    PAUSE,
    PAUSED,
    REOPEN,
    RESOLVE,
    RESUME,
    RULES,
    SAMPLES,
)

NUMBERS = ("C-1", "C-2", "C-3")
KEYS = [IncidentKey(kind=kind, value=value) for kind in (KeyKind.SERIAL, KeyKind.PHONE) for value in ("1", "2")]
WAITS_S = [0, 0, 1, 60, 600, 900, 901, 3_600, 43_200, 86_400]
ANY_ORDER_S = [*WAITS_S, -1, -60, -900, -3_600, -86_400]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Something wanted `wait_s` after the last; `again` repeats an earlier wish, whole or its id alone."""

    command: Command
    source_no: str
    wait_s: int
    again: str
    earlier: int
    ends_batch: bool


def _openings() -> st.SearchStrategy[Any]:
    own = {
        "incident_key": st.sampled_from(KEYS),
        "type": st.sampled_from(sorted(RULES.sla)),
        "source_no": st.sampled_from(("", *NUMBERS)),
        "opened_at": st.none(),
    }
    return anything(OpenTicket, **own) | st.builds(
        replace, st.just(OPEN), incident_key=own["incident_key"], source_no=own["source_no"], type=own["type"]
    )


_LIKELY = [
    *SAMPLES.values(),
    *CLOSED[1:],
    *PAUSED[1:],
    *ASKED_TO_CLOSE[1:],
    ASSIGN,
    RESOLVE,
    CONFIRM,
    REOPEN,
    PAUSE,
    RESUME,
]
_COMMANDS: st.SearchStrategy[Any] = st.one_of(
    _openings(),
    *[st.sampled_from([one for one in _LIKELY if not isinstance(one, OpenTicket)])] * 4,
    st.one_of([anything(command) for command in get_args(Command) if command is not OpenTicket]),
)


def wishes(waits_s: list[int]) -> st.SearchStrategy[list[Wish]]:
    """Give any list of wishes with such waits between them."""
    return st.lists(
        st.builds(
            Wish,
            command=_COMMANDS,
            source_no=st.sampled_from(NUMBERS),
            wait_s=st.sampled_from(waits_s),
            again=st.sampled_from(["", "", "", "", "", "", "whole", "id"]),
            earlier=st.integers(0, 30),
            ends_batch=st.booleans(),
        ),
        min_size=10,
        max_size=50,
    )
