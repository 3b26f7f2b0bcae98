"""Deadlines of steps (R13): which step is next, when it is due, and that it is late once, never early."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from bus.config_file import ConfigFileInvalid
from bus.domain.closing_commands import RejectClosure, RequestClosure
from bus.domain.commands import (
    Accept,
    Arrive,
    Assign,
    Command,
    Depart,
    IssueParts,
    Note,
    Reclassify,
    RequestParts,
    Return,
    Start,
)
from bus.domain.events import Recorded
from bus.domain.evolve import evolve
from bus.domain.inside_commands import ExpireNextStep
from bus.domain.naming import kebab
from bus.domain.promise_events import NextStepOverdue, PromisesReplanned, TicketReclassified
from bus.domain.rules import Rules
from bus.domain.terms import TicketStep
from bus.domain.ticket import Ticket
from bus.domain.ticket_steps import step_due_at
from bus.domain.transitions import STEP_DEADLINES, TRANSITIONS
from bus.intake.memory_store import MemoryStore
from bus.process.process_manager import Due, request_of
from bus.process.step_process import NAME, STEPS
from bus.rules_config import load_sla
from tests.domain.any_history import ANY_ORDER_S
from tests.domain.given import At, Story, request
from tests.domain.invariants import numbering_dispatcher, whole_log
from tests.domain.people import (
    ASSIGN,
    CONFIRM,
    HOUR,
    MINUTE,
    OFFICE_RULES,
    OPEN,
    PAUSE,
    REOPEN,
    RESOLVE,
    RESUME,
    RULES,
    SAMPLES,
    START,
    TICK_OF_TIME,
    ZHAO,
    with_steps,
)
from tests.domain.test_long_lives import any_next
from tests.domain.test_sla_in_working_hours import MONDAY, happening
from tests.schemas.codecs import CODEC

TIMED = with_steps(RULES)
TIMED_IN_OFFICE = with_steps(OFFICE_RULES)


def begun(*commands: Command | At, rules: Rules = TIMED) -> Story:
    return happening(Story(rules), OPEN, *commands)


def step_of(ticket: Ticket) -> TicketStep | None:
    return ticket.step.step if ticket.step else None


def test_steps_the_next_one_and_its_deadline_follow_the_table_r13() -> None:
    way: list[tuple[Command, TicketStep | None, object]] = [
        (ASSIGN, TicketStep.ACCEPT, 15 * MINUTE),
        (Accept(), TicketStep.START, 2 * HOUR),
        (Depart(), TicketStep.ARRIVE, 4 * HOUR),
        (Note(text="堵车"), TicketStep.ARRIVE, 4 * HOUR),
        (Arrive(), TicketStep.RESOLVE, None),
        (SAMPLES[RequestParts], TicketStep.ANSWER_PARTS, 4 * HOUR),
        (SAMPLES[IssueParts], TicketStep.RESOLVE, None),
        (Assign(assignee=ZHAO, reason="换人"), TicketStep.ACCEPT, 15 * MINUTE),
        (Accept(), TicketStep.RESOLVE, None),
        (RESOLVE, TicketStep.REQUEST_CLOSURE, 2 * HOUR),
        (RequestClosure(), TicketStep.CONFIRM_CLOSURE, 24 * HOUR),
        (RejectClosure(rejected_by="陈女士", reason="仍有异响"), TicketStep.RESOLVE, None),
        (Return(reason="不在本区"), TicketStep.ASSIGN, 5 * MINUTE),
        (ASSIGN, TicketStep.ACCEPT, 15 * MINUTE),
        (Start(), TicketStep.RESOLVE, None),
        (RESOLVE, TicketStep.REQUEST_CLOSURE, 2 * HOUR),
        (RequestClosure(), TicketStep.CONFIRM_CLOSURE, 24 * HOUR),
        (CONFIRM, None, None),
        (REOPEN, TicketStep.ACCEPT, 15 * MINUTE),
    ]
    story, at = begun(), START
    assert (step_of(story.ticket), step_due_at(story.ticket)) == (TicketStep.ASSIGN, START + 5 * MINUTE)
    for command, step, within in way:
        at, since = at + MINUTE, at + (0 * MINUTE if isinstance(command, Note) else MINUTE)
        happening(story, At(at, command))
        assert step_of(story.ticket) is step, command
        assert step_due_at(story.ticket) == (within and since + within), command  # type: ignore[operator]  # the table is of steps with and without a time


def test_steps_each_deadline_of_the_table_is_one_of_a_step_r13() -> None:
    others = {"reject-closure": TicketStep.CONFIRM_CLOSURE, "refuse-parts": TicketStep.ANSWER_PARTS}
    for (_, command), duty in TRANSITIONS.items():
        if duty.within:
            name = kebab(command)
            assert STEP_DEADLINES[others.get(name) or TicketStep(name)] == duty.within


def test_steps_the_page_has_each_with_its_time() -> None:
    page = (Path(__file__).parents[2] / "docs" / "clocks.md").read_text("utf-8")
    units = {"min": MINUTE, "h": HOUR}
    found = re.findall(r"^\| `([a-z-]+)` \S+ \| .* \| (\d+) (min|h) \|$", page, re.MULTILINE)
    assert {TicketStep(name): int(count) * units[unit] for name, count, unit in found} == STEP_DEADLINES


def test_steps_what_is_late_is_said_once_and_never_early_r13() -> None:
    story, due = begun(), START + 5 * MINUTE
    expire = ExpireNextStep(step=TicketStep.ASSIGN)
    story.when(At(due - TICK_OF_TIME, expire)).then()
    late = NextStepOverdue(step=TicketStep.ASSIGN, due_at=due, within_s=300, person="")
    story.when(At(due, expire)).then(late)
    assert (story.log[-1].actor, story.ticket.last_at, step_due_at(story.ticket)) == ("ticketbus", START, due)
    story.when(At(due + HOUR, expire)).then()
    happening(story, At(due + MINUTE, ASSIGN))
    story.when(At(due + HOUR, expire)).then()  # it is another step by now
    accepted = story.when(At(due + HOUR, Accept()))
    assert accepted.events[-2:-1] == [
        NextStepOverdue(step=TicketStep.ACCEPT, due_at=due + 16 * MINUTE, within_s=900, person="王师傅")
    ]


def test_steps_a_step_that_is_told_in_time_is_not_late_whenever_it_is_told_r13() -> None:
    story = begun(ASSIGN)
    told = story.when(At(START + 10 * MINUTE, Accept()), received_at=START + HOUR)
    assert not any(isinstance(one, NextStepOverdue) for one in told.events)


def test_steps_of_the_handler_stand_in_a_pause_and_the_store_s_do_not_r13() -> None:
    story = begun(ASSIGN, Start(), At(START + HOUR, PAUSE))
    happening(story, At(START + HOUR, Assign(assignee=ZHAO, reason="换人")))
    assert (step_of(story.ticket), step_due_at(story.ticket)) == (TicketStep.ACCEPT, None)
    happening(story, At(START + 9 * HOUR, RESUME))
    assert step_due_at(story.ticket) == START + 9 * HOUR + 15 * MINUTE
    parts = begun(ASSIGN, Start(), SAMPLES[RequestParts])
    assert (parts.ticket.resolution.running_since, step_due_at(parts.ticket)) == (None, START + 4 * HOUR)


def test_steps_count_in_the_calendar_of_the_ticket_r13() -> None:
    story = begun(rules=TIMED_IN_OFFICE)  # on a Sunday
    assert step_due_at(story.ticket) == MONDAY + 8.5 * HOUR + 5 * MINUTE
    happening(story, At(MONDAY + 17 * HOUR, ASSIGN), At(MONDAY + 17 * HOUR, Accept()))
    assert step_due_at(story.ticket) == MONDAY + 34 * HOUR  # half an hour of Monday, an hour and a half of Tuesday


def test_steps_of_another_type_follow_and_what_was_spent_stays_r13() -> None:
    rules = replace(TIMED, sla={**TIMED.sla, "complaint": OFFICE_RULES.sla["complaint"]})
    slow = replace(TIMED.sla["hardware_fault"], steps=tuple(
        replace(one, within_s=2 * one.within_s) for one in TIMED.sla["hardware_fault"].steps))  # fmt: skip
    rules = replace(rules, sla={**rules.sla, "software_fault": slow})
    story = begun(rules=rules)
    story.when(At(START + 2 * MINUTE, Reclassify(type="software_fault", reason="固件"))).then(
        TicketReclassified, PromisesReplanned
    )
    assert step_due_at(story.ticket) == START + 10 * MINUTE
    happening(story, At(START + 3 * MINUTE, Reclassify(type="complaint", reason="投诉")))
    assert (step_of(story.ticket), step_due_at(story.ticket)) == (TicketStep.ASSIGN, None)


def test_steps_of_a_ticket_that_was_opened_before_have_no_deadline_r13() -> None:
    story = Story(TIMED_IN_OFFICE)
    story.rules = OFFICE_RULES
    happening(story, OPEN)
    story.rules = TIMED_IN_OFFICE
    happening(story, At(MONDAY + 60 * HOUR, ASSIGN), At(MONDAY + 90 * HOUR, Accept()))
    assert not any(isinstance(one.event, NextStepOverdue) for one in story.log)
    assert STEPS.deadlines(story.ticket) == {}


@pytest.mark.parametrize("own", [{"historic": True}, {"source": "sandbox"}])
def test_steps_of_the_past_and_of_virtual_tickets_are_never_late(own: dict[str, object]) -> None:
    story = Story(TIMED)
    assert story.when(OPEN, **own).accepted.ticket_id
    assert STEPS.deadlines(story.ticket) == {}
    story.when(At(START + HOUR, ExpireNextStep(step=TicketStep.ASSIGN)), **own).then()


def test_steps_the_timer_asks_for_each_step_of_its_own_by_a_command_of_its_own_r13() -> None:
    story = begun(ASSIGN)
    now, seen = START + 20 * MINUTE, set()
    for name in (ZHAO, replace(ZHAO, person="李工", backup_person="王师傅")):
        (wanted,) = STEPS.react(Due(name=NAME, now=now), story.ticket)
        seen.add(request_of(story.ticket, wanted, now).command_id)
        story.when(At(now, wanted.command)).then(NextStepOverdue)
        assert STEPS.react(Due(name=NAME, now=now), story.ticket) == ()
        happening(story, At(START, Assign(assignee=name, reason="换人")))  # told late: the clock begins as before
    assert len(seen) == 2


def any_life(seed: int) -> Sequence[Recorded]:
    """Let a ticket live through mostly legal commands; give its log."""
    chance, store = Random(seed), MemoryStore()  # noqa: S311 - a walk to be repeated, no secret
    dispatcher = numbering_dispatcher(store, chance.choice([TIMED, TIMED_IN_OFFICE]))

    async def lived() -> None:
        await dispatcher.dispatch([request(OPEN, 1)])
        (ticket_id,), at = store.log, START
        for number in range(2, 150):
            at += timedelta(seconds=chance.choice(ANY_ORDER_S))
            ticket = await store.ticket(ticket_id)
            assert ticket
            await dispatcher.dispatch([request(any_next(chance, ticket.state), number, at=at, ticket_id=ticket_id)])

    asyncio.run(lived())
    return whole_log(store)


def test_steps_of_any_life_are_late_once_each_and_a_rebuild_says_the_same_r13() -> None:
    found = 0
    for seed in range(12):
        late = set[int]()
        ticket: Ticket | None = None
        again: Ticket | None = None
        for recorded in any_life(seed):
            before, ticket = ticket, evolve(ticket, recorded)
            again = evolve(again, CODEC.decode(CODEC.encode(recorded)))
            if isinstance(event := recorded.event, NextStepOverdue):
                assert before
                assert before.step
                assert before.step.step is event.step
                assert before.step.began not in late
                late.add(before.step.began)
                assert event.due_at == step_due_at(before) == step_due_at(ticket)
                assert event.due_at <= recorded.occurred_at
        found += len(late)
        assert again == ticket
    assert found > 10


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("", {}),
        (", steps: off", {}),
        (", steps: on", STEP_DEADLINES),
        (
            ", steps: {assign: PT10M, arrive: off}",
            {**STEP_DEADLINES, TicketStep.ASSIGN: 10 * MINUTE, TicketStep.ARRIVE: None},
        ),
    ],
)
def test_steps_a_deployment_switches_on_and_off_and_changes_each_r13(
    tmp_path: Path, steps: str, expected: dict[TicketStep, object]
) -> None:
    file = tmp_path / "sla.yaml"
    file.write_text(f"complaint: {{name: 投诉, response: PT1H, resolution: PT8H{steps}}}\n")
    found = {one.step: one.within_s * MINUTE / 60 for one in load_sla(file)["complaint"].steps}
    assert found == {step: within for step, within in expected.items() if within}


@pytest.mark.parametrize("steps", ["{assigned: PT1M}", "{assign: on}", "{assign: PT0S}", "[assign]", "{resolve: PT1H}"])
def test_steps_what_is_no_step_or_no_time_is_refused_by_its_place(tmp_path: Path, steps: str) -> None:
    file = tmp_path / "sla.yaml"
    file.write_text(f"complaint: {{name: 投诉, response: PT1H, resolution: PT8H, steps: {steps}}}\n")
    with pytest.raises(ConfigFileInvalid, match=r"complaint\.steps"):
        load_sla(file)
