"""The alerts files that docs/alerts.md shows can be used as they stand: read, routed, built."""

import re
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from adapters.registry import CHANNELS
from adapters.simulators.dingtalk_robot import DingtalkRobotSimulator
from adapters.simulators.wecom_robot import WecomRobotSimulator
from bus.programs.alerting import open_channels
from bus.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "alerts.md"
SHOWN = re.findall(r"^ *```yaml\n(.*?)^ *```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
FILES = [text for text in SHOWN if "channels:" in text]
VARIABLES = {
    "WECOM_ROBOT_SRE": WecomRobotSimulator().url,
    "WECOM_ROBOT_NIGHT": WecomRobotSimulator().url,
    "DINGTALK_ROBOT_SRE": DingtalkRobotSimulator().url,
    "DINGTALK_ROBOT_SECRET": "SEC1",
    "MAIL_PASSWORD": "secret",
    "ALERTS_WEBHOOK_SECRET": "whsec_" + "QUJD" * 12,
    "ALERTMANAGER_LOGIN": "bus:secret",
}


@pytest.mark.parametrize("text", FILES)
async def test_documented_channels_are_built_as_they_stand(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "alerts.yaml"
    file.write_text(text, encoding="utf-8")
    async with open_channels(Settings(alerts_file=file)) as opened:
        assert opened.config.routes
        assert {*opened.channels} == {*opened.config.channels}


def test_documented_channels_are_all_there_are() -> None:
    assert len(FILES) == 2
    assert {*re.findall(r"adapter: ([a-z-]+)", FILES[1])} == {*CHANNELS}


async def test_a_file_without_a_channel_is_a_warning_and_alerts_go_to_the_log(tmp_path: Path) -> None:
    file = tmp_path / "alerts.yaml"
    file.write_text("channels: {}\n", encoding="utf-8")
    with capture_logs() as logged:
        async with open_channels(Settings(alerts_file=file)) as opened:
            assert [*opened.channels] == ["log"]
    assert [(one["event"], one["log_level"]) for one in logged] == [("no_alert_channel", "warning")]
