"""The steps to practise on a virtual ticket 虚拟工单 (R47): whose each is, and how the bus plays it. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bus.domain.closing_commands import ConfirmClosure, RequestClosure, Resolve
from bus.domain.commands import Accept, Assign, Command, Reclassify, Start
from bus.domain.naming import kebab
from bus.domain.rules import Rules
from bus.domain.terms import State, Substate, Term, Tick
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.domain.transitions import TRANSITIONS, TransitionRule
from bus.domain.values import Assignee

PHOTO: Final = "oss://sandbox/practice.jpg"
_ORDER: Final = (*State,)
_CONTACT: Final = "practice@sandbox.invalid"


class PracticeRole(Term):
    """Who acts in a step."""

    DISPATCHER = "dispatcher", "调度员"
    ENGINEER = "engineer", "工程师"
    LEAD = "lead", "班组长"
    CUSTOMER = "customer", "客户"


@dataclass(frozen=True, slots=True, kw_only=True)
class PracticeStep:
    """One step: `command` in `state`, by `role`; `marked`: how a ticket that is still in that state shows it done."""

    command: type[Command]
    role: PracticeRole
    state: State
    about: Text
    marked: Callable[[Ticket], bool] = lambda _ticket: False

    @property
    def name(self) -> str:
        """Give the command's name, which is that of its route."""
        return kebab(self.command)

    @property
    def rule(self) -> TransitionRule:
        """Give what the table of transitions asks."""
        return TRANSITIONS[self.state, self.command]

    def is_done(self, ticket: Ticket) -> bool:
        """Say whether a ticket is past this step."""
        gone, here = _ORDER.index(ticket.state), _ORDER.index(self.state)
        return gone > here or (gone == here and self.marked(ticket))


STEPS: Final[Sequence[PracticeStep]] = (
    PracticeStep(
        command=Assign,
        role=PracticeRole.DISPATCHER,
        state=State.PENDING,
        about=Text(
            "客户报修,工单待分派。调度员把它指派到人,并写明联系方式和备份人;不能指派给部门。",
            "A customer reported it, and nobody has it. The dispatcher assigns it to a person with contact and backup, "
            "never to a department.",
        ),
    ),
    PracticeStep(
        command=Accept,
        role=PracticeRole.ENGINEER,
        state=State.ASSIGNED,
        about=Text(
            "工程师接单;不按时接单,工单会上漂移清单。",
            "The engineer claims it; what is not claimed in time is on the drift list.",
        ),
        marked=lambda ticket: ticket.accepted_at is not None,
    ),
    PracticeStep(
        command=Start,
        role=PracticeRole.ENGINEER,
        state=State.ASSIGNED,
        about=Text(
            "工程师开始处理,写明方式:远程诊断、现场勘查或备件调拨。",
            "The engineer starts work and says how: remote diagnosis, on site, or parts.",
        ),
    ),
    PracticeStep(
        command=Reclassify,
        role=PracticeRole.LEAD,
        state=State.IN_PROGRESS,
        about=Text(
            "客户着急,班组长提高优先级并写明原因,人人可见。",
            "The customer is pressing: the lead raises the priority and says why, for all to see.",
        ),
        marked=lambda ticket: bool(ticket.priority),
    ),
    PracticeStep(
        command=Resolve,
        role=PracticeRole.ENGINEER,
        state=State.IN_PROGRESS,
        about=Text(
            "工程师提交至少一张照片、处理摘要和清单中的根因;缺一项就不能变为已解决。",
            "The engineer hands in a photo, a summary and a root cause of the list; without one of them it is not "
            "resolved.",
        ),
    ),
    PracticeStep(
        command=RequestClosure,
        role=PracticeRole.ENGINEER,
        state=State.RESOLVED,
        about=Text(
            "已解决不是已关闭:工程师请客户确认。",
            "Resolved is not closed: the engineer asks the customer to confirm.",
        ),
        marked=lambda ticket: ticket.closure_requested,
    ),
    PracticeStep(
        command=ConfirmClosure,
        role=PracticeRole.CUSTOMER,
        state=State.RESOLVED,
        about=Text(
            "客户勾选三项确认后,工单关闭。",
            "Once the customer has ticked all three, the ticket is closed.",
        ),
    ),
)


def steps_left(ticket: Ticket) -> Sequence[PracticeStep]:
    """Give the steps that are left, the next one first; none of a closed ticket."""
    return [one for one in STEPS if not one.is_done(ticket)]


def person_of(role: PracticeRole, practiser: str, own: PracticeRole | None = None) -> str:
    """Name who acts in a role: who practises in their own, somebody made up in any other."""
    return practiser if role is own else f"演练{role.zh}"


def played(step: PracticeStep, practiser: str, rules: Rules, own: PracticeRole | None = None) -> Command:
    """Give the command of a step with made-up deliverables; `own` is the role of who practises."""
    engineer = person_of(PracticeRole.ENGINEER, practiser, own)
    filled: dict[type[Command], Command] = {
        Assign: Assign(
            assignee=Assignee(
                role="演练", person=engineer, contact=_CONTACT, backup_person="演练备份", backup_contact=_CONTACT
            )
        ),
        Accept: Accept(),
        Start: Start(substate=Substate.REMOTE_DIAGNOSIS),
        Reclassify: Reclassify(priority="P1", reason="演练:客户着急 / practice: the customer is pressing"),
        Resolve: Resolve(
            photos=(PHOTO,), summary="演练:更换密封圈 / practice: seal replaced", root_cause=min(rules.root_causes)
        ),
        RequestClosure: RequestClosure(),
        ConfirmClosure: ConfirmClosure(
            confirmed_by=person_of(PracticeRole.CUSTOMER, practiser, own), ticks=tuple(Tick)
        ),
    }
    return filled[step.command]
