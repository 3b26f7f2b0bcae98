"""Alerts of one gateway in memory: one that is open, silences, and what others sent."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bus.alerts.engine.alert_admin import ListedAlert
from bus.alerts.engine.outside_alerts import OutsideAlert
from bus.alerts.engine.silences import Silence

AT = datetime(2026, 11, 29, 3, tzinfo=UTC)
OPEN = ListedAlert(
    number=1, rule="target_paused", about="erp", severity="p1", zh="已暂停", en="paused", mend="", ticket_id="",
    trace_id="", facts={"letters": 3}, seen_at=AT, opened_at=AT, gone_at=None, closed_at=None, hidden_by="",
    silence=None, escalated_at=None, acked_at=None, acked_by="", acked_why="", repeats=0, drill=False,
)  # fmt: skip


@dataclass
class FakeAlertService:
    """Keeps what it is given."""

    alerts: dict[int, ListedAlert] = field(default_factory=lambda: {OPEN.number: OPEN})
    made: dict[int, Silence] = field(default_factory=dict)
    taken: list[OutsideAlert] = field(default_factory=list)

    async def listed(self, *, closed: bool, ticket_id: str = "") -> Sequence[ListedAlert]:
        found = [one for one in self.alerts.values() if bool(one.closed_at) is closed]
        return [one for one in found if ticket_id in ("", one.ticket_id)]

    async def one(self, number: int) -> ListedAlert | None:
        return self.alerts.get(number)

    async def acknowledge(self, number: int, *, by: str, why: str) -> bool:
        one = self.alerts.get(number)
        if one is None or one.acked_at:
            return False
        self.alerts[number] = replace(one, acked_at=AT, acked_by=by, acked_why=why)
        return True

    async def silences(self, now: datetime) -> Sequence[Silence]:
        return [one for one in self.made.values() if one.until > now]

    async def silence(self, rule: str, about: str, *, now: datetime, until: datetime, by: str, why: str) -> None:
        del now
        number = len(self.made) + 1
        self.made[number] = Silence(number=number, rule=rule, about=about, until=until, made_by=by, why=why)

    async def end_silence(self, number: int, *, now: datetime) -> bool:
        del now
        return self.made.pop(number, None) is not None

    async def take(self, alerts: Sequence[OutsideAlert]) -> None:
        self.taken += alerts
