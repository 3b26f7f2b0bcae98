"""The words of the trade that pages show, by the field that has them: one value may stand for two words."""

from collections.abc import Mapping
from typing import Final

from bus.domain.drift import DriftReason
from bus.domain.escalation import TEAM_LEAD, board_words
from bus.domain.routed import Unfit
from bus.domain.terms import ClockName, EvidenceKind, State, Substate, WaitingFor, words
from bus.domain.text import Text
from bus.domain.work_order import StepStatus

WORDS: Final[Mapping[str, Mapping[str, Text]]] = {
    "to": {TEAM_LEAD: board_words(TEAM_LEAD)},
    "state": words(State),
    "substate": words(Substate),
    "waiting_for": words(WaitingFor),
    "clock": words(ClockName),
    "kind": words(EvidenceKind),
    "unfit": words(Unfit),
    "drift": words(DriftReason),
    "step_status": words(StepStatus),
}
