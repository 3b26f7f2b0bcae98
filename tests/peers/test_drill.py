"""The January incident as anyone plays it: nothing is lost, repeated or misjudged."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.peers
LATE = ("告警太晚", "实时投递变慢")  # of a busy machine


@pytest.mark.timeout(600)
def test_drill_of_january_loses_nothing_and_judges_rightly(tmp_path: Path) -> None:
    report = tmp_path / "drill.json"
    command = [sys.executable, "-m", "bus", "drill", "january", "--fast", "--report", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=580, check=False)
    assert report.exists(), done.stdout + done.stderr
    seen = json.loads(report.read_text())
    counted = (seen["answered"], seen["lost"], seen["repeated"], seen["backlog_drained"])
    assert counted == (47, 0, 0, 2_347)
    assert [*seen["verdicts"].values()] == [one["causes"] for one in seen["truth"]["verdicts"]]
    assert sorted(seen["alarms"]) == sorted(one["fault"] for one in seen["truth"]["alarms"])
    assert [one for one in seen["wrong"] if not one.startswith(LATE)] == []
