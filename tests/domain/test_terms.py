"""The words that others meet: the five states and nothing else (R11, R12), command and event names, refusals' texts."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.domain import commands, events, promise_events, terms
from bus.domain.errors import CommandRefused
from bus.domain.naming import VAGUE, dotted, kebab, nearest, state_named
from bus.domain.terms import State

SPELLED = [(name, state) for state in State for name in (state.value, state.zh)]


@pytest.mark.parametrize(("word", "state"), SPELLED)
def test_terms_a_state_is_read_in_chinese_and_english(word: str, state: State) -> None:
    assert state_named(word) is state
    assert state_named(f" {word} ") is state


@pytest.mark.parametrize(("word", "meant"), VAGUE.items())
def test_terms_a_vague_or_foreign_state_is_refused_with_the_nearest_legal_one(word: str, meant: State) -> None:
    with pytest.raises(CommandRefused) as refused:
        state_named(word)
    assert (refused.value.code, refused.value.context["nearest"]) == ("unknown_state", meant.value)
    assert meant.zh in refused.value.zh
    assert meant.value in refused.value.en


@pytest.mark.parametrize("word", ["跟进中", "稍后处理", "进行中", "已受理"])
def test_terms_the_words_that_the_requirement_names_are_known(word: str) -> None:
    assert word in VAGUE


@given(st.text(max_size=12))
def test_terms_any_other_word_is_refused_and_the_five_are_named(word: str) -> None:
    if word.strip() in dict(SPELLED):
        return
    with pytest.raises(CommandRefused, match="unknown_state") as refused:
        state_named(word, "status")
    assert refused.value.field == "status"
    assert all(state.zh in refused.value.zh and state in refused.value.en for state in State)


def test_terms_there_are_five_states_three_substates_and_every_word_has_its_chinese_name() -> None:
    assert [state.zh for state in State] == ["待分派", "已指派", "处理中", "已解决", "已关闭"]
    assert [substate.zh for substate in terms.Substate] == ["远程诊断", "现场勘查", "备件调拨"]
    assert [tick.zh for tick in terms.Tick] == ["问题彻底解决", "无衍生风险", "无需后续支持"]


def test_terms_commands_are_named_in_kebab_case() -> None:
    names = {kebab(command) for command in get_args(commands.Command)}
    fixed = """assign accept depart arrive start pause resume request-parts resolve request-closure confirm-closure
        reopen note"""
    assert {*fixed.split()} <= names
    assert len(names) == len(get_args(commands.Command))


def test_terms_events_are_named_by_dots_and_all_that_users_were_promised_are_there() -> None:
    assert dotted(events.TicketOpened) == "ticket.opened"
    assert dotted(promise_events.SlaBreached) == "sla.breached"
    promised = """TicketOpened ReportJoined TicketAssigned AssignmentAccepted EngineerDeparted EngineerArrived
        WorkStarted WorkPaused WorkResumed PartsRequested PartsIssued PartsRefused EvidenceAdded NoteAdded
        ProgressAsked TicketResolved ClosureRequested ClosureConfirmed ClosureRejected TicketReopened
        SlaWarned SlaBreached TicketEscalated"""
    assert {*promised.split()} <= {event.__name__ for event in get_args(events.Event)}


def test_terms_the_nearest_word_is_named_or_none() -> None:
    assert nearest("ticket.assigns", ["ticket.assign", "ticket.status"]) == "ticket.assign"
    assert nearest("zzz", ["ticket.assign"]) == ""
