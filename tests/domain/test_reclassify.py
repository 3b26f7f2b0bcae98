"""A ticket of another type or priority (R7, R13): the promises follow, pauses and what was spent stay."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from bus.domain.calendars import AROUND_THE_CLOCK, BY_REGION
from bus.domain.commands import Command, Reclassify
from bus.domain.events import TicketEscalated
from bus.domain.inside_commands import BreachSla, WarnSla
from bus.domain.promise_events import PromisesReplanned, SlaBreached, SlaWarned, TicketReclassified
from bus.domain.sla_clock import due_at, stop
from bus.domain.terms import ClockName
from tests.domain.given import At, Story
from tests.domain.people import ASSIGN, HOUR, MINUTE, OFFICE_RULES, OPEN, PAUSE, RESUME, RULES, START, WORKING
from tests.domain.test_sla_in_working_hours import YEARS, happening, minutes_worked

RESPONSE, RESOLUTION = ClockName.FIRST_RESPONSE, ClockName.RESOLUTION
LONG: Final = 900 * HOUR
# Two types of long promises: one runs around the clock, one in the office's hours.
MIXED: Final = replace(
    OFFICE_RULES,
    sla={
        "hardware_fault": replace(RULES.sla["hardware_fault"], resolution=LONG),
        "complaint": replace(OFFICE_RULES.sla["complaint"], resolution=LONG / 2),
    },
)
TO_COMPLAINT: Final = Reclassify(type="complaint", reason="客户投诉")


def test_reclassify_gives_the_promises_of_the_new_type_and_keeps_the_ticket_s_course_r7() -> None:
    story = happening(Story(RULES), OPEN, ASSIGN)
    changed = story.when(At(START + 5 * MINUTE, Reclassify(type="software_fault", reason="是固件问题")))
    first, second = changed.events
    assert first == TicketReclassified(
        type="software_fault",
        previous_type="hardware_fault",
        priority="",
        region=OPEN.region,
        previous_region=OPEN.region,
        reason="是固件问题",
    )
    assert isinstance(second, PromisesReplanned)
    assert (second.response_limit_s, second.resolution_limit_s, second.previous) == (1_800, 86_400, "")
    ticket = story.ticket
    assert (ticket.type, ticket.assignee.person, ticket.last_action) == (
        "software_fault",
        "王师傅",
        "ticket.reclassified",
    )
    assert due_at(ticket.response) == START + 30 * MINUTE
    story.when(At(START + 16 * MINUTE, BreachSla(clock=RESPONSE))).then()


@given(st.lists(st.integers(0, 20 * 24 * 60), max_size=8, unique=True).map(sorted), st.integers(0, 20 * 24 * 60))
@YEARS
def test_reclassify_keeps_pauses_and_what_was_spent_in_each_calendar_r7(at: list[int], change: int) -> None:
    story = happening(Story(MIXED), *WORKING)
    commands: list[tuple[int, Command]] = [(m, RESUME if n % 2 else PAUSE) for n, m in enumerate(at)]
    expected, mark, runs, office = timedelta(0), START, True, False
    for minute, command in sorted([*commands, (change, TO_COMPLAINT)], key=lambda one: one[0]):
        now = START + minute * MINUTE
        if runs:
            expected += minutes_worked(mark, now) if office else now - mark
        mark = now
        happening(story, At(now, command))
        runs = runs if command is TO_COMPLAINT else command is RESUME
        office = office or command is TO_COMPLAINT
    clock = story.ticket.resolution
    assert clock.limit_s == LONG.total_seconds() / 2 or clock.breached_at
    assert clock.breached_at or stop(clock, mark).spent == expected


def test_reclassify_leaves_what_is_met_or_broken_r7() -> None:
    met = happening(Story(RULES), *WORKING, At(START + HOUR, Reclassify(type="it_incident", reason="误报类型")))
    assert (met.ticket.response.limit_s, met.ticket.response.settled_at) == (900, START)
    assert due_at(met.ticket.resolution) == START + 72 * HOUR
    late = happening(Story(RULES), OPEN)
    late.when(At(START + 20 * MINUTE, Reclassify(type="it_incident", reason="误报类型"))).then(
        SlaBreached(clock=RESPONSE, due_at=START + 15 * MINUTE, limit_s=900),
        TicketEscalated,
        TicketReclassified,
        PromisesReplanned,
    )
    assert late.ticket.response.breached_at == START + 15 * MINUTE


def test_reclassify_to_less_than_was_spent_is_due_at_once_and_never_before_it_was_promised_r7() -> None:
    story = happening(Story(RULES), replace(OPEN, type="it_incident"))
    now = START + HOUR
    happening(story, At(now, Reclassify(type="hardware_fault", reason="压缩机不转")))
    assert due_at(story.ticket.response) == now
    story.when(At(now, BreachSla(clock=RESPONSE))).then(
        SlaBreached(clock=RESPONSE, due_at=now, limit_s=900), TicketEscalated
    )


def test_reclassify_to_a_longer_promise_warns_anew_r7() -> None:
    story = happening(Story(RULES), OPEN, At(START + 12 * MINUTE, WarnSla(clock=RESPONSE)))
    happening(story, At(START + 13 * MINUTE, Reclassify(type="software_fault", reason="是固件问题")))
    story.when(At(START + 23 * MINUTE, WarnSla(clock=RESPONSE))).then()
    story.when(At(START + 24 * MINUTE, WarnSla(clock=RESPONSE))).then(SlaWarned)


def test_reclassify_says_what_it_lacks_and_tells_a_priority_alone_r13() -> None:
    story = happening(Story(RULES), OPEN)
    story.when(Reclassify(reason="?")).then_refused("missing", "type")
    story.when(Reclassify(type="complaint")).then_refused("missing", "reason")
    assert story.when(Reclassify(type="complaints", reason="投诉")).then_refused("unknown_word", "type").zh
    before = story.ticket
    story.when(Reclassify(type=OPEN.type, reason="同类")).then()
    story.rules = MIXED  # the files promise otherwise by now, and the ticket keeps what it was promised
    story.when(Reclassify(priority="urgent", reason="客户很急")).then(
        TicketReclassified(
            type=OPEN.type,
            previous_type=OPEN.type,
            priority="urgent",
            region=OPEN.region,
            previous_region=OPEN.region,
            reason="客户很急",
        )
    )
    assert story.ticket.priority == "urgent"
    assert (story.ticket.response, story.ticket.resolution) == (before.response, before.resolution)


def test_reclassify_moves_a_ticket_to_another_region_whose_hours_its_promises_then_have_r7() -> None:
    story = happening(Story(RULES), OPEN, ASSIGN)
    moved = story.when(At(START + 5 * MINUTE, Reclassify(region="苏州", reason="客户搬迁"))).events
    assert [type(one) for one in moved] == [TicketReclassified], "around the clock, wherever it is"
    assert (story.ticket.region, story.ticket.assignee.person) == ("苏州", ASSIGN.assignee.person)
    story.when(Reclassify(region="苏州", reason="再说一次")).then()

    office = OFFICE_RULES.calendars.by_name["office"]
    calendars = replace(OFFICE_RULES.calendars, default=AROUND_THE_CLOCK, regions={"苏州": "office"})
    sla = {name: replace(limit, calendar=BY_REGION) for name, limit in RULES.sla.items()}
    story = happening(Story(replace(RULES, calendars=calendars, sla=sla)), OPEN)
    told = story.when(At(START + 5 * MINUTE, Reclassify(region="苏州", reason="客户搬迁"))).events
    assert isinstance(planned := told[1], PromisesReplanned)
    assert planned.calendar == office.promised(START)
    assert planned.resolution_limit_s == RULES.sla[OPEN.type].resolution.total_seconds()
    assert (story.ticket.region, story.ticket.resolution.calendar) == ("苏州", planned.calendar)
