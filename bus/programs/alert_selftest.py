"""The self-test of alerts: every rule fires on its marked input, and what it says arrives at the channels."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from typing import Final, LiteralString

from bus.alert_catalogue import RULES
from bus.alerts.alert import Alert
from bus.alerts.engine.advance import Change
from bus.alerts.engine.alert_state import AlertState, Flip
from bus.alerts.engine.alert_store import store
from bus.alerts.engine.alerts_config import AlertsConfig
from bus.alerts.rule import AnyRule
from bus.app import Core
from bus.domain.errors import BusError
from bus.domain.naming import nearest
from bus.intake.dispatch import utc_now
from bus.postgres.pool import Connection, connected
from bus.programs.alerting import alerts_config_of

POLL_S: Final = 0.5
_SENT: LiteralString = """
SELECT a.rule, n.channel, n.sent_at, n.failure FROM alert_notices n JOIN alerts a ON a.number = n.alert
WHERE a.drill AND a.seen_at = %s AND n.instead_of = ''"""
_CLOSE: LiteralString = "UPDATE alerts SET closed_at = now() WHERE drill AND closed_at IS NULL"


class NoSuchRule(BusError):
    """There is no rule of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelftestResult:
    """Of one rule: it fired and kept quiet as it must, and the seconds until each channel had it; None: it has not."""

    rule: str
    fired: bool
    quiet: bool
    arrived_s: Mapping[str, float | None]
    failures: Mapping[str, str]

    @property
    def good(self) -> bool:
        """Say whether all went as it must."""
        return self.fired and self.quiet and None not in self.arrived_s.values()

    def __str__(self) -> str:
        arrived = ", ".join(
            f"{name} {seconds:.1f} s" if seconds is not None else f"{name}: {self._why_not(name)}"
            for name, seconds in self.arrived_s.items()
        )
        words = [
            "已触发 fired" if self.fired else "未触发 DID NOT FIRE",
            "安静输入未触发 quiet" if self.quiet else "安静输入也触发 NOT QUIET",
            f"已送达 arrived: {arrived or '没有渠道 no channel'}",
        ]
        return f"{'ok ' if self.good else 'BAD'} {self.rule:<18} {' · '.join(words)}"

    def _why_not(self, channel: str) -> str:
        return self.failures.get(channel) or "未到达 not arrived"


async def run_selftest(core: Core, *, only: str, each: bool, within_s: float) -> AsyncIterator[SelftestResult]:
    """Fire every rule, or one; with `each` rule by rule, so that none shares a message. Raises NoSuchRule."""
    if only and only not in RULES:
        close = nearest(only, RULES)
        raise NoSuchRule(f"there is no rule {only!r}{f'; did you mean {close!r}?' if close else ''}")
    rules = [rule for name, rule in RULES.items() if only in ("", name)]
    for some in [[rule] for rule in rules] if each else [rules]:
        for result in await _fire(core, some, within_s):
            yield result


async def _fire(core: Core, rules: Sequence[AnyRule], within_s: float) -> list[SelftestResult]:
    now, began = utc_now(), monotonic()
    fired = {rule.name.value: rule.evaluate(rule.fires(now), now) for rule in rules}
    quiet = {rule.name.value: not rule.evaluate(rule.quiet(now), now) for rule in rules}
    changes = [_drill(rule, fired[rule.name.value][0], now) for rule in rules if fired[rule.name.value]]
    config = alerts_config_of(core.settings)
    async with connected(core.pool) as connection:
        await connection.execute(_CLOSE)
        await store(connection, changes, _to_every_channel(config, changes), now)
    sent, failures = await _arrivals(core, now, began, within_s)
    async with connected(core.pool) as connection:
        await connection.execute(_CLOSE)
    return [
        SelftestResult(
            rule=name, fired=bool(fired[name]), quiet=quiet[name], arrived_s=sent.get(name, {}), failures=failures
        )
        for name in fired
    ]


def _to_every_channel(config: AlertsConfig, changes: Sequence[Change]) -> Callable[[Change], Sequence[str]]:
    """Add to the first drill the channels that no route leads to now: those that take over, or hear of escalations."""
    reached = {name for one in changes for name in config.channels_of(one)}
    others = [name for name in config.channels if name not in reached]
    return lambda change: [*config.channels_of(change), *(others if change is changes[0] else ())]


def _drill(rule: AnyRule, alert: Alert, now: datetime) -> Change:
    """Make the alert of a drill; its subject is no real one's."""
    state = AlertState(
        alert=replace(alert, about=f"演练 drill: {alert.about}"),
        severity=alert.severity or rule.severity,
        seen_at=now,
        opened_at=now,
        notified_at=now,
        opened_notified_at=now,
        drill=True,
    )
    return Change(state=state, flip=Flip.OPENED)


async def _arrivals(
    core: Core, now: datetime, began: float, within_s: float
) -> tuple[dict[str, dict[str, float | None]], dict[str, str]]:
    """Wait until every channel has what it is to have, or the time is over."""
    while True:
        async with connected(core.pool) as connection:
            rows = await _notices(connection, now)
        if all(sent for _, _, sent, _ in rows) or monotonic() - began > within_s:
            break
        await asyncio.sleep(POLL_S)
    arrived = dict[str, dict[str, float | None]]()
    for rule, channel, sent, _ in rows:
        arrived.setdefault(rule, {})[channel] = (sent - now).total_seconds() if sent else None
    return arrived, {channel: failure for _, channel, sent, failure in rows if failure and not sent}


async def _notices(connection: Connection, now: datetime) -> list[tuple[str, str, datetime | None, str]]:
    return await (await connection.execute(_SENT, (now,))).fetchall()
