"""The words of the ticket domain: ids, states, kinds and clocks, each with its Chinese name."""

from enum import StrEnum
from typing import NewType, Self
from uuid import UUID

from bus.domain.text import Text

TicketId = NewType("TicketId", str)
TraceId = NewType("TraceId", str)
CommandId = NewType("CommandId", UUID)
EventId = NewType("EventId", UUID)

BUS = "ticketbus"  # the actor of what nobody but the bus did: its clocks and escalations
SANDBOX = "sandbox"  # the source of virtual tickets, which no client can have
CUSTOMER_PAGE = "customer-page"  # the source of what customers ask and answer on pages, which no client can have either
ENGINEER_PAGE = "engineer-page"  # the source of what an engineer does on the page that a link opens, likewise


def is_synthetic(ticket_id: str) -> bool:
    """Say by its number whether a ticket is virtual 虚拟工单: practice or a probe, of which no real system hears."""
    return ticket_id.startswith("V")


class Term(StrEnum):
    """A word of the domain: its value is English and stable, `zh` is what the service people see."""

    zh: str

    def __new__(cls, value: str, zh: str = "") -> Self:
        """Make the word out of its value and its Chinese name."""
        word = str.__new__(cls, value)
        word._value_, word.zh = value, zh
        return word

    @property
    def text(self) -> Text:
        """Give the word in both languages."""
        return Text(self.zh, self.value.replace("_", " "))


def words(term: type[Term]) -> dict[str, Text]:
    """Give the words of a term in both languages, by their values. Pure."""
    return {one.value: one.text for one in term}


class State(Term):
    """The five atomic states (R11). There are no others."""

    PENDING = "pending", "待分派"
    ASSIGNED = "assigned", "已指派"
    IN_PROGRESS = "in_progress", "处理中"
    RESOLVED = "resolved", "已解决"
    CLOSED = "closed", "已关闭"


class Substate(Term):
    """What is being done while 处理中."""

    REMOTE_DIAGNOSIS = "remote_diagnosis", "远程诊断"
    ON_SITE = "on_site", "现场勘查"
    PARTS = "parts", "备件调拨"


class KeyKind(Term):
    """What an incident key may be (R1)."""

    SERIAL = "serial", "设备序列号"
    ORDER = "order", "订单号"
    PHONE = "phone", "报修电话"


class WaitingFor(Term):
    """Whom a paused ticket waits for; its clocks stand still meanwhile (R7)."""

    CUSTOMER = "customer", "等待客户"
    PARTS = "parts", "等待备件"
    THIRD_PARTY = "third_party", "等待第三方"
    PROBLEM = "problem", "等待问题管理"


class EvidenceKind(Term):
    """What can prove that work was done."""

    PHOTO = "photo", "照片"
    VIDEO = "video", "视频"
    DOCUMENT = "document", "文档"
    LOG = "log", "日志"


class ClockName(Term):
    """The two promises of every ticket type."""

    FIRST_RESPONSE = "first_response", "首次响应"
    RESOLUTION = "resolution", "解决"


class TicketStep(Term):
    """A step of a ticket's way that somebody owes next, by the command that takes it (R13)."""

    ASSIGN = "assign", "分派"
    ACCEPT = "accept", "接单"
    START = "start", "开始处理"
    ARRIVE = "arrive", "到场"
    ANSWER_PARTS = "issue-parts", "备件答复"
    RESOLVE = "resolve", "解决"
    REQUEST_CLOSURE = "request-closure", "请客户确认"
    CONFIRM_CLOSURE = "confirm-closure", "客户确认"


class Tick(Term):
    """What the customer's contact ticks when confirming closure (R20)."""

    FULLY_SOLVED = "fully_solved", "问题彻底解决"
    NO_SIDE_RISK = "no_side_risk", "无衍生风险"
    NO_FOLLOW_UP = "no_follow_up", "无需后续支持"


class ConfirmedVia(Term):
    """How the customer's contact answered a closure (R20)."""

    PAGE = "page", "确认页面"
    CODE = "code", "短信验证码"
    CRM = "crm", "客户系统"
    CONSOLE = "console", "控制台"


class JoinCause(Term):
    """Why a report joined a ticket instead of opening one (R2, R3)."""

    SAME_KEY = "same_key", "同一事件标识"
    SAME_SOURCE_NO = "same_source_no", "同一来源单号"
