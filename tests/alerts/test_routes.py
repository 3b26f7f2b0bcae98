"""Which alerts go to which channels: by rule, severity and region, an unheeded P1 to those behind."""

from datetime import UTC, datetime

import pytest

from bus.alerts.alert import Alert, Severity
from bus.alerts.engine.advance import Change
from bus.alerts.engine.alert_state import AlertState, Flip
from bus.alerts.engine.alerts_config import AlertsConfig
from bus.alerts.rule_names import RuleName

CONFIG = AlertsConfig.model_validate(
    {
        "channels": {name: {"adapter": "log"} for name in ("sre", "night", "shanghai", "disks")},
        "routes": [
            {"severities": ["p1"], "rules": ["letter", "no_worker"], "channels": ["sre"], "escalate": ["night"]},
            {"regions": ["上海"], "channels": ["shanghai", "sre"]},
            {"rules": ["disk_watermark"], "severities": ["p2", "p3"], "channels": ["disks"]},
        ],
    }
)
ALL = ["sre", "night", "shanghai", "disks"]


def change(rule: RuleName, severity: Severity, *, region: str = "", flip: Flip = Flip.OPENED) -> Change:
    """Make what people are to hear."""
    now = datetime(2026, 1, 18, 3, 0, tzinfo=UTC)
    alert = Alert(rule=rule, about="x", zh="甲", en="a", facts={"region": region} if region else {})
    return Change(state=AlertState(alert=alert, severity=severity, seen_at=now, opened_at=now), flip=flip)


@pytest.mark.parametrize(
    ("change", "channels"),
    [
        (change(RuleName.DEAD_LETTER, Severity.P1), ["sre"]),
        (change(RuleName.DEAD_LETTER, Severity.P1, flip=Flip.ESCALATED), ["night"]),
        (change(RuleName.DEAD_LETTER, Severity.P1, region="上海"), ["sre", "shanghai"]),
        (change(RuleName.DEAD_LETTER, Severity.P1, region="北京"), ["sre"]),
        (change(RuleName.DEAD_LETTER, Severity.P2), []),
        (change(RuleName.DISK_WATERMARK, Severity.P2), ["disks"]),
        (change(RuleName.DISK_WATERMARK, Severity.P3, flip=Flip.CLOSED), ["disks"]),
        (change(RuleName.DISK_WATERMARK, Severity.P1), ALL),
    ],
)
def test_routes_by_rule_severity_and_region_and_a_p1_that_none_takes_goes_to_all(
    change: Change, channels: list[str]
) -> None:
    assert CONFIG.channels_of(change) == channels


def test_routes_without_any_all_goes_everywhere() -> None:
    everywhere = CONFIG.model_copy(update={"routes": ()})
    assert everywhere.channels_of(change(RuleName.DISK_WATERMARK, Severity.P3)) == ALL
