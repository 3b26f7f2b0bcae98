"""Pauses with an allowance (R7): the clock stands for so long and no longer, and what was served is never lost."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st

from bus.config_file import ConfigFileInvalid
from bus.domain.batch import Accepted
from bus.domain.clock_account import account
from bus.domain.commands import Assign, Command, Pause, Reclassify, RefuseParts, RequestParts
from bus.domain.evolve import evolve
from bus.domain.inside_commands import BreachSla, EndAllowance, ReplanPromises
from bus.domain.promise_events import PauseAllowanceSpent, PromisesReplanned, SlaBreached, TicketReclassified
from bus.domain.sla_clock import due_at, stop
from bus.domain.terms import ClockName, WaitingFor
from bus.domain.ticket import Ticket, runs
from bus.domain.values import PauseAllowance
from bus.domain.waits import runs_on_at
from bus.process.process_manager import Due
from bus.process.sla_process import SLA
from bus.rules_config import load_sla
from projections.sla_clocks import ClockState, clock_rows
from projections.sla_clocks import write as sla_rows
from tests.domain.given import At, Story
from tests.domain.people import (
    HOUR,
    MINUTE,
    OFFICE_RULES,
    PAUSE,
    RESOLVE,
    RESUME,
    RULES,
    SAMPLES,
    START,
    TICK_OF_TIME,
    WORKING,
    ZHAO,
)
from tests.domain.test_reclassify import MIXED
from tests.domain.test_sla_in_working_hours import MONDAY, YEARS, happening
from tests.domain.test_working_time import BEGIN, worked
from tests.schemas.codecs import CODEC

RESOLUTION = ClockName.RESOLUTION
PARTS: Final = Pause(waiting_for=WaitingFor.PARTS, reason="等主控板")
TWO_HOURS: Final = (
    PauseAllowance(waiting_for=WaitingFor.CUSTOMER, allowed_s=7_200),
    PauseAllowance(waiting_for=WaitingFor.PARTS, allowed_s=36_000),
)
ALLOWED = replace(RULES, sla={name: replace(one, pauses=TWO_HOURS) for name, one in RULES.sla.items()})
IN_OFFICE = replace(OFFICE_RULES, sla={name: replace(one, pauses=TWO_HOURS) for name, one in OFFICE_RULES.sla.items()})
END = EndAllowance(waiting_for=WaitingFor.CUSTOMER)


def test_pause_beyond_its_allowance_lets_the_clock_run_on_and_says_so_once_r7() -> None:
    story = happening(Story(ALLOWED), *WORKING, At(START + HOUR, PAUSE))
    over = START + 3 * HOUR
    assert (runs(story.ticket, RESOLUTION), runs_on_at(story.ticket)) == (False, over)
    assert due_at(story.ticket.resolution) == START + 26 * HOUR, "if the pause goes on"
    story.when(At(over - TICK_OF_TIME, END)).then()
    spent = PauseAllowanceSpent(waiting_for=WaitingFor.CUSTOMER, allowed_s=7_200, runs_since=over, person="王师傅")
    story.when(At(over, END)).then(spent)
    story.when(At(over + HOUR, END)).then()
    assert (runs(story.ticket, RESOLUTION), runs_on_at(story.ticket), story.ticket.paused_for) == (
        True,
        None,
        WaitingFor.CUSTOMER,
    )
    happening(story, At(START + 5 * HOUR, RESUME))
    assert stop(story.ticket.resolution, START + 5 * HOUR).spent == 3 * HOUR
    assert due_at(story.ticket.resolution) == START + 26 * HOUR
    found = account(story.log, RESOLUTION, START + 5 * HOUR, {})
    assert [((one.until - one.since) / HOUR, one.counts, one.why.en) for one in found.stretches] == [
        (1, True, "around the clock"),
        (2, False, "paused: waiting for customer"),
        (2, True, "paused beyond its allowance: waiting for customer"),
    ]


def test_pause_that_nobody_timed_is_told_with_the_next_command_and_the_breach_follows_r7() -> None:
    story = happening(Story(ALLOWED), *WORKING, PAUSE)
    told = story.when(At(START + 30 * HOUR, RESOLVE))
    first, second = told.events[:2]
    assert isinstance(first, PauseAllowanceSpent)
    assert isinstance(second, SlaBreached)
    assert second.due_at == START + 26 * HOUR
    assert story.ticket.resolution.spent == 28 * HOUR


def test_pauses_of_one_reason_share_the_allowance_and_those_of_another_have_their_own_r7() -> None:
    story = happening(Story(ALLOWED), *WORKING, PAUSE, At(START + 90 * MINUTE, RESUME), At(START + 2 * HOUR, PAUSE))
    assert runs_on_at(story.ticket) == START + 2.5 * HOUR, "half an hour is left"
    happening(story, At(START + 3 * HOUR, PARTS))  # it ran for half an hour, and stands again
    assert stop(story.ticket.resolution, START + 3 * HOUR).spent == HOUR
    assert runs_on_at(story.ticket) == START + 13 * HOUR
    happening(story, At(START + 4 * HOUR, PAUSE))
    assert runs_on_at(story.ticket) == START + 4 * HOUR, "nothing is left of the customer's"
    third = happening(story, At(START + 4 * HOUR, Pause(waiting_for=WaitingFor.THIRD_PARTY, reason="等厂家")))
    assert (runs_on_at(third.ticket), due_at(third.ticket.resolution)) == (None, None), "without an allowance"


def test_pause_for_parts_stands_until_the_store_answers_within_its_allowance_r7() -> None:
    story = happening(Story(ALLOWED), *WORKING, SAMPLES[RequestParts], At(START + 12 * HOUR, SAMPLES[RefuseParts]))
    assert stop(story.ticket.resolution, START + 12 * HOUR).spent == 2 * HOUR


def test_pause_allowance_is_of_working_time_r7() -> None:
    story = happening(Story(IN_OFFICE), *WORKING, At(MONDAY + 17 * HOUR, PAUSE))
    assert runs_on_at(story.ticket) == MONDAY + 34 * HOUR  # half an hour of Monday, from 8:30 on of Tuesday


def test_pause_goes_on_by_the_promises_of_another_type_and_what_was_waited_stays_r7() -> None:
    longer = replace(ALLOWED.sla["software_fault"], pauses=(replace(TWO_HOURS[0], allowed_s=4 * 3_600),))
    story = Story(replace(ALLOWED, sla={**ALLOWED.sla, "software_fault": longer}))
    happening(story, *WORKING, PAUSE)
    story.when(At(START + HOUR, Reclassify(type="software_fault", reason="固件"))).then(
        TicketReclassified, PromisesReplanned
    )
    assert runs_on_at(story.ticket) == START + 4 * HOUR
    happening(story, At(START + 5 * HOUR, Reclassify(type="hardware_fault", reason="不是固件")))
    assert runs_on_at(story.ticket) == START + 5 * HOUR
    assert story.ticket.resolution.spent == HOUR


def test_pause_told_late_withdraws_a_breach_and_stands_for_its_allowance_r7() -> None:
    story = happening(Story(ALLOWED), *WORKING, At(START + 25 * HOUR, BreachSla(clock=RESOLUTION)))
    happening(story, At(START + 23 * HOUR, PAUSE))
    assert story.ticket.resolution.breached_at is None
    assert (story.ticket.resolution.spent, runs_on_at(story.ticket)) == (23 * HOUR, START + 25 * HOUR)


def test_pause_is_shown_as_one_until_its_allowance_was_said_spent_and_the_timer_asks_for_that_first_r7() -> None:
    story = happening(Story(ALLOWED), *WORKING, PAUSE)
    over = START + 2 * HOUR
    assert clock_rows(story.ticket)[1].state is ClockState.PAUSED
    assert SLA.deadlines(story.ticket)[RESOLUTION] == over
    (wanted,) = SLA.react(Due(name=RESOLUTION, now=START + 30 * HOUR), story.ticket)
    assert (wanted.command, wanted.at) == (END, over)
    before = story.ticket
    happening(story, At(START + 3 * HOUR, END))
    (row,) = sla_rows(before, story.ticket)["sla_clocks"]
    assert (row["clock"], row["state"]) == (RESOLUTION, ClockState.RUNNING)
    assert SLA.deadlines(story.ticket)[RESOLUTION] == over + 0.8 * 24 * HOUR


def test_pause_a_handover_in_it_changes_nothing_r7() -> None:
    story = happening(Story(ALLOWED), *WORKING, PAUSE, At(START + HOUR, Assign(assignee=ZHAO, reason="换人")))
    assert runs_on_at(story.ticket) == START + 2 * HOUR


_CHANGES: Final[tuple[Command, ...]] = (
    PAUSE, PARTS, RESUME, Reclassify(type="complaint", reason="投诉"), Reclassify(type="hardware_fault", reason="误报"),
    Reclassify(priority="urgent", reason="急"), ReplanPromises(reason="新作息"),
)  # fmt: skip
_BOTH: Final = replace(MIXED, sla={
    "hardware_fault": replace(MIXED.sla["hardware_fault"], pauses=TWO_HOURS),
    "complaint": replace(MIXED.sla["complaint"], pauses=(replace(TWO_HOURS[0], allowed_s=18_000),)),
})  # fmt: skip
_SPANS: Final = st.tuples(st.integers(0, 600), st.sampled_from(_CHANGES))


@any_of(st.lists(_SPANS, max_size=14))
@YEARS
def test_pauses_and_changes_never_lose_what_was_spent_or_waited_by_a_count_of_minutes_r7(
    wanted: list[tuple[int, Command]],
) -> None:
    story = happening(Story(_BOTH), *WORKING)
    spent, minute, office = 0, 0, False
    paused: WaitingFor | None = None
    used = dict.fromkeys(WaitingFor, 0)
    allowed: dict[WaitingFor, int] = {WaitingFor.CUSTOMER: 120, WaitingFor.PARTS: 600}
    offset = int((START - BEGIN) / MINUTE)
    for wait, command in [*wanted, (60, RESUME)]:
        for at in range(minute, minute + wait):
            works = not office or worked()[offset + at + 1] > worked()[offset + at]
            if works and (paused is None or used[paused] >= allowed.get(paused, 10**9)):
                spent += 1
            if works and paused is not None:
                used[paused] += 1
        minute += wait
        if not isinstance(story.when(At(START + minute * MINUTE, command)).outcome, Accepted):
            continue
        match command:
            case Pause(waiting_for=whom):
                paused = whom
            case Reclassify(type="complaint"):
                office, allowed = True, {WaitingFor.CUSTOMER: 300}
            case Reclassify(type="hardware_fault"):
                office, allowed = False, {WaitingFor.CUSTOMER: 120, WaitingFor.PARTS: 600}
            case _ if command is RESUME:
                paused = None
    now: datetime = START + minute * MINUTE
    clock = story.ticket.resolution
    assert clock.breached_at or stop(clock, now).spent == timedelta(minutes=spent)
    rebuilt: Ticket | None = None
    for recorded in story.log:
        rebuilt = evolve(rebuilt, CODEC.decode(CODEC.encode(recorded)))
    assert rebuilt == story.ticket
    assert account(story.log, RESOLUTION, now, {}).counted == stop(clock, now).spent


def test_pauses_of_the_file_are_by_whom_the_ticket_waits_for(tmp_path: Path) -> None:
    file = tmp_path / "sla.yaml"
    line = "complaint: {{name: 投诉, response: PT1H, resolution: PT8H, pauses: {}}}\n"
    file.write_text(line.format("{customer: PT2H, parts: PT10H}"))
    assert load_sla(file)["complaint"].pauses == TWO_HOURS
    for wrong in ("{client: PT2H}", "{customer: -PT2H}", "PT2H"):
        file.write_text(line.format(wrong))
        with pytest.raises(ConfigFileInvalid, match=r"complaint\.pauses"):
            load_sla(file)
