"""Responsibility: an assignment names people, never a department (R6); handover, return, claim."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bus.domain.closing_commands import Resolve
from bus.domain.commands import Accept, Arrive, Assign, Depart, Return, Start
from bus.domain.errors import CommandRefused
from bus.domain.events import (
    AssignmentAccepted,
    EngineerArrived,
    EngineerDeparted,
    TicketAssigned,
    TicketReturned,
    WorkStarted,
)
from bus.domain.preconditions import VISIT_WITHIN, check_person
from bus.domain.terms import State, Substate
from bus.domain.ticket import NOBODY
from bus.domain.values import Assignee
from bus.rules_config import load_rules
from bus.settings import Settings
from tests.domain.given import At, given
from tests.domain.people import (
    ASSIGN,
    ASSIGNED,
    MINUTE,
    OPEN,
    PAUSED,
    RESOLVED,
    RULES,
    START,
    TICK_OF_TIME,
    WANG,
    WORKING,
    ZHAO,
)

HANDOVER = Assign(assignee=ZHAO, reason="王师傅休假")


def test_assignment_names_who_and_who_else() -> None:
    story = given(OPEN).when(ASSIGN).then(TicketAssigned(assignee=WANG, previous_person="", reason="就近"))
    assert (story.ticket.assignee, story.ticket.assignments, story.ticket.reassignments) == (WANG, 1, 0)


@pytest.mark.parametrize("field", ["role", "person", "contact", "backup_person", "backup_contact"])
def test_assignment_no_part_of_the_responsibility_may_be_left_out(field: str) -> None:
    incomplete = Assign(assignee=replace(WANG, **{field: ""}), reason="就近")
    given(OPEN).when(incomplete).then_refused("missing", f"assignee.{field}")


def test_assignment_a_department_is_nobody() -> None:
    given(OPEN).when(Assign(assignee=Assignee(role="售后部"))).then_refused("missing", "assignee.person")


@pytest.mark.parametrize(
    "name",
    [
        "王科",
        "李科",
        "张部",
        "陈组",
        "赵处",
        "欧阳科",
        "马建科",
        "古力\u00b7买科",
        "Peter Vandesk",
        "李一组",
        "陈二部",
        "王一队",
        "高级",
        "王科(客服部)",
        "张伟(夜班)",
        "Chris Support",
        "Sam Service",
        "Teamann A",
        "Ada Groupe",
        "无忌",
        "李工程师",
        "Na Li",
        "待小明",
    ],
)
def test_assignment_a_name_that_ends_like_a_department_is_a_person(name: str) -> None:
    given(OPEN).when(Assign(assignee=replace(WANG, person=name))).then(TicketAssigned)
    given(OPEN).when(Assign(assignee=replace(WANG, backup_person=name))).then(TicketAssigned)


@pytest.mark.parametrize(
    "name",
    ["客服部", "技术科", "售后部", "维修组", "华东售后部", "部门", "信息中心", "维修团队", "一组", "A组", "IT 部",
     "第三科", "办事处", "总部", "\uff12组", "客服部\u3002", "客服\u200b部", "Service Team", "support desk",
     "HR Dept.", "IT department", "科", "维修一组", "维修1组", "维修二部", "售后三组", "客服中心一组", "安装一队",
     "工程部(上海)", "客服部\uff08夜班\uff09", "客服部【夜班】", "华东大区", "北京分公司", "华南办事处", "Helpdesk",
     "IT Help Desk", "华东组", "华东一组", "華東組", "上海站", "浙江片区", "江苏省2队",
     "待定", "(待定)", "无", "所有人", "值班人员", "工程师", "后台", "随便", "待分配", "TBD", "N/A", "---",
     "Unassigned", "Team A", "Group 3", "support", "Technical Support", "客服", "售后", "技术支持", "售后服务"],
)  # fmt: skip
def test_assignment_a_department_by_its_words_is_no_person(name: str) -> None:
    given(OPEN).when(Assign(assignee=replace(WANG, person=name))).then_refused("no_person", "assignee.person")
    given(OPEN).when(Assign(assignee=replace(WANG, backup_person=name))).then_refused(
        "no_person", "assignee.backup_person"
    )


def test_assignment_a_deployment_names_departments_of_its_own() -> None:
    rules = load_rules(Settings(departments=["家电 部"]))
    with pytest.raises(CommandRefused):
        check_person(replace(WANG, person="家电部"), rules)
    with pytest.raises(CommandRefused):
        check_person(replace(WANG, person="家 电部(上海)"), rules)
    check_person(WANG, rules)


def test_assignment_a_first_assignment_needs_no_reason_and_a_handover_does() -> None:
    given(OPEN).when(Assign(assignee=WANG)).then(TicketAssigned)
    for before in (ASSIGNED, WORKING):
        refused = given(*before).when(Assign(assignee=ZHAO)).then_refused("missing", "reason")
        assert "改派须写明原因" in refused.zh


def test_assignment_nobody_is_their_own_backup_and_that_is_what_is_refused_r6() -> None:
    alone = Assign(assignee=replace(WANG, backup_person=f"{WANG.person} "))
    refused = given(OPEN).when(alone).then_refused("no_person", "assignee.backup_person")
    assert ("不能给自己备份" in refused.zh, "不是具体的人" in refused.zh) == (True, False)


def test_assignment_a_handover_names_whom_it_takes_from_and_work_goes_on() -> None:
    story = (
        given(*WORKING)
        .when(HANDOVER)
        .then(TicketAssigned(assignee=ZHAO, previous_person="王师傅", reason="王师傅休假"))
    )
    assert (story.ticket.state, story.ticket.substate) == (State.IN_PROGRESS, Substate.REMOTE_DIAGNOSIS)
    assert (story.ticket.assignments, story.ticket.reassignments) == (2, 1)


def test_assignment_who_takes_over_claims_the_ticket_anew() -> None:
    given(*WORKING, HANDOVER).when(Accept(note="已接手")).then(AssignmentAccepted(note="已接手"))


def test_assignment_a_ticket_is_claimed_once_per_assignment() -> None:
    given(*ASSIGNED, Accept()).when(Accept()).then_refused("already", "accepted")
    given(*ASSIGNED, Depart()).when(Accept()).then_refused("already", "accepted")


def test_assignment_setting_out_arriving_and_starting_say_where_the_work_stands() -> None:
    story = given(*ASSIGNED).when(Depart(expected_at=START)).then(EngineerDeparted(expected_at=START))
    assert story.ticket.state is State.ASSIGNED
    story.when(Arrive(place="客户家")).then(EngineerArrived(place="客户家"))
    assert (story.ticket.state, story.ticket.substate) == (State.IN_PROGRESS, Substate.ON_SITE)
    story.when(Start(substate=Substate.PARTS, reason="缺件")).then(WorkStarted(substate=Substate.PARTS, reason="缺件"))
    story.when(Start(substate=Substate.PARTS)).then_refused("already", "substate")


def test_assignment_a_visit_is_expected_after_setting_out_and_within_days_by_the_commands_own_time() -> None:
    out_at, told_at = START + MINUTE, START + timedelta(days=6)  # recorded without a network, and sent late
    skew = RULES.clock_skew_max
    for at in (out_at - skew - TICK_OF_TIME, out_at + VISIT_WITHIN + TICK_OF_TIME):
        setting_out = At(out_at, Depart(expected_at=at))
        given(*ASSIGNED).when(setting_out, received_at=told_at).then_refused("out_of_range", "expected_at")
        given(*ASSIGNED).when(setting_out, historic=True).then(EngineerDeparted)
    for at in (out_at - skew, out_at + VISIT_WITHIN):
        story = given(*ASSIGNED).when(At(out_at, Depart(expected_at=at)), received_at=told_at)
        story.then(EngineerDeparted(expected_at=at))


def test_assignment_a_return_needs_a_reason_and_leaves_nobody_responsible() -> None:
    given(*PAUSED).when(Return()).then_refused("missing", "reason")
    story = given(*PAUSED).when(Return(reason="不在本区"))
    ticket = story.then(TicketReturned(state=State.PENDING, previous_person="王师傅", reason="不在本区")).ticket
    assert (ticket.state, ticket.substate, ticket.paused_for) == (State.PENDING, None, None)
    assert (ticket.assignee, ticket.accepted_at) == (NOBODY, None)


@pytest.mark.parametrize("way", [WORKING, PAUSED], ids=["working", "paused"])
def test_assignment_in_history_work_that_nobody_has_is_returned_to_the_queue(way: tuple[Resolve, ...]) -> None:
    story = given(*way, Return(reason="assigned_to: ?"), historic=True)
    ticket = story.when(Return(reason="state: New"), historic=True).then(TicketReturned).ticket
    assert (ticket.state, ticket.substate, ticket.paused_for) == (State.PENDING, None, None)


@pytest.mark.parametrize("way", [WORKING, PAUSED, RESOLVED], ids=["working", "paused", "resolved"])
def test_assignment_in_history_a_ticket_may_lose_its_handler_and_keep_its_state(way: tuple[Resolve, ...]) -> None:
    story = given(*way, historic=True)
    before = story.ticket
    story.when(Return(reason="assigned_to: ?"), historic=True).then(TicketReturned)
    assert story.ticket.assignee == NOBODY
    assert (story.ticket.state, story.ticket.paused_for) == (before.state, before.paused_for)
    assert story.ticket.resolution == before.resolution


@pytest.mark.parametrize("field", ["contact", "backup_contact"])
def test_assignment_a_contact_by_which_nobody_is_reached_is_refused_r6(field: str) -> None:
    assign = Assign(assignee=replace(WANG, **{field: "随便"}))
    given(OPEN).when(assign).then_refused("no_contact", f"assignee.{field}")


def test_assignment_whose_sender_takes_somebody_else_for_the_handler_overwrites_nothing() -> None:
    before = given(OPEN, ASSIGN)
    late = before.when(Assign(assignee=ZHAO, reason="换人", handler="")).then_refused("handed_over", "handler")
    assert f"处理人已变为“{WANG.person}”" in late.zh
    given(OPEN, ASSIGN).when(Assign(assignee=ZHAO, reason="换人", handler=WANG.person)).then(TicketAssigned)
    given(OPEN).when(Assign(assignee=WANG, handler=ZHAO.person)).then_refused("handed_over", "handler")
    given(OPEN).when(Assign(assignee=WANG, handler="")).then(TicketAssigned)
