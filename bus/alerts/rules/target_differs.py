"""Rules of targets' own documents: one that differs from what was delivered, and a list that nobody compares."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.delivery.target_lists import TargetListState, target_lists
from bus.domain.text import Text
from bus.domain.time_text import TO_THE_MINUTE, time_text

DUE_AFTER: Final = timedelta(days=3)  # turns come once a day, and again ten minutes after one that failed


def _differs(lists: Sequence[TargetListState], _now: datetime) -> Sequence[Alert]:
    return [_differs_alert(one) for one in lists if one.differences and one.since]


def _differs_alert(one: TargetListState) -> Alert:
    kinds = (
        (one.missing_there, "已出库而对方没有生效的单据", "issued and not counted there"),
        (one.unknown_here, "对方已生效而总线不知道", "counted there and not known here"),
        (one.twice, "同一申请有多张生效单据", "requests with several documents"),
        (one.not_ours, "不属于本总线的单据", "not of this bus"),
    )
    numbers = ", ".join(one.numbers) + (" …" if one.differences > len(one.numbers) else "")
    return Alert(
        rule=RuleName.TARGET_DIFFERS,
        about=one.target,
        zh=f"{one.target} 的单据与投递不一致:" + ",".join(f"{zh} {count}" for count, zh, _ in kinds if count)
        + f":{numbers}",
        en=f"the documents of {one.target} differ from what was delivered: "
        + ", ".join(f"{en} {count}" for count, _, en in kinds if count) + f": {numbers}",
        mend=f"ticketbus delivery reconcile {one.target} --since {one.since:%Y-%m-%dT%H:%M:%SZ}",
        facts={"differences": one.differences},
    )  # fmt: skip


def _unlisted(lists: Sequence[TargetListState], now: datetime) -> Sequence[Alert]:
    return [_unlisted_alert(one) for one in lists if now - (one.compared_at or one.declared_at) > DUE_AFTER]


def _unlisted_alert(one: TargetListState) -> Alert:
    at = one.compared_at or one.declared_at
    since = time_text(at, TO_THE_MINUTE)
    why = f":{one.failure}" if one.failure else ""
    return Alert(
        rule=RuleName.TARGET_NOT_RECONCILED,
        about=one.target,
        zh=f"{one.target} 的单据自 {since.zh} 起没有与投递对账{why}",
        en=f"the documents of {one.target} were not compared with what was delivered since {since.en}{why}",
        mend=f"ticketbus delivery reconcile {one.target} --since {at:%Y-%m-%dT%H:%M:%SZ}",
    )


def _read_at(at: datetime, differences: int) -> Sequence[TargetListState]:
    return [
        TargetListState(
            target="erp",
            declared_at=at,
            compared_at=at,
            failure="",
            since=at - timedelta(days=30),
            listed=1,
            known=1,
            not_judged=0,
            missing_there=differences,
            unknown_here=0,
            twice=0,
            not_ours=0,
            numbers=("TB2A",) * differences,
        )
    ]


TARGET_DIFFERS: Final = AlertRule(
    name=RuleName.TARGET_DIFFERS,
    severity=Severity.P2,
    title=Text("目标单据与投递不一致", "a target's documents differ from what was delivered"),
    read=target_lists,
    evaluate=_differs,
    fires=lambda now: _read_at(now, 1),
    quiet=lambda now: _read_at(now, 0),
)
TARGET_NOT_RECONCILED: Final = AlertRule(
    name=RuleName.TARGET_NOT_RECONCILED,
    severity=Severity.P3,
    title=Text("目标单据未对账", "a target's documents are not reconciled"),
    read=target_lists,
    evaluate=_unlisted,
    fires=lambda now: _read_at(now - DUE_AFTER - timedelta(hours=1), 0),
    quiet=lambda now: _read_at(now - DUE_AFTER + timedelta(hours=1), 0),
)
TARGET_LIST_RULES: Final = (TARGET_DIFFERS, TARGET_NOT_RECONCILED)
