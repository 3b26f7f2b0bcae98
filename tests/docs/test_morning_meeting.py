"""The how-to of the morning meeting, from its text: its settings are taken, and its file sends the list."""

import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from adapters.registry import CHANNELS
from bus.alert_catalogue import RULES
from bus.alerts.alert import Severity
from bus.alerts.engine.advance import Change
from bus.alerts.engine.alert_state import AlertState, Flip
from bus.alerts.engine.alerts_config import load_alerts_config
from bus.alerts.rule_names import RuleName
from bus.programs.morning_watch import mornings
from bus.rules_config import load_rules
from bus.settings import Settings, SettingsInvalid

PAGE = (Path(__file__).parents[2] / "docs" / "morning-meeting.md").read_text("utf-8")
EXPORTS = dict(re.findall(r"export TICKETBUS_(MORNING_\w+)=(\S+)", PAGE))
MONDAY = date(2026, 11, 30)
NOW = datetime(2026, 11, 29, 23, 45, tzinfo=UTC)


@pytest.mark.parametrize("at", [EXPORTS.get("MORNING_AT", ""), "09:20"])  # the page's, and one that is no default
def test_morning_meeting_its_settings_make_a_list_at_that_time_of_a_working_day(at: str) -> None:
    assert EXPORTS == {"MORNING_AT": "07:45", "MORNING_CALENDAR": "office"}
    settings = Settings(morning_calendar=EXPORTS["MORNING_CALENDAR"], morning_at=at)
    due = mornings(settings, load_rules(settings).calendars)
    begins = datetime.combine(MONDAY, time.fromisoformat(at), ZoneInfo("Asia/Shanghai"))
    assert due(begins - timedelta(seconds=1)) is None
    assert due(begins) == (MONDAY, begins)
    assert due(begins - timedelta(days=1)) is None, "the office is closed on Sunday"


def test_morning_meeting_a_calendar_that_is_not_there_is_named_with_the_nearest() -> None:
    settings = Settings(morning_calendar="ofice")
    with pytest.raises(SettingsInvalid, match=r"TICKETBUS_MORNING_CALENDAR.*'office'"):
        mornings(settings, load_rules(settings).calendars)


def test_morning_meeting_its_file_sends_the_list_to_the_meeting_and_other_alerts_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "alerts.yaml"
    block = PAGE.split("```yaml\n")[1].split("```")[0]
    file.write_text(block, encoding="utf-8")
    config = load_alerts_config(file, CHANNELS)

    def channels(name: RuleName) -> list[str]:
        rule = RULES[name]
        (alert, *_) = rule.evaluate(rule.fires(NOW), NOW)
        state = AlertState(alert=alert, severity=Severity.P3, seen_at=NOW)
        return [*config.channels_of(Change(state=state, flip=Flip.OPENED))]

    assert channels(RuleName.DRIFT_LIST) == ["meeting", "sre"]
    assert channels(RuleName.UNROUTABLE) == ["sre"]
