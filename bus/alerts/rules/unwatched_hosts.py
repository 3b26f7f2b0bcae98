"""The rule of targets on a host whose disk nobody reads: a misspelled name turns the protection by its floor off."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.naming import nearest
from bus.domain.text import Text
from bus.postgres.pool import Connection, read_rows

_READ: Final = b"""
SELECT t.host, array_agg(t.target ORDER BY t.target) AS targets,
    (SELECT coalesce(array_agg(DISTINCT d.host), '{}') FROM disks d) AS watched
FROM delivery_targets t
WHERE t.host <> '' AND t.undeclared_at IS NULL AND NOT EXISTS (SELECT FROM disks d WHERE d.host = t.host)
GROUP BY t.host ORDER BY t.host"""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnwatchedHost:
    """A host that targets name, and the hosts that are watched."""

    host: str
    targets: Sequence[str]
    watched: Sequence[str]


async def read_unwatched(connection: Connection) -> Sequence[UnwatchedHost]:
    """Read the hosts that a declared target names and no watch has ever read."""
    return await read_rows(connection, _READ, UnwatchedHost)


def _unwatched(hosts: Sequence[UnwatchedHost], _now: datetime) -> Sequence[Alert]:
    return [_alert(one) for one in hosts]


def _alert(one: UnwatchedHost) -> Alert:
    targets, close = ", ".join(one.targets), nearest(one.host, one.watched)
    return Alert(
        rule=RuleName.HOST_UNWATCHED,
        about=one.host,
        zh=f"目标 {targets} 写明在主机 {one.host} 上,但没有人上报它的磁盘:磁盘写满时不会暂停投递"
        f"{f';是否指 {close}?' if close else ''}",
        en=f"the targets {targets} are said to live on {one.host}, whose disk nobody reports: deliveries go on when it "
        f"is full{f'; did you mean {close}?' if close else ''}",
        mend=f"ticketbus watch --host {one.host} --role consumer --path PATH",
        facts={"targets": targets},
    )


_ONE: Final = UnwatchedHost(host="erp-hots", targets=("erp",), watched=("erp-host",))
HOST_UNWATCHED: Final = AlertRule(
    name=RuleName.HOST_UNWATCHED,
    severity=Severity.P3,
    title=Text("目标所在主机没有监控", "a target's host is not watched"),
    read=read_unwatched,
    evaluate=_unwatched,
    fires=lambda _now: [_ONE],
    quiet=lambda _now: [],
    open_after=timedelta(minutes=2),  # a watch that starts with the targets has reported by then
)
