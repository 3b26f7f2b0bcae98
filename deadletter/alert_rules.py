"""The rule of dead letters: open for as long as one is, and heard of anew when another comes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text
from bus.domain.time_text import time_text
from bus.postgres.pool import Connection, read_rows

_READ: Final = b"""
SELECT origin, target, count(*) AS letters, min(died_at) AS first_at, max(died_at) AS last_at,
    max(id) AS newest, origin = 'commands' AND bool_and(kind = 'refused') AS refused_alone
FROM letters WHERE state = 'open' GROUP BY origin, target ORDER BY origin, target"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLetters:
    """How many letters of an origin are open, and when the first and the last of them died; `target` of deliveries.

    `refused_alone`: all are commands that the rules refused, and nothing waits behind them.
    """

    origin: str
    target: str
    letters: int
    first_at: datetime
    last_at: datetime
    newest: int
    refused_alone: bool = False


async def open_letters(connection: Connection) -> Sequence[OpenLetters]:
    """Count the open letters by origin, in order of origin."""
    return await read_rows(connection, _READ, OpenLetters)


def _alerts(found: Sequence[OpenLetters], _now: datetime) -> Sequence[Alert]:
    return [_alert(one) for one in found]


def _alert(one: OpenLetters) -> Alert:
    since, last = time_text(one.first_at), time_text(one.last_at)
    cost_zh, cost_en = (
        ("这些工单的后续投递都在等待", "what follows for their tickets waits")
        if one.target
        else ("这些输入没有生效", "these inputs have no effect")
    )
    return Alert(
        rule=RuleName.DEAD_LETTER,
        about=one.target or one.origin,
        zh=f"{one.letters} 封死信未处理(最早 {since.zh},最近 {last.zh}):{cost_zh}",
        en=f"{one.letters} dead letters are open (the first of {since.en}, the last of {last.en}): {cost_en}",
        mend="ticketbus deadletter list",
        severity=Severity.P2 if one.refused_alone else None,
        newest=one.newest,
        facts={"letters": one.letters, "origin": one.origin},
    )


def _example(now: datetime) -> Sequence[OpenLetters]:
    died_at = now - timedelta(minutes=40)
    return [OpenLetters(origin="delivery:erp", target="erp", letters=2, first_at=died_at, last_at=died_at, newest=7)]


DEAD_LETTERS: Final = AlertRule(
    name=RuleName.DEAD_LETTER,
    severity=Severity.P1,
    title=Text("有死信", "a dead letter"),
    read=open_letters,
    evaluate=_alerts,
    fires=_example,
    quiet=lambda _now: [],
)
