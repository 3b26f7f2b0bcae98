"""Whose turn it is among the programs of a host, without PostgreSQL: a lock on a file, which ends with its program."""

import fcntl
import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True, kw_only=True)
class HostTurn:
    """One program's side of the lock; where the file cannot be made, everybody has the turn."""

    path: Path | None
    _held: int | None = field(default=None)

    def take(self) -> bool:
        """Say whether it is this program's turn, which it keeps until `leave`. Idempotent, never waits."""
        if self._held is not None or self.path is None:
            return True
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._held = descriptor
        return True

    def leave(self) -> None:
        """Let another program have it; idempotent."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
