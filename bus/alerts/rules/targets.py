"""Rules of targets that get nothing now: paused, breaker open, or an engineer's app that is late."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.delivery.status import TargetState, target_states
from bus.domain.delivery_state import is_breaker_open
from bus.domain.text import Text
from bus.domain.time_text import time_text

States = Sequence[TargetState]


_CALLED: Final = TargetState(
    target="erp",
    paused=None,
    by_hand=False,
    failures=0,
    not_before=None,
    asked_wait=False,
    waits=True,
    overdue=0,
    overdue_since=None,
)


def _paused(states: States, _now: datetime) -> Sequence[Alert]:
    return [
        Alert(
            rule=RuleName.TARGET_PAUSED,
            about=one.target,
            zh=f"{one.target} 已{'由人工' if one.by_hand else '自动'}暂停,不再投递,事件在排队:{one.paused}",
            en=f"{one.target} is paused {'by a person' if one.by_hand else 'by the bus itself'}, nothing is delivered "
            f"to it and its events wait: {one.paused}",
            mend=f"ticketbus delivery resume {one.target}",
            severity=Severity.P2 if one.by_hand else None,
        )
        for one in states
        if one.paused is not None
    ]


def _breaker_open(states: States, _now: datetime) -> Sequence[Alert]:
    return [
        Alert(
            rule=RuleName.BREAKER_OPEN,
            about=one.target,
            zh=f"{one.target} 连续失败 {one.failures} 次,已熔断:只发探测,恢复后自动继续;过久会成为死信",
            en=f"{one.target} failed {one.failures} times in a row: only probes go there until it answers, "
            "and what waits too long becomes dead letters",
            mend="ticketbus delivery list",
            facts={"failures": one.failures},
        )
        for one in states
        if is_breaker_open(one) and one.waits and one.paused is None
    ]


def _push_overdue(states: States, _now: datetime) -> Sequence[Alert]:
    return [
        Alert(
            rule=RuleName.PUSH_OVERDUE,
            about=one.target,
            zh=f"{one.overdue} 条推送未被工程师的应用按时接收(自 {since.zh} 起):请联系工程师,或改派工单",
            en=f"{one.overdue} pushes were not taken by engineers' apps in time (since {since.en}): "
            "call the engineers, or assign the tickets to others",
            mend="ticketbus delivery list",
            facts={"overdue": one.overdue},
        )
        for one in states
        if one.overdue_since
        for since in (time_text(one.overdue_since),)
    ]


TARGET_PAUSED: Final = AlertRule(
    name=RuleName.TARGET_PAUSED,
    severity=Severity.P1,
    title=Text("目标系统已暂停投递", "a target is paused"),
    read=target_states,
    evaluate=_paused,
    fires=lambda _now: [replace(_CALLED, paused="too many dead letters")],
    quiet=lambda now: [replace(_CALLED, failures=20, not_before=now)],
)
BREAKER_OPEN: Final = AlertRule(
    name=RuleName.BREAKER_OPEN,
    severity=Severity.P2,
    title=Text("目标系统已熔断", "a target's breaker is open"),
    read=target_states,
    evaluate=_breaker_open,
    fires=lambda now: [replace(_CALLED, failures=10, not_before=now)],
    quiet=lambda now: [
        replace(_CALLED, failures=10, not_before=now, asked_wait=True),
        replace(_CALLED, failures=10, not_before=now, waits=False),
        _CALLED,
    ],
)
PUSH_OVERDUE: Final = AlertRule(
    name=RuleName.PUSH_OVERDUE,
    severity=Severity.P2,
    title=Text("工程师应用未按时取走", "an engineer's app is late"),
    read=target_states,
    evaluate=_push_overdue,
    fires=lambda now: [replace(_CALLED, overdue=2, overdue_since=now)],
    quiet=lambda _now: [_CALLED],
)
TARGETS: Final = (TARGET_PAUSED, BREAKER_OPEN, PUSH_OVERDUE)
