"""The steps to practise by: each is next in its turn, and what the bus plays is taken by the real rules (R47)."""

from dataclasses import replace

import pytest

from bus.domain.closing_commands import Resolve
from bus.domain.practice_steps import STEPS, PracticeRole, person_of, played, steps_left
from bus.domain.terms import State
from bus.domain.transitions import legal_in
from bus.intake.sandbox import practice_opening
from tests.domain.given import Story
from tests.domain.people import RULES, START
from tests.domain.test_virtual import PRACTICE


@pytest.mark.parametrize("own", [*PracticeRole, None])
def test_practice_steps_played_one_by_one_lead_through_the_five_states(own: PracticeRole | None) -> None:
    story = Story()
    story.ask(practice_opening(PRACTICE, RULES, START)).accepted  # noqa: B018 - it asserts that it is accepted
    states = [story.ticket.state]
    for step in STEPS:
        assert steps_left(story.ticket)[0] is step
        assert (step.command in legal_in(story.ticket.state), step.is_done(story.ticket)) == (True, False), step.name
        story.when(played(step, "张工", RULES, own)).accepted  # noqa: B018 - it asserts that it is accepted
        assert step.is_done(story.ticket), step.name
        states.append(story.ticket.state)
    assert [*dict.fromkeys(states)] == [*State]
    assert steps_left(story.ticket) == []
    assert (story.ticket.assignee.person == "张工") is (own is PracticeRole.ENGINEER)


def test_practice_steps_say_what_the_table_of_transitions_asks() -> None:
    resolve = next(one for one in STEPS if one.command is Resolve)
    assert (resolve.name, resolve.rule.to, resolve.rule.needs) == (
        "resolve", State.RESOLVED, ("photos", "summary", "root_cause"),
    )  # fmt: skip
    assert {one.role for one in STEPS} == {*PracticeRole}


def test_practice_steps_go_back_with_the_ticket() -> None:
    story = Story()
    story.ask(practice_opening(PRACTICE, RULES, START)).accepted  # noqa: B018 - it asserts that it is accepted
    for step in STEPS:
        story.when(played(step, "张工", RULES)).accepted  # noqa: B018 - it asserts that it is accepted
    again = replace(story.ticket, state=State.IN_PROGRESS, closure_requested=False)
    assert [one.name for one in steps_left(again)] == ["resolve", "request-closure", "confirm-closure"]


def test_practice_steps_name_who_practises_in_their_own_role_alone() -> None:
    assert person_of(PracticeRole.LEAD, "张工", PracticeRole.LEAD) == "张工"
    assert person_of(PracticeRole.LEAD, "张工", PracticeRole.CUSTOMER) == "演练班组长"
