"""The rule of stages that stand still: open until the handler gets on, or is no more."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text
from bus.stage.offsets import HandlerPosition, positions

Positions = Sequence[HandlerPosition]


def _alert(handler: str, stage: str, failures: dict[int, str]) -> Alert:
    partitions, why = ", ".join(map(str, sorted(failures))), failures[min(failures)]
    return Alert(
        rule=RuleName.STAGE_STOPPED,
        about=handler,
        zh=f"处理器 {handler} 在分区 {partitions} 停住,其后的事件都在等待:{why}",
        en=f"handler {handler} stands still on the partitions {partitions}, and what follows waits: {why}",
        mend="ticketbus doctor",
        facts={"handler": handler, "stage": stage, "partitions": len(failures)},
    )


def _position(failure: str | None, handler: str) -> HandlerPosition:
    return HandlerPosition(
        handler=handler, partition=3, topic="ticket.events", next_offset=17, moved_at=None, failure=failure
    )


def stage_stopped(stage_of: Mapping[str, str]) -> AlertRule[Positions]:
    """Make the rule of these handlers, each with its stage; what one of an earlier version wrote is nobody's."""

    def evaluate(found: Positions, _now: datetime) -> Sequence[Alert]:
        failing = defaultdict[str, dict[int, str]](dict)
        for one in found:
            if one.failure is not None and one.handler in stage_of:
                failing[one.handler][one.partition] = one.failure
        return [_alert(handler, stage_of[handler], failures) for handler, failures in failing.items()]

    some = next(iter(stage_of))
    return AlertRule(
        name=RuleName.STAGE_STOPPED,
        severity=Severity.P1,
        title=Text("处理阶段停住", "a stage stands still"),
        read=positions,
        evaluate=evaluate,
        fires=lambda _now: [_position("offset 17: an unknown field", some)],
        quiet=lambda _now: [_position(None, some), _position("offset 17: an unknown field", "gone")],
    )
