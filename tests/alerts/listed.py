"""An open alert as it is listed, for tests of what reads lists."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bus.alerts.engine.alert_admin import ListedAlert

AT = datetime(2026, 11, 30, 2, 0, tzinfo=UTC)
_LISTED = ListedAlert(
    number=1, rule="disk_filling", about="db-1 /pg", severity="p2", zh="满", en="full", mend="", ticket_id="",
    trace_id="", facts={}, seen_at=AT, opened_at=AT, gone_at=None, closed_at=None, hidden_by="", silence=None,
    escalated_at=None, acked_at=None, acked_by="", acked_why="", repeats=0, drill=False,
)  # fmt: skip


def listed(**given: Any) -> ListedAlert:
    """Make one, with what is given in place of its own."""
    return replace(_LISTED, **given)
