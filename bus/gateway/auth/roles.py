"""The one table of roles: which commands and reads each may use."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

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
    OUTSIDE,
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
from bus.domain.work_order_commands import ApproveStep, CancelWorkOrder, RejectStep, SignStep, StartWorkOrder


class Role(StrEnum):
    """A client's role; a token has exactly one."""

    SOURCE = "source"
    ENGINEER = "engineer"
    DISPATCHER = "dispatcher"
    LEAD = "lead"
    SRE = "sre"
    SUBSCRIBER = "subscriber"
    HOST = "host"
    ADMIN = "admin"


class Access(StrEnum):
    """Access rights beside commands."""

    READ = "read"
    STREAM = "stream"
    METRICS = "metrics"
    CONSUMERS = "consumers"
    DECIDE_CONSUMERS = "decide-consumers"
    LETTERS = "letters"
    DECIDE_LETTERS = "decide-letters"
    ALERTS = "alerts"
    DECIDE_ALERTS = "decide-alerts"
    ACK_ESCALATIONS = "ack-escalations"
    REPORT = "report"
    RECONCILE = "reconcile"
    PEOPLE = "people"
    DECIDE_PEOPLE = "decide-people"
    KNOWLEDGE = "knowledge"
    DECIDE_KNOWLEDGE = "decide-knowledge"
    CUSTOMER_LINK = "customer-link"
    PRACTISE = "practise"
    INSIGHT = "insight"
    MAPS = "maps"
    DECIDE_MAPS = "decide-maps"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a role is allowed."""

    commands: frozenset[type[Command]]
    accesses: frozenset[Access]


_READS = frozenset({Access.READ, Access.STREAM})
_SOURCE = frozenset({OpenTicket, Note, AskProgress, ConfirmClosure, RejectClosure, Reopen, IssueParts, RefuseParts})
_ENGINEER = frozenset(
    {Accept, Depart, Arrive, Start, Pause, Resume, RequestParts, AddEvidence, Note, Resolve, RequestClosure}
    | {AskClosureCode}
    | {Tag, ConfirmClosure}  # by the customer's code alone
    | {StartWorkOrder, SignStep, ApproveStep, RejectStep}
)
_DISPATCHER = frozenset(
    {OpenTicket, Assign, Return, Reclassify, Escalate, Reopen, Tag, Note, AddEvidence, AskProgress}
    | {StartWorkOrder}
    | {RevokeCustomerLink, RevokeEngineerLink}
    | {AskClosureCode}
    | {AddCollaborator}
    | {RemoveCollaborator}
)

GRANTS: Mapping[Role, Grant] = {
    Role.SOURCE: Grant(_SOURCE, frozenset({Access.READ, Access.CUSTOMER_LINK})),
    Role.ENGINEER: Grant(_ENGINEER, _READS | {Access.KNOWLEDGE, Access.PRACTISE}),
    Role.DISPATCHER: Grant(
        _DISPATCHER, _READS | {Access.PEOPLE, Access.INSIGHT, Access.KNOWLEDGE, Access.CUSTOMER_LINK, Access.PRACTISE}
    ),
    Role.LEAD: Grant(
        _DISPATCHER | {ConfirmClosure, RejectClosure, ApproveStep, RejectStep, CancelWorkOrder},
        _READS
        | {Access.ALERTS, Access.ACK_ESCALATIONS, Access.CONSUMERS, Access.PEOPLE, Access.DECIDE_PEOPLE, Access.INSIGHT}
        | {Access.KNOWLEDGE, Access.DECIDE_KNOWLEDGE, Access.CUSTOMER_LINK, Access.PRACTISE},
    ),
    Role.SRE: Grant(frozenset(), frozenset(Access) - {Access.REPORT, Access.CUSTOMER_LINK}),
    Role.SUBSCRIBER: Grant(frozenset(), _READS),
    Role.HOST: Grant(frozenset(), frozenset({Access.REPORT})),
    Role.ADMIN: Grant(frozenset(OUTSIDE), frozenset(Access)),
}


def allows(role: Role, wanted: type[Command] | Access) -> bool:
    """Say whether a role may. Pure."""
    grant = GRANTS[role]
    return wanted in grant.accesses if isinstance(wanted, Access) else wanted in grant.commands
