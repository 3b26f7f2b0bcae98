"""The rule of stages that stand still: open until the handler gets on, or is no more."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text
from bus.stage.offsets import STALLED, HandlerPosition, positions

Positions = Sequence[HandlerPosition]
_POSTGRES, _KAFKA = f"{STALLED}PostgreSQL is away", f"{STALLED}Kafka is away"  # how the texts of pool and clients begin


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


def _kafka_away(handlers: Sequence[str], stage_of: Mapping[str, str]) -> Alert:
    """Make the one alert of all handlers that wait for Kafka alone."""
    names = ", ".join(sorted(handlers))
    return Alert(
        rule=RuleName.STAGE_STOPPED,
        about="Kafka",
        zh=f"无法连接 Kafka,以下处理器停住:{names}。其后的事件都在等待,恢复后自动按序继续,不丢失",
        en=f"Kafka is away, and these handlers stand still: {names}; they go on in order once it is back",
        mend="ticketbus doctor",
        facts={"stage": " ".join(sorted({stage_of[one] for one in handlers})), "handlers": len(handlers)},
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
            # That PostgreSQL is away is written once it is back: by then it is over.
            if one.failure is not None and one.handler in stage_of and not one.failure.startswith(_POSTGRES):
                failing[one.handler][one.partition] = one.failure
        waiting = [handler for handler, why in failing.items() if all(one.startswith(_KAFKA) for one in why.values())]
        alerts = [_alert(handler, stage_of[handler], why) for handler, why in failing.items() if handler not in waiting]
        return [_kafka_away(waiting, stage_of), *alerts] if waiting else alerts

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
