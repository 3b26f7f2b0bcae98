"""The first hour, followed literally from the built site: its blocks in one shell, on a local stack of its own."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

pytestmark = pytest.mark.peers
BLOCK = re.compile(r'<div class="highlight-sh[^>]*><div class="highlight"><pre>(.*?)</pre>', re.DOTALL)
TAG = re.compile(r"<[^>]+>")
LIMIT_S = 500


@pytest.fixture
def data() -> Iterator[Path]:
    """Make a folder that root's PostgreSQL, which runs as another user, can reach: pytest closes its own to others."""
    with tempfile.TemporaryDirectory(prefix="ticketbus-first-hour-") as folder:
        yield Path(folder)


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="bash or curl is not there")
def test_first_hour_leads_to_a_subscriber_that_misses_nothing(docs_site: Path, data: Path, tmp_path: Path) -> None:
    page = (docs_site / "docs" / "first-hour.html").read_text(encoding="utf-8")
    install, *blocks = [unescape(TAG.sub("", one)) for one in BLOCK.findall(page)]
    assert "pip install" in install  # done already, for these tests
    assert len(blocks) == 7
    script = "\n".join(blocks)
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TICKETBUS_")}
    environment |= {"PATH": beside, "TICKETBUS_DATA": str(data)}
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
