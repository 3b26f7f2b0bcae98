"""Programs and commands look for cycles seldom: folding the log pays for every look."""

import gc
import subprocess
import sys

from bus.garbage import THRESHOLDS

_RUN = "import gc; from bus.cli.run import run\nasync def whole(): print(gc.get_threshold())\nrun(whole())"


def test_what_runs_by_the_command_line_collects_seldom() -> None:
    told = subprocess.run([sys.executable, "-c", _RUN], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.strip() == str(THRESHOLDS)
    assert gc.get_threshold()[0] < THRESHOLDS[0]  # else the line above says nothing
