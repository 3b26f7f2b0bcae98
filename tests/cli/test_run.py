"""Programs and commands look for cycles seldom: folding the log pays for every look."""

import subprocess
import sys

from bus.cli.run import GC_THRESHOLDS

_RUN = """
import gc
from bus.cli.run import run
print(gc.get_threshold())
async def whole(): print(gc.get_threshold())
run(whole())
"""


def test_run_what_runs_by_the_command_line_collects_seldom() -> None:
    told = subprocess.run([sys.executable, "-c", _RUN], capture_output=True, text=True, check=True, timeout=300)
    before, after = told.stdout.splitlines()
    assert after == str(GC_THRESHOLDS)
    assert before != after  # else the line above says nothing
