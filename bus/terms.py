"""The words of the ticket domain: ids, states, kinds and clocks, each with its Chinese name."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NewType
from uuid import UUID

TicketId = NewType("TicketId", str)
TraceId = NewType("TraceId", str)
CommandId = NewType("CommandId", UUID)
EventId = NewType("EventId", UUID)


class State(StrEnum):
    """The five atomic states (R11). There are no others."""

    PENDING = "pending"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Substate(StrEnum):
    """What is being done while 处理中."""

    REMOTE_DIAGNOSIS = "remote_diagnosis"
    ON_SITE = "on_site"
    PARTS = "parts"


class KeyKind(StrEnum):
    """What an incident key may be (R1)."""

    SERIAL = "serial"
    ORDER = "order"
    PHONE = "phone"


class WaitingFor(StrEnum):
    """Whom a paused ticket waits for; its clocks stand still meanwhile (R7)."""

    CUSTOMER = "customer"
    PARTS = "parts"
    THIRD_PARTY = "third_party"
    PROBLEM = "problem"


class EvidenceKind(StrEnum):
    """What can prove that work was done."""

    PHOTO = "photo"
    VIDEO = "video"
    DOCUMENT = "document"
    LOG = "log"


class ClockName(StrEnum):
    """The two promises of every ticket type."""

    FIRST_RESPONSE = "first_response"
    RESOLUTION = "resolution"


class Tick(StrEnum):
    """What the customer's contact ticks when confirming closure (R20)."""

    FULLY_SOLVED = "fully_solved"
    NO_SIDE_RISK = "no_side_risk"
    NO_FOLLOW_UP = "no_follow_up"


class JoinCause(StrEnum):
    """Why a report joined a ticket instead of opening one (R2, R3)."""

    SAME_KEY = "same_key"
    SAME_SOURCE_NO = "same_source_no"


CHINESE: Mapping[StrEnum, str] = {
    State.PENDING: "待分派",
    State.ASSIGNED: "已指派",
    State.IN_PROGRESS: "处理中",
    State.RESOLVED: "已解决",
    State.CLOSED: "已关闭",
    Substate.REMOTE_DIAGNOSIS: "远程诊断",
    Substate.ON_SITE: "现场勘查",
    Substate.PARTS: "备件调拨",
    KeyKind.SERIAL: "设备序列号",
    KeyKind.ORDER: "订单号",
    KeyKind.PHONE: "报修电话",
    WaitingFor.CUSTOMER: "等待客户",
    WaitingFor.PARTS: "等待备件",
    WaitingFor.THIRD_PARTY: "等待第三方",
    WaitingFor.PROBLEM: "等待问题管理",
    EvidenceKind.PHOTO: "照片",
    EvidenceKind.VIDEO: "视频",
    EvidenceKind.DOCUMENT: "文档",
    EvidenceKind.LOG: "日志",
    ClockName.FIRST_RESPONSE: "首次响应",
    ClockName.RESOLUTION: "解决",
    Tick.FULLY_SOLVED: "问题彻底解决",
    Tick.NO_SIDE_RISK: "无衍生风险",
    Tick.NO_FOLLOW_UP: "无需后续支持",
    JoinCause.SAME_KEY: "同一事件标识",
    JoinCause.SAME_SOURCE_NO: "同一来源单号",
}
