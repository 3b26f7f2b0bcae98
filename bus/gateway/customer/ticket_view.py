"""What a customer sees of their ticket: the five states in plain words, the time to expect, who handles it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Final, Literal
from zoneinfo import ZoneInfo

from bus.domain.closure_rules import PendingClosure
from bus.domain.customer_link import CustomerLinkRules
from bus.domain.sla_clock import due_at
from bus.domain.terms import State, Substate, WaitingFor, is_synthetic
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.domain.time_text import CHINA
from bus.gateway.customer.masked import masked

_WAY: Final = (State.PENDING, State.ASSIGNED, State.IN_PROGRESS, State.RESOLVED, State.CLOSED)
_WORDS: Final = {
    State.PENDING: Text("已收到报修,正在安排工程师", "we have your report and are finding an engineer"),
    State.ASSIGNED: Text("已安排工程师,等待上门或联系", "an engineer has it and will get in touch"),
    State.IN_PROGRESS: Text("工程师正在处理", "the engineer is working on it"),
    State.RESOLVED: Text("已处理完成", "the work is done"),
    State.CLOSED: Text("服务已完成,感谢您的确认", "closed, thank you"),
}
_DOING: Final = {
    Substate.REMOTE_DIAGNOSIS: Text("工程师正在远程诊断", "the engineer is looking into it remotely"),
    Substate.ON_SITE: Text("工程师正在现场处理", "the engineer is on site"),
    Substate.PARTS: Text("正在调配备件", "spare parts are being arranged"),
}
_ON_THE_WAY: Final = Text("工程师已出发", "the engineer is on the way")
_ASKED_TO_CONFIRM: Final = Text("已处理完成,请您确认", "the work is done, please confirm")
_STATES_EN: Final = {
    State.PENDING: "reported",
    State.ASSIGNED: "assigned",
    State.IN_PROGRESS: "being worked on",
    State.RESOLVED: "solved",
    State.CLOSED: "closed",
}
_WAITS: Final = {
    WaitingFor.CUSTOMER: Text("等您回复或配合", "waiting for you"),
    WaitingFor.PARTS: Text("等备件到货", "waiting for spare parts"),
    WaitingFor.THIRD_PARTY: Text("等合作单位处理", "waiting for a partner"),
    WaitingFor.PROBLEM: Text("等技术部门查明原因", "waiting for our technicians to find the cause"),
}
_PAUSED: Final = Text("暂停中", "paused")
_VISIT: Final = Text("预计到达", "expected on site")
_DUE: Final = Text("预计完成", "expected to be done")
_LATE: Final = Text("已超过预计时间", "later than expected")
_VISIT_LATE: Final = Text("已超过预计到达时间", "later on site than expected")
_WEEKDAYS: Final = "一二三四五六日"


@dataclass(frozen=True, slots=True, kw_only=True)
class MapStep:
    """A state on the way: `at` is when the ticket came there last, empty where that is not known or still to come."""

    title: Text
    mark: Literal["was", "now", "next"]
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedTime:
    """A time that the customer may count on, or why there is none now."""

    title: Text
    text: Text
    late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerView:
    """The page of a ticket. `asked`: why nothing can be asked now, None where it can; `confirming`: what to answer."""

    ticket_id: str
    title: str
    now: Text
    steps: Sequence[MapStep]
    expected: Sequence[ExpectedTime]
    handler: str
    summary: str = field(repr=False)
    confirming: PendingClosure | None
    asking: bool
    asked: Text | None
    foot: Text
    practice: bool


def customer_view(ticket: Ticket, rules: CustomerLinkRules, now: datetime) -> CustomerView:
    """Show a ticket as committed; texts of people are masked, and notes are none of it."""
    zone = _zone(ticket)
    return CustomerView(
        ticket_id=ticket.ticket_id,
        title=masked(ticket.title, ticket.customer),
        now=_now(ticket),
        steps=_steps(ticket, zone),
        expected=_expected(ticket, zone, now),
        handler=ticket.assignee.person,
        summary=masked(ticket.summary, ticket.customer),
        confirming=awaited(ticket, now),
        asking=ticket.state is not State.CLOSED,
        asked=_asked(ticket, rules, zone, now),
        foot=_foot(zone),
        practice=is_synthetic(ticket.ticket_id),
    )


def awaited(ticket: Ticket, now: datetime) -> PendingClosure | None:
    """Give the request to confirm that the customer can answer now."""
    ask = ticket.closure
    return ask if ask and (ask.expires_at is None or now < ask.expires_at) else None


def asked_lately(ticket: Ticket, rules: CustomerLinkRules, now: datetime) -> bool:
    """Say whether the customer asked so lately that they cannot ask again yet."""
    return ticket.asked_at is not None and now < ticket.asked_at + rules.ask_again_after


def _now(ticket: Ticket) -> Text:
    if ticket.paused_for:
        return Text(f"{_PAUSED.zh}:{_WAITS[ticket.paused_for].zh}", f"{_PAUSED.en}: {_WAITS[ticket.paused_for].en}")
    if ticket.visit_at:
        return _ON_THE_WAY
    if ticket.closure_requested:
        return _ASKED_TO_CONFIRM
    return _DOING[ticket.substate] if ticket.substate else _WORDS[ticket.state]


def _steps(ticket: Ticket, zone: tzinfo) -> Sequence[MapStep]:
    here = _WAY.index(ticket.state)
    came = (
        ticket.opened_at,
        ticket.handed_over_at if ticket.assignee.person else None,
        ticket.working_since,
        ticket.resolved_at,
        ticket.closed_at,
    )
    return [
        MapStep(
            title=Text(state.zh, _STATES_EN[state]),
            mark="was" if place < here else "now" if place == here else "next",
            at=_clock(at, zone) if at and place <= here else "",
        )
        for place, (state, at) in enumerate(zip(_WAY, came, strict=True))
    ]


def _expected(ticket: Ticket, zone: tzinfo, now: datetime) -> Sequence[ExpectedTime]:
    """Give what is to be expected: the visit, and the promise that runs; of a past that was imported nothing."""
    if ticket.state in (State.RESOLVED, State.CLOSED) or ticket.historic:
        return []
    due = due_at(ticket.resolution)
    if due is None:
        assert ticket.paused_for, "a promise of an open ticket stands in a pause alone"
        paused = Text(
            f"{_WAITS[ticket.paused_for].zh},完成时间待恢复后确定",
            f"{_WAITS[ticket.paused_for].en}; the time follows once it goes on",
        )
        return [ExpectedTime(title=_PAUSED, text=paused)]
    lines = [_visit(ticket.visit_at, zone, now)] if ticket.visit_at else []
    day = _day(due, zone)
    if now >= due:
        text = Text(f"原定 {day.zh},我们正在加紧处理", f"it was meant for {day.en}; we are on it")
        return [*lines, ExpectedTime(title=_LATE, text=text, late=True)]
    working = Text("(按工作时间计算)", " (counted in working hours)") if ticket.resolution.calendar else Text("", "")
    return [*lines, ExpectedTime(title=_DUE, text=Text(f"{day.zh} 前{working.zh}", f"by {day.en}{working.en}"))]


def _visit(at: datetime, zone: tzinfo, now: datetime) -> ExpectedTime:
    day = _day(at, zone)
    if now < at:
        return ExpectedTime(title=_VISIT, text=day)
    return ExpectedTime(title=_VISIT_LATE, text=Text(f"原定 {day.zh}", f"it was meant for {day.en}"), late=True)


def _asked(ticket: Ticket, rules: CustomerLinkRules, zone: tzinfo, now: datetime) -> Text | None:
    if ticket.asked_at is None or not asked_lately(ticket, rules, now):
        return None
    asked, again = _day(ticket.asked_at, zone), _day(ticket.asked_at + rules.ask_again_after, zone)
    return Text(
        f"已收到您 {asked.zh} 的催办,我们会尽快处理;{again.zh} 以后可再催",
        f"we have your question of {asked.en}; you can ask again from {again.en} on",
    )


def _foot(zone: tzinfo) -> Text:
    where = Text("北京时间", "Beijing time") if zone is CHINA else Text(f"{zone} 时间", f"the time of {zone}")
    zh = f"时间均为{where.zh}。有此链接的人可以查看本次服务,请勿转发给他人。"
    return Text(zh, f"Times are {where.en}. Whoever has this link can see this service: pass it on to nobody.")


def _zone(ticket: Ticket) -> tzinfo:
    calendar = ticket.resolution.calendar
    return CHINA if calendar is None or calendar.zone == "Asia/Shanghai" else ZoneInfo(calendar.zone)


def _day(at: datetime, zone: tzinfo) -> Text:
    local = at.astimezone(zone)
    zh = f"{local.month}月{local.day}日 周{_WEEKDAYS[local.weekday()]} {local:%H:%M}"
    return Text(zh, f"{local:%a} {local.day} {local:%b} {local:%H:%M}")


def _clock(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%m-%d %H:%M}"
