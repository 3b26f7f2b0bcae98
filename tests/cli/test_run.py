"""Programs and commands look for cycles seldom: folding the log pays for every look."""

import subprocess
import sys
from importlib.metadata import version

from typer.testing import CliRunner

from bus.cli import app
from bus.cli.run import GC_THRESHOLDS

_RUN = """
import gc
from bus.cli.run import run
print(gc.get_threshold())
async def whole(): print(gc.get_threshold())
run(whole())
"""

_AWAY = """
import logging
import psycopg_pool
from bus.observability.logging import configure
configure("command", level="error")
logging.getLogger("psycopg").setLevel(logging.WARNING)  # as psycopg itself does
logging.getLogger("psycopg.pool").warning("error connecting")
logging.getLogger("psycopg.pool").error("a fault")
"""


def test_run_a_command_is_not_interrupted_by_what_libraries_warn_of() -> None:
    told = subprocess.run([sys.executable, "-c", _AWAY], capture_output=True, text=True, check=True, timeout=300)
    assert "error connecting" not in told.stderr, "while PostgreSQL is away a command says so in one line"
    assert "a fault" in told.stderr


def test_run_what_runs_by_the_command_line_collects_seldom() -> None:
    told = subprocess.run([sys.executable, "-c", _RUN], capture_output=True, text=True, check=True, timeout=300)
    before, after = told.stdout.splitlines()
    assert after == str(GC_THRESHOLDS)
    assert before != after  # else the line above says nothing


def test_run_the_version_is_said_without_a_command() -> None:
    said = CliRunner().invoke(app, ["--version"])
    assert (said.exit_code, said.stdout) == (0, f"ticketbus {version('ticketbus')}\n")
