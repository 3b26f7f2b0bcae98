"""Programs of the bus forked from one process that has imported them: a start costs no second of imports.

What a program does from `main` on is the same. That the modules import by themselves is proven where programs are
started from the wheel, by the local stack, and with a fault in them: those are interpreters of their own.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, NoReturn

MODULE = "bus"
IMPORTED = ("bus.cli", "bus.cli.run", "bus.app", "bus.programs.gateway", "bus.programs.worker", "uvloop")
_STATUS_BYTES = 4
_starting = threading.Lock()
_requests: list[socket.socket] = []
Done = subprocess.CompletedProcess[str]


@dataclass(slots=True, kw_only=True)
class Forked:
    """A program that was forked; what is there of `subprocess.Popen` does the same."""

    pid: int
    ended: socket.socket
    returncode: int | None = None

    def poll(self) -> int | None:
        """Answer the exit code once it has ended."""
        return self._status(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end. Raises TimeoutExpired."""
        status = self._status(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(["forked", str(self.pid)], timeout or 0.0)
        return status

    def kill(self) -> None:
        """Kill it unless it has ended."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, sig: int) -> None:
        """Send a signal unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def _status(self, within_s: float | None) -> int | None:
        if self.returncode is None:
            self.ended.settimeout(within_s)
            try:
                read = self.ended.recv(_STATUS_BYTES, socket.MSG_WAITALL)
            except (BlockingIOError, TimeoutError):
                return None
            assert read, "the process that forks has ended"
            self.returncode = os.waitstatus_to_exitcode(int.from_bytes(read, sys.byteorder))
            self.ended.close()
        return self.returncode


def start(arguments: Sequence[str], *, env: Mapping[str, str], stdout: IO[Any], stderr: IO[Any]) -> Forked:
    """Start the bus as `python -m bus` would. For any thread."""
    with _starting:
        if not _requests:
            _requests.append(_started())
    ours, theirs = socket.socketpair()
    with theirs:
        socket.send_fds(_requests[0], [b"x"], [theirs.fileno(), stdout.fileno(), stderr.fileno()])
    ours.sendall(json.dumps({"arguments": list(arguments), "env": dict(env)}).encode() + b"\n")
    pid = int.from_bytes(ours.recv(_STATUS_BYTES, socket.MSG_WAITALL), sys.byteorder)
    assert pid, "the process that forks has ended"
    return Forked(pid=pid, ended=ours)


def run(arguments: Sequence[str], *, env: Mapping[str, str], timeout_s: float) -> Done:
    """Run a command of the bus to its end, as `subprocess.run` would. Raises TimeoutExpired, after which it is dead."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        program = start(arguments, env=env, stdout=out, stderr=err)
        try:
            status = program.wait(timeout_s)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()
            raise
        for one in (out, err):
            one.seek(0)
        return subprocess.CompletedProcess([MODULE, *arguments], status, out.read(), err.read())


def _started() -> socket.socket:
    """Start the process that forks; it ends with this one."""
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-m", __name__, str(theirs.fileno())]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def serve(requests: socket.socket) -> dict[str, Any]:
    """Fork a program for each request, and say how each ends; returns in the forks alone, with the request."""
    ends, wakes = socket.socketpair()
    for one in (ends, wakes):
        one.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    running: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ)
        selector.register(ends, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if ends in ready:
                ends.recv(4096)
                _report(running)
            if requests in ready:
                asked, fds, *_ = socket.recv_fds(requests, 1, 3)
                if not asked:
                    sys.exit()
                asker, pid = socket.socket(fileno=fds[0]), os.fork()
                if not pid:
                    break
                running[pid] = asker
                asker.sendall(pid.to_bytes(_STATUS_BYTES, sys.byteorder))
                for fd in fds[1:]:
                    os.close(fd)
    for one in (requests, ends, wakes, *running.values()):
        one.close()
    return _become(asker, *fds[1:])


def _report(running: dict[int, socket.socket]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with running.pop(pid) as asker:
            asker.sendall(status.to_bytes(_STATUS_BYTES, sys.byteorder))


def _become(asker: socket.socket, stdout: int, stderr: int) -> dict[str, Any]:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for fd, number in ((stdout, 1), (stderr, 2)):
        os.dup2(fd, number)
        os.close(fd)
    with asker, asker.makefile() as lines:
        request: dict[str, Any] = json.loads(lines.readline())
    os.environ.clear()
    os.environ.update(request["env"])
    return request


def main() -> NoReturn:
    """Import, then fork for as long as somebody may ask; in a fork, run the program."""
    for name in IMPORTED:
        importlib.import_module(name)
    assert threading.active_count() == 1, "a fork has one thread alone"
    gc.collect()
    gc.freeze()  # what is collected no more is not written to, and stays shared with the forks
    request = serve(socket.socket(fileno=int(sys.argv[1])))
    sys.argv[1:] = request["arguments"]
    runpy.run_module(MODULE, run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    main()
