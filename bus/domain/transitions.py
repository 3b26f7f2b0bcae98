"""The one table: in which state which command is legal, where it leads, and what it must bring (R11, R13, R14)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

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
    INSIDE,
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
from bus.domain.naming import kebab
from bus.domain.terms import State, TicketStep
from bus.domain.text import Text
from bus.domain.work_order_commands import ApproveStep, CancelWorkOrder, RejectStep, SignStep, StartWorkOrder

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionRule:
    """What a transition asks: the action, the deliverables `needs`, the time `within` which it is due.

    `to` is the state it leads to, None where the state stays or depends on the ticket. `needs` are field names of the
    command, dotted into its records. `historic`: legal for an imported past alone. Texts are Chinese, then English.
    """

    to: State | None
    action: Text
    needs: tuple[str, ...] = ()
    within: timedelta | None = None
    historic: bool = False


OPEN = (State.PENDING, State.ASSIGNED, State.IN_PROGRESS)
_PERSON = tuple(f"assignee.{name}" for name in ("role", "person", "contact", "backup_person", "backup_contact"))
_ASSIGN = Text("指派到人,并留备份联系人", "name a person with role, contact and backup contact")
_REASSIGN = Text(
    "改派须写明原因,并指派到人、留备份联系人",
    "say why it goes to somebody else, and name a person with role, contact and backup contact",
)
_RETURN = Text("说明原因,退回待分派", "give the reason and return it to the queue")
_REJECT = Text("客户联系人拒绝关闭并说明原因", "the customer's contact declines and says why")
_NOTE = TransitionRule(to=None, action=Text("备注", "remark"))
_EVIDENCE = TransitionRule(to=None, action=Text("补充凭证", "add a proof"), needs=("kind", "uri"))
_ASK = TransitionRule(to=None, action=Text("记录客户催办", "note that the customer asked"))
_REVOKE = TransitionRule(
    to=None, action=Text("作废客户链接并说明原因", "revoke the customer's links and say why"), needs=("reason",)
)
_REVOKE_ENGINEERS = TransitionRule(
    to=None, action=Text("作废工程师链接并说明原因", "revoke the engineer's links and say why"), needs=("reason",)
)
_ESCALATE = TransitionRule(to=None, action=Text("升级并说明原因", "escalate and say why"), needs=("to", "reason"))
_SLA = TransitionRule(to=None, action=Text("SLA 计时(系统)", "SLA clock (the bus itself)"))
_STEP = TransitionRule(to=None, action=Text("步骤计时(系统)", "clock of the next step (the bus itself)"))
_RECLASSIFY = TransitionRule(
    to=None,
    action=Text("更改类型、优先级或区域并说明原因", "change type, priority or region and say why"),
    needs=("reason",),
)
_TAG = TransitionRule(to=None, action=Text("打场景标签", "set scene tags"))
_FOLLOW_UP = TransitionRule(to=None, action=Text("催客户确认(系统)", "the customer is reminded (the bus itself)"))
_ALLOWANCE = TransitionRule(to=None, action=Text("挂起时长(系统)", "allowance of a pause (the bus itself)"))
_ADD_COLLABORATOR = TransitionRule(
    to=None, action=Text("增加协作人并写明分工", "add a collaborator and say what is theirs"), needs=("person", "part")
)
_REMOVE_COLLABORATOR = TransitionRule(
    to=None, action=Text("移除协作人并说明原因", "remove a collaborator and say why"), needs=("person", "reason")
)
_REPLAN = TransitionRule(to=None, action=Text("按新日历重排时限(系统)", "promises planned anew (the bus itself)"))
_DEPART = TransitionRule(to=None, action=Text("出发", "set out"))
_ARRIVE = TransitionRule(to=State.IN_PROGRESS, action=Text("到达现场", "arrive on site"), within=4 * HOUR)
_ROUTE = TransitionRule(to=None, action=Text("智能派单(系统)", "routing (the bus itself)"))
_WITHDRAW = TransitionRule(to=None, action=Text("收回未按时接的单(系统)", "take an offer back (the bus itself)"))
_START_ORDER = TransitionRule(
    to=None, action=Text("按模板启动作业单", "start a work order out of a template"), needs=("template",)
)
_CANCEL_ORDER = TransitionRule(
    to=None, action=Text("撤销作业单并说明原因", "cancel the work order and say why"), needs=("reason",)
)
_PARTS_ANSWER = Text("备件出库", "the store's answer on parts")

_STEPS: Mapping[tuple[State | None, type[Command]], TransitionRule] = {
    (None, OpenTicket): TransitionRule(
        to=State.PENDING, action=Text("报修登记", "report an incident"), needs=("incident_key.value", "title", "type")
    ),
    (State.PENDING, Assign): TransitionRule(to=State.ASSIGNED, action=_ASSIGN, needs=_PERSON, within=5 * MINUTE),
    (State.PENDING, RouteTicket): _ROUTE,
    (State.ASSIGNED, WithdrawOffer): _WITHDRAW,
    (State.ASSIGNED, Assign): TransitionRule(to=State.ASSIGNED, action=_REASSIGN, needs=(*_PERSON, "reason")),
    (State.IN_PROGRESS, Assign): TransitionRule(to=State.IN_PROGRESS, action=_REASSIGN, needs=(*_PERSON, "reason")),
    (State.RESOLVED, Assign): TransitionRule(to=State.RESOLVED, action=_ASSIGN, needs=_PERSON, historic=True),
    (State.CLOSED, Assign): TransitionRule(to=State.CLOSED, action=_ASSIGN, needs=_PERSON, historic=True),
    (State.ASSIGNED, Return): TransitionRule(to=State.PENDING, action=_RETURN, needs=("reason",)),
    (State.IN_PROGRESS, Return): TransitionRule(to=State.PENDING, action=_RETURN, needs=("reason",)),
    (State.RESOLVED, Return): TransitionRule(to=State.RESOLVED, action=_RETURN, needs=("reason",), historic=True),
    (State.CLOSED, Return): TransitionRule(to=State.CLOSED, action=_RETURN, needs=("reason",), historic=True),
    (State.ASSIGNED, Accept): TransitionRule(to=None, action=Text("接单", "claim the ticket"), within=15 * MINUTE),
    (State.IN_PROGRESS, Accept): TransitionRule(to=None, action=Text("接手", "take over"), within=15 * MINUTE),
    (State.ASSIGNED, Depart): _DEPART,
    (State.IN_PROGRESS, Depart): _DEPART,
    (State.ASSIGNED, Arrive): _ARRIVE,
    (State.IN_PROGRESS, Arrive): _ARRIVE,
    (State.ASSIGNED, Start): TransitionRule(
        to=State.IN_PROGRESS, action=Text("开始处理", "start work"), needs=("substate",), within=2 * HOUR
    ),
    (State.IN_PROGRESS, Start): TransitionRule(
        to=State.IN_PROGRESS, action=Text("切换处理方式", "go on in another way"), needs=("substate",)
    ),
    (State.IN_PROGRESS, Pause): TransitionRule(
        to=None, action=Text("挂起并说明等待对象", "pause and say whom it waits for"), needs=("waiting_for", "reason")
    ),
    (State.IN_PROGRESS, Resume): TransitionRule(to=None, action=Text("恢复处理", "go on"), needs=("reason",)),
    (State.IN_PROGRESS, RequestParts): TransitionRule(
        to=State.IN_PROGRESS, action=Text("申请备件", "ask for parts"), needs=("parts", "reason")
    ),
    (State.IN_PROGRESS, IssueParts): TransitionRule(
        to=None, action=_PARTS_ANSWER, needs=("document_no", "parts"), within=4 * HOUR
    ),
    (State.IN_PROGRESS, RefuseParts): TransitionRule(to=None, action=_PARTS_ANSWER, needs=("reason",), within=4 * HOUR),
    (State.IN_PROGRESS, Resolve): TransitionRule(
        to=State.RESOLVED,
        action=Text("提交照片、处理摘要与根因", "hand in photo, summary and root cause"),
        needs=("photos", "summary", "root_cause"),
    ),
    (State.IN_PROGRESS, SignStep): TransitionRule(
        to=None, action=Text("签核作业单步骤", "sign a step of the work order off"), needs=("step",)
    ),
    (State.IN_PROGRESS, ApproveStep): TransitionRule(
        to=None, action=Text("批准步骤(安全签核或按角色)", "approve a step"), needs=("step", "level")
    ),
    (State.IN_PROGRESS, RejectStep): TransitionRule(
        to=None, action=Text("退回步骤并说明原因", "send a step back and say why"), needs=("step", "level", "reason")
    ),
    (State.RESOLVED, RequestClosure): TransitionRule(
        to=None, action=Text("请客户确认", "ask the customer to confirm"), within=2 * HOUR
    ),
    (State.RESOLVED, AskClosureCode): TransitionRule(
        to=None, action=Text("重发客户的验证码", "send the customer's code once more")
    ),
    (State.RESOLVED, ConfirmClosure): TransitionRule(
        to=State.CLOSED,
        action=Text("客户勾选三项确认", "the customer's contact ticks all three"),
        needs=("confirmed_by", "ticks"),
        within=24 * HOUR,
    ),
    (State.RESOLVED, RejectClosure): TransitionRule(
        to=State.IN_PROGRESS, action=_REJECT, needs=("rejected_by", "reason"), within=24 * HOUR
    ),
    (State.RESOLVED, Reopen): TransitionRule(
        to=None, action=Text("重新打开并说明原因", "reopen and say why"), needs=("reason",)
    ),
    (State.CLOSED, Reopen): TransitionRule(
        to=None, action=Text("重新打开并说明原因", "reopen and say why"), needs=("reason",)
    ),
    (State.CLOSED, ErasePersonalData): TransitionRule(
        to=None, action=Text("删除个人信息并说明原因", "erase personal data and say why"), needs=("reason",)
    ),
    **{(state, Tag): _TAG for state in (State.RESOLVED, State.CLOSED)},
    **{(state, AddCollaborator): _ADD_COLLABORATOR for state in OPEN},
    **{(state, RemoveCollaborator): _REMOVE_COLLABORATOR for state in OPEN},
    **{(state, Reclassify): _RECLASSIFY for state in OPEN},
    **{(state, Escalate): _ESCALATE for state in OPEN},
    **{(state, StartWorkOrder): _START_ORDER for state in OPEN},
    **{(state, CancelWorkOrder): _CANCEL_ORDER for state in OPEN},
    **{(state, ReplanPromises): _REPLAN for state in (*OPEN, State.RESOLVED)},
    **{(state, AddEvidence): _EVIDENCE for state in (*OPEN, State.RESOLVED)},
}

_ALWAYS: tuple[tuple[type[Command], TransitionRule], ...] = (
    (Note, _NOTE),
    (AskProgress, _ASK),
    (RevokeCustomerLink, _REVOKE),
    (RevokeEngineerLink, _REVOKE_ENGINEERS),
    (WarnSla, _SLA),
    (BreachSla, _SLA),
    (ExpireNextStep, _STEP),
    (EndAllowance, _ALLOWANCE),
    (FollowUpClosure, _FOLLOW_UP),
)

TRANSITIONS: Mapping[tuple[State | None, type[Command]], TransitionRule] = {
    **_STEPS,
    **{(state, command): duty for state in State for command, duty in _ALWAYS},
}

# Of commands that end the same step, such as confirm-closure and reject-closure, the first named has its deadline.
STEP_DEADLINES: Mapping[TicketStep, timedelta] = {
    step: next(duty.within for (_, command), duty in _STEPS.items() if duty.within and kebab(command) == step)
    for step in TicketStep
    if step is not TicketStep.RESOLVE  # due by the promise of resolution
}


def legal_in(state: State) -> tuple[type[Command], ...]:
    """List the commands that a live ticket in that state takes, in the table's order."""
    return tuple(
        command
        for (start, command), duty in TRANSITIONS.items()
        if start is state and not duty.historic and command not in INSIDE
    )
