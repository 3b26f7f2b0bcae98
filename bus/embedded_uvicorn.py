"""uvicorn within a program that has signal handling of its own."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn


class EmbeddedUvicorn(uvicorn.Server):
    """uvicorn without its own signal handling, which would end the process with the signal instead of 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def leave(self, stopping: asyncio.Event) -> None:
        """Let the server end once `stopping` is set."""
        await stopping.wait()
        self.should_exit = True
