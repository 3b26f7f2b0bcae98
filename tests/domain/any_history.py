"""Strategies for what anybody may want of the bus: any command, complete or not, on a few tickets, in any order."""

from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any, get_args

from hypothesis import strategies as st

from bus.domain.commands import Command, OpenTicket, Start
from bus.domain.terms import KeyKind
from bus.domain.values import IncidentKey
from bus.domain.work_order_commands import ApproveStep
from tests.domain.any_value import anything
from tests.domain.people import (
    ASSIGNED,
    CLOSED,
    OPEN,
    PAUSE,
    PAUSED,
    REOPEN,
    RESOLVED,
    RESUME,
    RULES,
    SAMPLES,
    SIGNED,
    WORKING,
)

NUMBERS = ("C-1", "C-2", "C-3")
KEYS = [IncidentKey(kind=kind, value=value) for kind in (KeyKind.SERIAL, KeyKind.PHONE) for value in ("1", "2")]
WAITS_S = [0, 0, 1, 60, 600, 900, 901, 3_600, 43_200, 86_400]
ANY_ORDER_S = [*WAITS_S, -1, -60, -900, -3_600, -86_400]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Something wanted `wait_s` after the last; `again` repeats an earlier wish, whole or its id alone."""

    command: Command
    source_no: str = ""
    wait_s: int = 0
    again: str = ""
    earlier: int = 0
    ends_batch: bool = False


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


_LIKELY = [one for one in SAMPLES.values() if not isinstance(one, OpenTicket)]
_COMMANDS: st.SearchStrategy[Any] = st.one_of(
    _openings(),
    st.sampled_from(_LIKELY),
    st.sampled_from(_LIKELY),
    st.one_of([anything(command) for command in get_args(Command) if command is not OpenTicket]),
)
# Whole ways, so that what is wanted often has a meaning.
_WAYS: list[tuple[Command, ...]] = [
    ASSIGNED,
    WORKING,
    PAUSED[1:],
    RESOLVED[1:],
    CLOSED,
    (PAUSE, RESUME),
    (REOPEN, Start()),
    (*SIGNED, SAMPLES[ApproveStep]),
]


def wishes(waits_s: list[int]) -> st.SearchStrategy[list[Wish]]:
    """Give any list of wishes with such waits between them; each ticket is opened first of all."""
    openings = [
        Wish(command=replace(OPEN, source_no=one, incident_key=key)) for one, key in zip(NUMBERS, KEYS, strict=False)
    ]
    stretches = st.builds(
        _stretch,
        _COMMANDS.map(lambda one: (one,)) | st.sampled_from(_WAYS),
        st.sampled_from(NUMBERS),
        st.lists(st.sampled_from(waits_s), min_size=1, max_size=3),
        again=st.sampled_from(["", "", "", "whole", "id"]),
        earlier=st.integers(0, 30),
        ends_batch=st.booleans(),
    )
    some = st.lists(stretches, min_size=12, max_size=30)
    return some.map(lambda parts: openings + [wish for part in parts for wish in part])


def _stretch(
    commands: tuple[Command, ...], source_no: str, waits_s: list[int], *, again: str, earlier: int, ends_batch: bool
) -> list[Wish]:
    return [
        Wish(
            command=replace(one, source_no=source_no) if one is OPEN else one,
            source_no=source_no,
            wait_s=wait_s,
            again=again if one is commands[-1] else "",
            earlier=earlier,
            ends_batch=ends_batch,
        )
        for one, wait_s in zip(commands, cycle(waits_s), strict=False)
    ]
