"""The daily root of the audit tree: no fault, but a line for the channel, whose history nobody can rewrite."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, LiteralString

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.audit.store import SealedCheckpoint, last_checkpoint
from bus.domain.text import Text
from bus.postgres.pool import Connection

FROM, LONG = timedelta(hours=1), timedelta(minutes=10)  # after midnight UTC: 09:00 in China
_NOW: Final[LiteralString] = "SELECT clock_timestamp()"


async def read_root(connection: Connection) -> SealedCheckpoint | None:
    """Read the last checkpoint of before this morning; None at all other times, or where there is none."""
    ((now,),) = await (await connection.execute(_NOW)).fetchall()
    due = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + FROM
    return await last_checkpoint(connection, due) if due <= now < due + LONG else None


def _root(last: SealedCheckpoint | None, _now: datetime) -> Sequence[Alert]:
    if last is None:
        return []
    origin, size, root = last.note.split("\n")[:3]
    return [
        Alert(
            rule=RuleName.AUDIT_ROOT,
            about=origin,
            zh=f"每日审计根,无需处理:{last.sealed_at:%m-%d %H:%M} UTC,{size} 个事件,{root}",
            en=f"the daily audit root, nothing is wrong: {size} events",
            mend="ticketbus audit check",
        )
    ]


_LAST: Final = SealedCheckpoint(
    size=3, note="ticketbus/audit\n3\nAAAA\n\n— ticketbus/audit AAAA\n", sealed_at=datetime(2026, 1, 18, tzinfo=UTC)
)
AUDIT_ROOT: Final = AlertRule(
    name=RuleName.AUDIT_ROOT,
    severity=Severity.P3,
    title=Text("每日审计根", "the daily audit root"),
    read=read_root,
    evaluate=_root,
    fires=lambda _now: _LAST,
    quiet=lambda _now: None,
)
