"""What can keep the local stack from running, each with its mend in the message."""

from bus.domain.errors import BusError


class LocalStackError(BusError):
    """The local stack cannot do what was asked; the message says why and what to do."""


class AlreadyRunning(LocalStackError):
    """Another supervisor lives on this data directory."""

    def __init__(self, data: str, pid: int | None) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(f"a local stack already runs in {data} ({who}); stop it with `ticketbus down --data {data}`")
        self.pid = pid


class ChecksumMismatch(LocalStackError):
    """A downloaded file is not the one that the lock file names; it was refused and removed."""


class StartInterrupted(LocalStackError):
    """A signal came while the stack was starting."""

    def __init__(self) -> None:
        super().__init__("stopped while starting")
