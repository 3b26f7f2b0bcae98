"""Alerts as the gateway asks for them: each question a transaction of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bus.alerts.engine import alert_admin, outside_alerts, silences
from bus.alerts.engine.alert_admin import ListedAlert
from bus.alerts.engine.outside_alerts import OutsideAlert, OutsideFull
from bus.alerts.engine.silences import Silence
from bus.postgres.pool import Pool, in_transaction


@dataclass(frozen=True, slots=True)
class PostgresAlertService:
    """What is open, who looks after it, silences, and the alerts of others. All of it raises StoreUnavailable."""

    pool: Pool

    async def listed(self, *, closed: bool, ticket_id: str = "") -> Sequence[ListedAlert]:
        """List what is open, of a ticket or all, the most urgent first; or what closed last."""
        read = alert_admin.closed_alerts if closed else alert_admin.open_alerts
        return await in_transaction(self.pool, read, ticket_id)

    async def one(self, number: int) -> ListedAlert | None:
        """Show an alert with what each channel was sent of it."""
        return await in_transaction(self.pool, alert_admin.one_alert, number)

    async def acknowledge(self, number: int, *, by: str, why: str) -> bool:
        """Note that somebody looks after an open alert. False: it is not open, or acknowledged already."""
        return await in_transaction(self.pool, alert_admin.acknowledge, number, by=by, why=why)

    async def silences(self, now: datetime) -> Sequence[Silence]:
        """Read the silences that have not ended."""
        return await in_transaction(self.pool, silences.silences, now)

    async def silence(self, rule: str, about: str, *, now: datetime, until: datetime, by: str, why: str) -> None:
        """Let nobody hear of a rule, or of it about one thing, until then; one that is there changes."""
        await in_transaction(self.pool, silences.silence, rule, about, now=now, until=until, by=by, why=why)

    async def end_silence(self, number: int, *, now: datetime) -> bool:
        """End a silence before its time. False: there is none of that number."""
        return await in_transaction(self.pool, silences.end_silence, number, now=now)

    async def take(self, alerts: Sequence[OutsideAlert]) -> None:
        """Keep what others' Alertmanagers say is firing or resolved. Raises OutsideFull."""
        if not await in_transaction(self.pool, outside_alerts.keep, alerts):
            raise OutsideFull
