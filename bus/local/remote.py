"""Starting a stack in the background, and stopping one, from another process."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from bus.local import state as states
from bus.local.failures import AlreadyRunning, LocalStackError
from bus.local.leftovers import stop_leftovers
from bus.local.process import Identity
from bus.local.stack import Say

_POLL_S: Final = 0.1
_DOWN_S_MAX: Final = 90.0  # longer than all grace times of the supervisor together


def start_detached(data: Path, *, arguments: list[str], say: Say) -> None:
    """Start `ticketbus up` in the background and return when it is ready, its lines told meanwhile.

    Raises AlreadyRunning or LocalStackError. Ctrl-C while waiting stops it again.
    """
    (data / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
    state = states.load(data)
    if state and (living := state.living_supervisor()):
        raise AlreadyRunning(str(data), living.pid)
    log = data / "logs" / "up.log"
    with log.open("ab") as output:
        shown = output.tell()
        popen = subprocess.Popen(
            [sys.executable, "-m", "bus", "up", "--data", str(data), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while True:
            ended, ready = popen.poll(), _is_ready(data, popen.pid)
            shown = _tell_from(log, shown, say)
            if ended is not None:
                raise LocalStackError(f"the stack ended with {ended} while starting; see {log}")
            if ready:
                return
            time.sleep(_POLL_S)
    except KeyboardInterrupt:
        popen.send_signal(signal.SIGTERM)
        popen.wait()
        raise


def stop(data: Path, *, say: Say) -> bool:
    """Stop the stack in `data`, or what a killed supervisor left of it; say whether there was anything. Blocks."""
    state = states.load(data)
    if state is None:
        return False
    supervisor = state.living_supervisor()
    if supervisor is None:
        return stop_leftovers(state, say)
    with contextlib.suppress(ProcessLookupError):
        os.kill(supervisor.pid, signal.SIGTERM)
    _await_end(supervisor)
    return True


def _await_end(supervisor: Identity) -> None:
    begun = time.monotonic()
    while supervisor.alive():
        if time.monotonic() - begun > _DOWN_S_MAX:
            raise LocalStackError(
                f"process {supervisor.pid} does not stop; `kill -9 {supervisor.pid}`, then `down` again"
            )
        time.sleep(_POLL_S)


def _is_ready(data: Path, pid: int) -> bool:
    with contextlib.suppress(LocalStackError):
        state = states.load(data)
        return bool(state and state.phase == "ready" and state.supervisor and state.supervisor.pid == pid)
    return False


def _tell_from(log: Path, offset: int, say: Say) -> int:
    with log.open("rb") as file:
        file.seek(offset)
        text = file.read()
    whole = text[: text.rfind(b"\n") + 1]
    for line in whole.decode(errors="replace").splitlines():
        say(line)
    return offset + len(whole)
