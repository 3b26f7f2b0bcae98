"""Verdicts on people: an engineer's app that is not there or does not answer, and who is to act on a ticket. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from bus.domain.naming import nearest
from bus.domain.sla_clock import due_at
from bus.domain.terms import ClockName, State
from bus.domain.text import Text
from bus.domain.ticket import Ticket, clock_of, has_deadlines, runs
from bus.journey.hop_sources import DeliveryRow
from bus.journey.judge_bus import Why
from bus.journey.readings import AppRow, Readings
from bus.journey.verdict import Owner, Verdict, VerdictCause, clock, named

_OWNERS: Final = {
    VerdictCause.NO_GATEWAY: Owner.BUS,
    VerdictCause.NOT_ASSIGNED: Owner.DISPATCHER,
    VerdictCause.QUEUED: Owner.BUS,
}
# Else a person is to be called, or the ticket assigned: it says who holds it and how they are reached.
_NEXT: Final = {VerdictCause.NO_GATEWAY: "ticketbus gateway", VerdictCause.QUEUED: "ticketbus delivery list"}


def judge_push(rows: Sequence[DeliveryRow], readings: Readings, ticket: Ticket, now: datetime) -> Verdict:
    """Judge what an engineer's app has not taken: who holds the ticket, and whether their app is there."""
    head, versions, person = rows[0], [one.version for one in rows], ticket.assignee.person
    app = next((one for one in readings.apps if one.person == person), None)
    which, why = named(versions), _why_not_taken(head, readings, app, ticket, now)
    evidence: dict[str, Any] = {"enqueued_at": head.enqueued_at, "attempts": head.attempts, "person": person}
    if app is not None:
        evidence |= {"seen_at": app.seen_at, "left_at": app.left_at, "answered_at": app.answered_at}
    return Verdict(
        cause=why.cause,
        hop="delivered",
        where=head.target,
        owner=_OWNERS.get(why.cause, Owner.ENGINEER),
        versions=versions,
        evidence=evidence,
        text=Text(f"{which.zh} → {head.target}:{why.text.zh}", f"{which.en} → {head.target}: {why.text.en}"),
        next=_NEXT.get(why.cause, f"ticketbus ticket show {ticket.ticket_id}"),
    )


def _why_not_taken(head: DeliveryRow, readings: Readings, app: AppRow | None, ticket: Ticket, now: datetime) -> Why:
    person = ticket.assignee.person
    if not any(one.program == "gateway" and one.lives(now) for one in readings.beats):
        text = Text("没有 gateway 在运行,应用无法连接", "no gateway runs, so that no app can connect")
        return Why(VerdictCause.NO_GATEWAY, text)
    if not person:
        return Why(
            VerdictCause.NOT_ASSIGNED,
            Text(f"工单目前无人负责,指派后推送:{_assign(ticket)}", f"nobody holds the ticket yet: {_assign(ticket)}"),
        )
    if app is None or not app.connected(now):
        return Why(VerdictCause.NOBODY_CONNECTED, _absent(app, ticket, readings.apps, now))
    if head.attempts:
        last = clock(app.answered_at) if app.answered_at else Text("-", "-")
        text = Text(
            f"{person} 的应用在线,推送 {head.attempts} 次未确认(上次确认:{last.zh})。{_call(ticket).zh}",
            f"the app of {person} is connected and has not acknowledged {head.attempts} pushes (its last ack: "
            f"{last.en}); {_call(ticket).en}",
        )
        return Why(VerdictCause.NOT_ACKNOWLEDGED, text)
    since = clock(head.enqueued_at)
    return Why(VerdictCause.QUEUED, Text(f"自 {since.zh} 排队,尚未推送", f"queued since {since.en}, not pushed yet"))


def _absent(app: AppRow | None, ticket: Ticket, apps: Sequence[AppRow], now: datetime) -> Text:
    person = ticket.assignee.person
    close = nearest(person, [one.person for one in apps if one.connected(now)])
    meant_zh = f";在线的 {close} 名字相近:应用是否登录成了别人?" if close else ""
    meant_en = f"; {close} is: is the app signed in as somebody else?" if close else ""
    since = clock(app.left_at or app.seen_at) if app else None
    return Text(
        f"{person} 的应用{f'自 {since.zh} 起不在线' if since else '从未连接'}{meant_zh}。{_call(ticket).zh}",
        f"no app of {person} is connected{f' since {since.en}' if since else ', and none was'}{meant_en}; "
        f"{_call(ticket).en}",
    )


def _call(ticket: Ticket) -> Text:
    """Say whom to call, whose numbers the next command shows, and how the ticket gets to somebody else."""
    person, backup = ticket.assignee.person, ticket.assignee.backup_person
    return Text(
        f"请致电 {person}{f'(备份 {backup})' if backup else ''},或改派:{_assign(ticket)}",
        f"call {person}{f' (or the backup {backup})' if backup else ''}, or assign it to another: {_assign(ticket)}",
    )


def _assign(ticket: Ticket) -> str:
    return f"POST /v1/tickets/{ticket.ticket_id}/assign"


def judge_actions(ticket: Ticket, now: datetime) -> list[Verdict]:
    """Say who is to act on a ticket that everybody was given: by the SLA clock that ends first."""
    if ticket.state is State.CLOSED or not has_deadlines(ticket):
        return []
    due = [(at, name) for name in ClockName if (at := _due(ticket, name)) is not None]
    if not due:
        return []
    at, name = min(due)
    person, over = ticket.assignee.person, at <= now
    return [
        Verdict(
            cause=VerdictCause.NOT_ACTED_ON,
            hop="acted_on",
            where=person or "dispatch",
            owner=Owner.ENGINEER if person else Owner.DISPATCHER,
            evidence={"clock": name.value, "due_at": at, "overdue": over},
            text=Text(
                f"没有卡住,等待{f' {person} ' if person else '调度'}处理:"
                f"{name.zh}时限 {clock(at).zh}{',已超时' if over else ''}",
                f"nothing is stuck, {person or 'a dispatcher'} is to act: "
                f"{name.value.replace('_', ' ')} {'was' if over else 'is'} due at {clock(at).en}",
            ),
        )
    ]


def _due(ticket: Ticket, name: ClockName) -> datetime | None:
    """Give when a clock that runs falls due."""
    return due_at(clock_of(ticket, name)) if runs(ticket, name) else None
