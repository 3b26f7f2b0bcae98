"""Child processes of the local stack: started so that they die with it, known again by pid and start time."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from bus.lent_settings import SAME_START_S, started_after_boot_s

_POLL_S: Final = 0.05
_PR_SET_PDEATHSIG: Final = 1
# Loaded before any fork: nothing may be imported or allocated between fork and exec.
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A process beyond doubt: a pid may be given again, a pid with its start (seconds after boot) not."""

    pid: int
    started: float

    def find(self) -> psutil.Process | None:
        """Answer the living process, or None when it ended, is a zombie, or its pid is another's."""
        try:
            process = psutil.Process(self.pid)
            same = abs(started_after_boot_s(process) - self.started) <= SAME_START_S
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None

    def alive(self) -> bool:
        """Say whether it still runs."""
        return self.find() is not None


def myself() -> Identity:
    """Answer the identity of this process."""
    return Identity(pid=os.getpid(), started=started_after_boot_s(psutil.Process()))


@dataclass(slots=True, kw_only=True)
class Child:
    """One started process and where it writes."""

    name: str
    popen: subprocess.Popen[bytes]
    identity: Identity
    log: Path
    polite: signal.Signals

    def ended(self) -> int | None:
        """Answer the exit code once it ended, else None."""
        return self.popen.poll()

    def last_words(self, lines: int = 12) -> str:
        """Answer the end of its log, for a message about its failure."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""


def spawn(
    name: str,
    argv: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: str | None = None,
    polite: signal.Signals = signal.SIGTERM,
) -> Child:
    """Start a process in its own session, its output appended to `log`. Call from the main thread only.

    On Linux it gets `polite` when the thread that started it dies, so that even kill -9 of the supervisor stops it.
    Its own session keeps Ctrl-C away from it: the supervisor stops its children in order.
    """
    parent = os.getpid()

    def die_with_parent() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(polite))
            if os.getppid() != parent:  # it died in between
                os._exit(1)

    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        popen = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            user=user,
            group=user,
            extra_groups=[] if user else None,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - it only calls prctl, loaded beforehand, and no thread of ours runs
        )
    started = _start_time(popen.pid)
    return Child(name=name, popen=popen, identity=Identity(pid=popen.pid, started=started), log=log, polite=polite)


def _start_time(pid: int) -> float:
    try:
        return started_after_boot_s(psutil.Process(pid))
    except psutil.Error:  # it ended already; poll() will say so
        return time.time() - psutil.boot_time()


def stop_all(children: Sequence[Child], *, grace_s: float, hurried: Callable[[], bool] = lambda: False) -> list[str]:
    """Ask every child to stop, then kill what is left after the grace; answer the names of the killed.

    Blocks until all have ended; `hurried`, asked again and again, ends the grace early.
    """
    for child in children:
        if child.ended() is None:
            child.popen.send_signal(child.polite)
    begun = time.monotonic()
    while any(child.ended() is None for child in children) and time.monotonic() - begun < grace_s and not hurried():
        time.sleep(_POLL_S)
    late = [child for child in children if child.ended() is None]
    for child in late:
        kill_group(child.identity.pid)
    for child in children:
        child.popen.wait()
    return [child.name for child in late]


def kill_group(pid: int) -> None:
    """Kill the session that the living process `pid` leads."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def stop_leftover(identity: Identity, *, polite: signal.Signals, grace_s: float) -> bool:
    """Stop a process that a dead supervisor left; say whether there was one. Blocks up to twice `grace_s`."""
    process = identity.find()
    if process is None:
        return False
    with contextlib.suppress(psutil.Error):
        process.send_signal(polite)
    if not _gone_within(identity, grace_s):
        kill_group(identity.pid)
        _gone_within(identity, grace_s)
    return True


def _gone_within(identity: Identity, limit_s: float) -> bool:
    # Not psutil's wait(): where nobody reaps orphans a zombie would count as alive for ever.
    begun = time.monotonic()
    while identity.alive():
        if time.monotonic() - begun > limit_s:
            return False
        time.sleep(_POLL_S)
    return True
