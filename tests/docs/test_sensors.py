"""The page on device sensors: its map and its document, taken from its text alone."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from adapters.mapped.mqtt_transport import Mqtt, SensorAlarm
from bus.cli import app
from tests.history.uci import ROOT

PAGE = (ROOT / "docs" / "sensors.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks(kind: str) -> list[str]:
    """Give the page's blocks of a kind."""
    return [text for found, text in _BLOCK.findall(PAGE) if found == kind]


def test_sensors_page_has_a_map_that_opens_a_ticket_of_the_page_s_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pumps.yaml").write_text(blocks("yaml")[0], encoding="utf-8")
    alarm = blocks("json")[0]
    closes = alarm.replace('"open"', '"over"').replace('"closes": false', '"closes": true')
    Path("alarm.json").write_text(alarm, encoding="utf-8")
    Path("over.json").write_text(closes, encoding="utf-8")
    checked = CliRunner().invoke(app, ["map", "check", "pumps.yaml"])
    assert checked.exit_code == 0, checked.output
    tried = CliRunner().invoke(app, ["map", "try", "pumps.yaml", "alarm.json", "over.json"])
    assert tried.exit_code == 0, tried.output
    assert 'title: "温度过高"' in tried.output
    commands = [line.split()[0] for line in tried.output.splitlines() if line.startswith("  ") and line[2] != " "]
    assert commands == [
        "open-ticket", "note", "assign", "start", "resolve", "request-closure", "confirm-closure",
    ]  # fmt: skip


def test_sensors_page_names_every_key_of_the_language() -> None:
    rows = "\n".join(line.partition(" | ")[0] for line in PAGE.splitlines() if line.startswith("| `"))
    named = set(re.findall(r"`(\w+)`", rows))
    wanted = {*Mqtt.model_fields, *SensorAlarm.model_fields} - {"kind"}
    assert wanted - named - {"above", "below"} == set()
