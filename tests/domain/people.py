"""Who and what the stories are about: people, times, one complete sample per command, the way to every state."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bus.domain.closing_commands import (
    AskClosureCode,
    ConfirmClosure,
    RejectClosure,
    Reopen,
    RequestClosure,
    Resolve,
    Tag,
)
from bus.domain.collaborator_commands import AddCollaborator, RemoveCollaborator
from bus.domain.commands import (
    Accept,
    AddEvidence,
    Arrive,
    AskProgress,
    Assign,
    Command,
    Depart,
    Escalate,
    IssueParts,
    Note,
    OpenTicket,
    Pause,
    Reclassify,
    RefuseParts,
    RequestParts,
    Resume,
    Return,
    Start,
)
from bus.domain.customer_link_commands import RevokeCustomerLink
from bus.domain.engineer_link_commands import RevokeEngineerLink
from bus.domain.inside_commands import (
    BreachSla,
    EndAllowance,
    ErasePersonalData,
    ExpireNextStep,
    FollowUpClosure,
    ReplanPromises,
    RouteTicket,
    WarnSla,
    WithdrawOffer,
)
from bus.domain.routing_rules import RoutingMode, RoutingRules
from bus.domain.rules import Rules
from bus.domain.terms import ClockName, EvidenceKind, KeyKind, State, Substate, Tick, TicketStep, WaitingFor
from bus.domain.transitions import STEP_DEADLINES
from bus.domain.values import Assignee, Customer, IncidentKey, Part, PauseAllowance, StepDeadline
from bus.domain.work_order_commands import ApproveStep, CancelWorkOrder, RejectStep, SignStep, StartWorkOrder
from bus.rules_config import load_rules
from bus.settings import Settings

RULES = load_rules(Settings())
# The same promises in the office's working hours.
OFFICE_RULES = replace(RULES, sla={name: replace(limit, calendar="office") for name, limit in RULES.sla.items()})
ROUTING_RULES = replace(RULES, routing=RoutingRules(mode=RoutingMode.ASSIGN))
START = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
TICK_OF_TIME = timedelta(microseconds=1)

WANG = Assignee(
    role="engineer", person="王师傅", contact="13800000001", backup_person="李工", backup_contact="13800000002"
)
ZHAO = Assignee(
    role="engineer", person="赵工", contact="13800000003", backup_person="李工", backup_contact="13800000002"
)
SERIAL = IncidentKey(kind=KeyKind.SERIAL, value="SN-7788")
CUSTOMER = Customer(name="陈女士", phone="13900000000", address="杭州市西湖区")
PART = Part(part_no="PCB-02", quantity=1)

OPEN = OpenTicket(
    incident_key=SERIAL, title="冰箱不制冷", type="hardware_fault", region="华东", source_no="C-1", customer=CUSTOMER
)
ASSIGN = Assign(assignee=WANG, reason="就近")
RESOLVE = Resolve(photos=("photo://1",), summary="更换主控板", root_cause="control_board")
PAUSE = Pause(waiting_for=WaitingFor.CUSTOMER, reason="客户不在家")
RESUME = Resume(reason="客户已回")
CONFIRM = ConfirmClosure(confirmed_by="陈女士", ticks=tuple(Tick))
REOPEN = Reopen(reason="又不制冷")
START_ORDER = StartWorkOrder(template="electrical-repair", reason="带电设备")
SIGN_STEP = SignStep(step="cut-power", photos=("photo://3",), note="已断电")
# Who asks, where it matters: the backup of both engineers signs, the first of them approves.
ACTORS: Mapping[type[Command], str] = {SignStep: "李工", ApproveStep: "王师傅", RejectStep: "王师傅"}


def with_allowances(rules: Rules) -> Rules:
    """Give rules that allow an hour of waiting for the customer, and none for a third party."""
    one_hour = [(WaitingFor.CUSTOMER, 3_600), (WaitingFor.THIRD_PARTY, 0)]
    pauses = tuple(PauseAllowance(waiting_for=whom, allowed_s=allowed_s) for whom, allowed_s in one_hour)
    return replace(rules, sla={name: replace(one, pauses=pauses) for name, one in rules.sla.items()})


def with_steps(rules: Rules) -> Rules:
    """Give rules with the deadlines of the transition table for each step."""
    steps = tuple(StepDeadline(step=one, within_s=int(time.total_seconds())) for one, time in STEP_DEADLINES.items())
    return replace(rules, sla={name: replace(one, steps=steps) for name, one in rules.sla.items()})


# One complete command of every type: with all that any duty asks of it.
SAMPLES: Mapping[type[Command], Command] = {
    type(one): one
    for one in (
        OPEN,
        ASSIGN,
        Return(reason="不在本区"),
        Accept(note="收到"),
        Depart(expected_at=START + HOUR),
        Arrive(place="客户家"),
        Start(substate=Substate.PARTS, reason="等主控板"),
        PAUSE,
        RESUME,
        AddCollaborator(person="李工", part="制冷回路"),
        RemoveCollaborator(person="李工", reason="已完成"),
        RequestParts(parts=(PART,), request_no="PR-1", reason="主控板烧毁"),
        IssueParts(request_no="PR-1", document_no="CK-1", parts=(PART,)),
        RefuseParts(request_no="PR-1", reason="缺货"),
        AddEvidence(kind=EvidenceKind.PHOTO, uri="photo://2"),
        Note(text="门禁密码 1234"),
        AskProgress(asked_by="陈女士", text="什么时候来?"),
        RevokeCustomerLink(reason="链接发错了人"),
        RevokeEngineerLink(reason="手机丢了"),
        RESOLVE,
        RequestClosure(note="请确认"),
        AskClosureCode(),
        CONFIRM,
        RejectClosure(rejected_by="陈女士", reason="仍有异响", reason_code="not_solved"),
        Tag(tags=("after_move",)),
        REOPEN,
        Reclassify(type="software_fault", priority="high", reason="是固件问题"),
        Escalate(to="team_lead", reason="客户投诉"),
        START_ORDER,
        SIGN_STEP,
        ApproveStep(step="cut-power", level="safety"),
        RejectStep(step="cut-power", level="safety", reason="挂牌看不清"),
        CancelWorkOrder(reason="模板选错"),
        WarnSla(clock=ClockName.RESOLUTION),
        ExpireNextStep(step=TicketStep.ASSIGN),
        EndAllowance(waiting_for=WaitingFor.CUSTOMER),
        BreachSla(clock=ClockName.RESOLUTION),
        RouteTicket(),
        WithdrawOffer(),
        FollowUpClosure(),
        ReplanPromises(reason="公布新的节假日"),
        ErasePersonalData(reason="客户要求"),
    )
}

# The commands that lead a fresh ticket to each state.
PENDING: tuple[Command, ...] = (OPEN,)
ASSIGNED: tuple[Command, ...] = (*PENDING, ASSIGN)
WORKING: tuple[Command, ...] = (*ASSIGNED, Start())
PAUSED: tuple[Command, ...] = (*WORKING, PAUSE)
ORDERED: tuple[Command, ...] = (*WORKING, START_ORDER)
SIGNED: tuple[Command, ...] = (*ORDERED, SIGN_STEP)
RESOLVED: tuple[Command, ...] = (*WORKING, RESOLVE)
ASKED_TO_CLOSE: tuple[Command, ...] = (*RESOLVED, RequestClosure())
CLOSED: tuple[Command, ...] = (*ASKED_TO_CLOSE, CONFIRM)
# Commands on a work order ask for more than a state: what comes before them while work goes on.
WAY_TO_ORDERED: Mapping[type[Command], tuple[Command, ...]] = {
    SignStep: ORDERED,
    ApproveStep: SIGNED,
    RejectStep: SIGNED,
    CancelWorkOrder: ORDERED,
}
WAY_TO: Mapping[State, tuple[Command, ...]] = {
    State.PENDING: PENDING,
    State.ASSIGNED: ASSIGNED,
    State.IN_PROGRESS: WORKING,
    State.RESOLVED: RESOLVED,
    State.CLOSED: CLOSED,
}
