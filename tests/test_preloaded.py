"""A program that is forked behaves as one that an interpreter of its own runs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import preloaded
from tests.databases import MASTER_KEY

LIMIT_S = 120
AWAY = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/d", "KAFKA_BOOTSTRAP": "127.0.0.1:9"}
ENVIRONMENT = {
    **os.environ,
    **AWAY,
    "TICKETBUS_HTTP_PORT": "8123",
    "COLUMNS": "200",
    "TICKETBUS_MASTER_KEY": MASTER_KEY,
}


@pytest.mark.parametrize("arguments", [["settings"], ["no-such-command"], ["worker", "--stages", "x"]], ids="-".join)
def test_preloaded_command_answers_as_an_interpreter_of_its_own(arguments: list[str]) -> None:
    forked = preloaded.run(arguments, env=ENVIRONMENT, timeout_s=LIMIT_S)
    command = [sys.executable, "-m", "bus", *arguments]
    alone = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert (forked.returncode, forked.stdout, forked.stderr) == (alone.returncode, alone.stdout, alone.stderr)
    assert "8123" in forked.stdout or forked.returncode == 2


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)])
def test_preloaded_program_ends_by_a_signal_and_says_how(tmp_path: Path, sent: signal.Signals, status: int) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        program = preloaded.start(["watch"], env=ENVIRONMENT, stdout=file, stderr=file)
    while "error connecting in" not in log.read_text():
        assert program.poll() is None, log.read_text()
        time.sleep(0.05)
    with pytest.raises(subprocess.TimeoutExpired):
        program.wait(0.0)
    program.send_signal(sent)
    assert program.wait(LIMIT_S) == status
    program.kill()  # has ended: nothing is sent to whoever has its number now
