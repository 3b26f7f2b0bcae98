"""The rule of redrives that stopped by themselves: open until their letters are dealt with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text
from bus.domain.time_text import time_text
from bus.postgres.pool import Connection, read_rows

# Of each target the last redrive alone; letters that died later are no part of it.
_READ: Final = b"""
SELECT r.id, r.target, r.ended_at, r.ended_why, r.unsent FROM (
    SELECT DISTINCT ON (query->>'target') id, query->>'target' AS target, state, by_hand, ended_at,
        coalesce(ended_why, '') AS ended_why, coalesce(unsent, 0) AS unsent
    FROM redrives ORDER BY query->>'target', id DESC) r
WHERE r.state = 'stopped' AND NOT r.by_hand AND EXISTS (
    SELECT FROM letters l WHERE l.target = r.target AND l.state = 'open' AND l.died_at <= r.ended_at)
ORDER BY r.id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedRedrive:
    """A redrive that stopped by itself, when and why; letters of its target are open, `unsent` of its set."""

    id: int
    target: str
    ended_at: datetime
    ended_why: str
    unsent: int


async def stopped_redrives(connection: Connection) -> Sequence[StoppedRedrive]:
    """Read those that somebody must look at."""
    return await read_rows(connection, _READ, StoppedRedrive)


def _alert(one: StoppedRedrive) -> Alert:
    at = time_text(one.ended_at)
    return Alert(
        rule=RuleName.REDRIVE_STOPPED,
        about=f"redrive {one.id}",
        zh=f"发往 {one.target} 的重发 {one.id} 于 {at.zh} 自动停止,其余 {one.unsent} 封未发送:{one.ended_why};"
        "修复后重新冻结并执行",
        en=f"redrive {one.id} to {one.target} stopped by itself at {at.en}, the other {one.unsent} are not sent: "
        f"{one.ended_why}; mend it, then freeze and run anew",
        mend=f"ticketbus deadletter list --target {one.target}",
        facts={"target": one.target, "unsent": one.unsent},
    )


def _example(now: datetime) -> StoppedRedrive:
    return StoppedRedrive(id=3, target="erp", ended_at=now, ended_why="the canary failed", unsent=40)


REDRIVE_STOPPED: Final = AlertRule(
    name=RuleName.REDRIVE_STOPPED,
    severity=Severity.P2,
    title=Text("重发已停止", "a redrive has stopped"),
    read=stopped_redrives,
    evaluate=lambda found, _now: [_alert(one) for one in found],
    fires=lambda now: [_example(now)],
    quiet=lambda _now: list[StoppedRedrive](),
)
