"""Which alerts go to which channels: by rule, severity and region, an unheeded P1 to those behind."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from adapters.registry import CHANNELS
from bus.alert_catalogue import RULES
from bus.alerts.alert import Alert, Severity
from bus.alerts.engine.advance import Change
from bus.alerts.engine.alert_state import AlertState, Flip
from bus.alerts.engine.alerts_config import AlertsConfig, load_alerts_config
from bus.alerts.rule_names import RuleName
from bus.config_file import ConfigFileInvalid

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


def test_a_rule_opens_and_closes_after_the_times_that_the_file_names() -> None:
    given = {"disk_filling": {"open_after_s": 7}, "letter": {"close_after_s": 0}}
    timed = AlertsConfig.model_validate({"rules": given}).timed(RULES)
    filling, letter = timed["disk_filling"], timed["letter"]
    assert (filling.open_after, filling.close_after) == (timedelta(seconds=7), RULES["disk_filling"].close_after)
    assert (letter.open_after, letter.close_after) == (RULES["letter"].open_after, timedelta(0))
    assert {name for name, rule in timed.items() if rule != RULES[name]} == {"disk_filling", "letter"}


@pytest.mark.parametrize(
    ("rules", "fault"),
    [
        ({"disk_filing": {}}, "did you mean 'disk_filling'"),
        ({"disk_filling": {"open_after_s": -1}}, "rules.disk_filling.open_after_s"),
        ({"disk_filling": {"opens_after": 1}}, "rules.disk_filling.opens_after"),
    ],
)
def test_a_fault_in_the_times_of_rules_is_named(tmp_path: Path, rules: dict[str, object], fault: str) -> None:
    file = tmp_path / "alerts.yaml"
    file.write_text(yaml.safe_dump({"rules": rules}))
    with pytest.raises(ConfigFileInvalid, match=re.escape(fault)):
        load_alerts_config(file, CHANNELS)
