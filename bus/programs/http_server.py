"""uvicorn as a part of a program: it leaves signals to the program, and says which setting frees a taken port."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from bus.domain.errors import BusError


class PortTaken(BusError):
    """The port to listen on is taken."""


class HttpServer(uvicorn.Server):
    """uvicorn without its own signal handling, which would end the process with the signal instead of 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals as they are."""
        yield

    async def leave(self, stopping: asyncio.Event) -> None:
        """Let the server end once `stopping` is set."""
        await stopping.wait()
        self.should_exit = True


def listening_socket(host: str, port: int, mend: str) -> socket.socket:
    """Listen. Raises PortTaken, which says `mend`."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
    except OSError as error:
        raise PortTaken(f"cannot listen on {host}:{port} ({error.strerror}); {mend}") from error
