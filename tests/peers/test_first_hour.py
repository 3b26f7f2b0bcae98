"""docs/first-hour.md, followed literally: its blocks one after the other in one shell, on a local stack of its own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.peers
PAGE = (Path(__file__).parents[2] / "docs" / "first-hour.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
LIMIT_S = 500


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="bash or curl is not there")
def test_first_hour_leads_to_a_subscriber_that_misses_nothing(tmp_path: Path) -> None:
    script = "\n".join(BLOCK.findall(PAGE.split("## 2.")[1]))  # installed it is already
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TICKETBUS_")}
    environment |= {"PATH": beside, "TICKETBUS_DATA": str(tmp_path / "data")}
    work = tmp_path / "work"
    work.mkdir()
    try:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=work, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
    finally:
        subprocess.run(["ticketbus", "down"], cwd=work, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    seen = [line.split() for line in (work / "seen.txt").read_text().splitlines()]
    ticket = seen[0][2]
    assert sorted(seen) == sorted([
        ["ticket.status", "ticket.opened.v1", ticket, "1"],
        ["ticket.status", "ticket.assigned.v1", ticket, "2"],
        ["ticket.assign", "ticket.assigned.v1", ticket, "2"],
        ["ticket.assign", "assignment.accepted.v1", ticket, "3"],
    ])  # fmt: skip
    assert "nothing is stuck" in done.stdout
