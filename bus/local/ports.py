"""Which loopback ports a local stack takes: those it had, else the usual ones, else the next free."""

import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from bus.local.failures import LocalStackError

USUAL: Final = {"postgres": 15432, "kafka": 19092, "kafka_controller": 19093, "registry": 18081, "http": 8080}
_TRIES_MAX: Final = 400


class PortClaims:
    """Ports claimed for the life of this process: two stacks that start at once never choose the same.

    The claim is a file lock, so that it ends with the process, however it ends.
    """

    def __init__(self, cache: Path) -> None:
        self._directory = cache / "ports"
        self._directory.mkdir(parents=True, exist_ok=True)
        self._locks: list[FileLock] = []

    def claim(self, wanted: Iterable[str], kept: dict[str, int], *, fixed: dict[str, int]) -> dict[str, int]:
        """Answer a claimed port for each name. Raises LocalStackError when a `fixed` one is taken."""
        chosen: dict[str, int] = {}
        for name in wanted:
            if name in fixed:
                if not self._claim(fixed[name]):
                    raise LocalStackError(
                        f"port {fixed[name]} was asked for ({name}) and is taken; free it or name another"
                    )
                chosen[name] = fixed[name]
                continue
            usual = USUAL[name]
            candidates = (kept.get(name, usual), *range(usual, usual + _TRIES_MAX))
            port = next((each for each in candidates if self._claim(each)), None)
            if port is None:
                raise LocalStackError(f"no free port for {name} between {usual} and {usual + _TRIES_MAX}")
            chosen[name] = port
        return chosen

    def release(self) -> None:
        """Give all claims up. Idempotent."""
        while self._locks:
            self._locks.pop().release()

    def _claim(self, port: int) -> bool:
        lock = FileLock(self._directory / f"{port}.lock", timeout=0, is_singleton=False)
        try:
            lock.acquire()
        except Timeout:
            return False
        if not is_free(port):
            lock.release()
            return False
        self._locks.append(lock)
        return True


def is_free(port: int) -> bool:
    """Say whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
