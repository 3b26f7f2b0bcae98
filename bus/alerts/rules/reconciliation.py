"""Rules of reconciliation: tickets that a source has and the bus has not, and lists that nobody compares."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text
from bus.domain.time_text import TO_THE_MINUTE, time_text
from bus.observability.masking import mask_text
from bus.reconcile.alert_readings import ListAge, MissingOfSource, read_list_ages, read_missing
from bus.reconcile.store import ingest_command

DUE_AFTER: Final = timedelta(days=1)
NUMBER_CHARS_SHOWN: Final = 60


def _missing(missing: Sequence[MissingOfSource], _now: datetime) -> Sequence[Alert]:
    return [_missing_alert(one) for one in missing]


def _missing_alert(one: MissingOfSource) -> Alert:
    numbers = ", ".join(mask_text(number[:NUMBER_CHARS_SHOWN]) for number in one.numbers)
    more = " …" if one.tickets > len(one.numbers) else ""
    since = time_text(one.oldest_at, TO_THE_MINUTE)
    return Alert(
        rule=RuleName.TICKET_MISSING,
        about=one.source,
        zh=f"来源 {one.source} 的清单中有 {one.tickets} 张工单总线没有(没有到达或被拒),最早的建于 {since.zh}:"
        f"{numbers}{more};没有人在处理它们",
        en=f"the source {one.source} lists {one.tickets} tickets that the bus has not, for they never arrived or were "
        f"refused, the oldest of {since.en}: {numbers}{more}; nobody works on them",
        mend=ingest_command(one.source, one.oldest_at, has_list=one.has_list),
        newest=one.newest,
        facts={"tickets": one.tickets},
    )


def _not_reconciled(lists: Sequence[ListAge], now: datetime) -> Sequence[Alert]:
    return [_age_alert(one) for one in lists if now - one.since > DUE_AFTER]


def _age_alert(one: ListAge) -> Alert:
    since = time_text(one.since, TO_THE_MINUTE)
    why = f":{one.failure}" if one.failure else ""
    zh = f"自 {since.zh} 起的工单没有与其清单对账" if one.ever else f"自 {since.zh} 登记以来从未与其清单对账"
    en = f"is reconciled up to {since.en}" if one.ever else f"was never reconciled since it was declared at {since.en}"
    return Alert(
        rule=RuleName.NOT_RECONCILED,
        about=one.source,
        zh=f"来源 {one.source} {zh},丢失的工单不会被发现{why}",
        en=f"the source {one.source} {en}: tickets that are lost would not be found{why}",
        mend=f"ticketbus reconcile {one.source} --since {one.since:%Y-%m-%dT%H:%M:%SZ}",
    )


def _lost(now: datetime) -> Sequence[MissingOfSource]:
    at = now - timedelta(minutes=20)
    return [MissingOfSource(source="crm", tickets=2, oldest_at=at, newest=2, has_list=True, numbers=("CRM-7", "CRM-9"))]


def _compared(at: datetime) -> Sequence[ListAge]:
    return [ListAge(source="crm", since=at, ever=True, failure="")]


TICKET_MISSING: Final = AlertRule(
    name=RuleName.TICKET_MISSING,
    severity=Severity.P1,
    title=Text("来源有而总线没有的工单", "tickets that a source has and the bus has not"),
    read=read_missing,
    evaluate=_missing,
    fires=_lost,
    quiet=lambda _now: (),
    open_after=timedelta(minutes=2),  # a webhook that was under way has come by then, whatever the source's clock
)
NOT_RECONCILED: Final = AlertRule(
    name=RuleName.NOT_RECONCILED,
    severity=Severity.P2,
    title=Text("来源未对账", "a source is not reconciled"),
    read=read_list_ages,
    evaluate=_not_reconciled,
    fires=lambda now: _compared(now - timedelta(hours=25)),
    quiet=lambda now: _compared(now - timedelta(hours=23)),
    open_after=timedelta(minutes=5),  # a worker that was away for long reconciles first
)
RECONCILIATION_RULES: Final = (TICKET_MISSING, NOT_RECONCILED)
