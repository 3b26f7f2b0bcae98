"""Children: they die with their supervisor, are known again beyond doubt, and are killed when they do not listen."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bus.lent_settings import started_after_boot_s
from bus.local.process import Identity, myself, spawn, stop_all, stop_leftover
from tests.local.waiting import wait_until

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
PARENT = """
import sys, time
from pathlib import Path
from bus.local.process import spawn
child = spawn("child", ["sleep", "60"], log=Path(sys.argv[1]))
print(child.identity.pid, child.identity.started, flush=True)
time.sleep(60)
"""


def test_process_a_pid_that_was_given_again_is_not_the_process() -> None:
    me = myself()
    assert me.alive()
    assert not Identity(pid=me.pid, started=me.started - 60).alive()


def test_process_a_child_that_listens_ends_and_one_that_does_not_is_killed(tmp_path: Path) -> None:
    polite = spawn("polite", ["sleep", "60"], log=tmp_path / "polite.log")
    deaf = spawn("deaf", [sys.executable, "-c", DEAF], log=tmp_path / "deaf.log")
    wait_until(lambda: "deaf" in deaf.last_words())
    assert stop_all([polite, deaf], grace_s=0.5) == ["deaf"]
    assert polite.ended() == -signal.SIGTERM
    assert deaf.ended() == -signal.SIGKILL


def test_process_a_hurry_ends_the_grace(tmp_path: Path) -> None:
    deaf = spawn("deaf", [sys.executable, "-c", DEAF], log=tmp_path / "deaf.log")
    wait_until(lambda: "deaf" in deaf.last_words())
    begun = time.monotonic()
    assert stop_all([deaf], grace_s=600, hurried=lambda: True) == ["deaf"]
    assert time.monotonic() - begun < 300


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_process_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "child.log")], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid, started = parent.stdout.readline().split()
        child = Identity(pid=int(pid), started=float(started))
        assert child.alive()
        parent.kill()
    wait_until(lambda: not child.alive())


@pytest.mark.skipif(sys.platform != "linux", reason="the clock is set where psutil reads it on Linux")
def test_process_is_known_again_after_the_clock_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    me, booted = myself(), psutil.boot_time()
    for told_by in ("psutil.boot_time", "psutil._pslinux.boot_time"):
        monkeypatch.setattr(told_by, lambda: booted + 3600)
    assert psutil.Process().create_time() > time.time() + 60  # else the clock was not set
    assert me.alive()


def test_process_a_leftover_is_stopped_even_when_it_does_not_listen() -> None:
    with subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE, start_new_session=True) as left:
        assert left.stdout is not None
        left.stdout.readline()
        identity = Identity(pid=left.pid, started=started_after_boot_s(psutil.Process(left.pid)))
        assert stop_leftover(identity, polite=signal.SIGTERM, grace_s=0.3)
        assert left.wait() == -signal.SIGKILL
    assert not stop_leftover(identity, polite=signal.SIGTERM, grace_s=0.3)
