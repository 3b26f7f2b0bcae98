"""Rounds of the alert engine: every few seconds all rules are read and judged, by whichever program comes first."""

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Final

import structlog

from bus.alerts.alert import Alert
from bus.alerts.engine import metrics
from bus.alerts.engine.advance import Change, advance
from bus.alerts.engine.alert_state import AlertState
from bus.alerts.engine.alert_store import known_alerts, open_counts, store
from bus.alerts.engine.direct_path import DirectPath
from bus.alerts.engine.ladder import LadderOf, by_severity
from bus.alerts.engine.silences import Silence, silences
from bus.alerts.rule import AnyRule
from bus.alerts.rule_names import RuleName
from bus.domain.errors import StoreUnavailable
from bus.postgres.pool import ANSWER_S_MAX, Connection, Pool, connected

EVERY: Final = timedelta(seconds=5)
READ_MS_MAX: Final = 3_000  # of one rule; a rule that takes longer is left out of this round
_TURN: Final = """
UPDATE alert_rounds SET begun_at = clock_timestamp()
WHERE begun_at < clock_timestamp() - %s::interval AND pg_try_advisory_xact_lock(hashtext('ticketbus alert rounds'))
RETURNING begun_at"""
AWAY_AFTER_S: Final = 10.0
Publish = Callable[[Connection, Sequence[Change]], Any]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """Reads, judges and stores. `publish` queues the records of what changed, in the same transaction."""

    pool: Pool
    rules: Mapping[str, AnyRule]
    channels_of: Callable[[Change], Sequence[str]]
    publish: Publish
    direct: DirectPath
    ladder_of: LadderOf = by_severity

    async def run(self) -> None:
        """Hold a round whenever one is due, until cancelled. Every program may; a round is held by one."""
        last_held = monotonic()
        while True:
            try:
                await self.hold()
                await self.direct.recovered()
                last_held = monotonic()
            except StoreUnavailable as error:
                log.warning("alert_round_not_held", cause=str(error))
                if monotonic() - last_held > AWAY_AFTER_S:
                    await self.direct.send([database_away(error)])
            await asyncio.sleep(EVERY.total_seconds() / 2)

    async def hold(self) -> Sequence[Change] | None:
        """Hold a round if one is due; None when another program has. Raises StoreUnavailable."""
        async with connected(self.pool, answer_s_max=ANSWER_S_MAX) as connection:
            turn = await (await connection.execute(_TURN, (EVERY,))).fetchone()
            if turn is None:
                metrics.show(*await open_counts(connection))
                return None
            now: datetime = turn[0]
            seen, read = await self._read(connection, now)
            known, quiet = await known_alerts(connection), await silences(connection, now)
            silence_of = _silenced(quiet)
            changes = advance(
                self.rules, known, seen, read=read, silence_of=silence_of, ladder_of=self.ladder_of, now=now
            )
            await store(connection, changes, self.channels_of, now)
            await self.publish(connection, changes)
            metrics.show(*await open_counts(connection))
        metrics.count(changes)
        return changes

    async def _read(self, connection: Connection, now: datetime) -> tuple[list[Alert], set[str]]:
        seen, read = list[Alert](), set[str]()
        readings = dict[Any, Any]()  # by what reads them: rules that ask the same thing share the answer
        for name, rule in self.rules.items():
            try:
                if rule.read not in readings:
                    async with connection.transaction():
                        await connection.execute(f"SET LOCAL statement_timeout = {READ_MS_MAX}".encode())
                        readings[rule.read] = await rule.read(connection)
                seen += rule.evaluate(readings[rule.read], now)
                read.add(name)
            except Exception as error:
                if connection.broken or connection.closed:
                    raise
                metrics.NOT_READ.labels(name).inc()
                log.error("alert_rule_not_read", rule=name, exc_info=error)
        return seen, read


def _silenced(quiet: Sequence[Silence]) -> Callable[[AlertState], str]:
    def silence_of(state: AlertState) -> str:
        return next((f"silence {one.number}" for one in quiet if one.covers(state)), "")

    return silence_of


def database_away(error: StoreUnavailable) -> Alert:
    """Make the alert of a program that cannot reach PostgreSQL; it leaves by the direct path."""
    host = socket.gethostname()
    return Alert(
        rule=RuleName.DATABASE_AWAY,
        about=host,
        zh=f"{host} 上的程序无法连接 PostgreSQL:工单变更被拒绝(503),新建工单与 webhook 暂存到 Kafka",
        en=f"a program on {host} cannot reach PostgreSQL ({error}): changes are refused, openings wait on Kafka",
        mend="ticketbus doctor",
    )
