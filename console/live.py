"""Live updates by server-sent events (WHATWG HTML 9.2): a page's block is sent anew when what it shows has changed.

What is watched is rendered once for all who watch the same with the same token. A round in which nothing changed sends
an event `beat`, one in which the gateway could not be asked `stale`. A session that is over, or may not read the page
any more, ends with `ended`; the stream that is one too many of a session with `full`, and is asked for again later.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, NamedTuple

from bus.aio import cancel_all
from console.gateway_api import ApiProblem

EVERY_S: Final = 3.0
STREAMS_MAX: Final = 20
"""Of one session at a time."""
Render = Callable[[], Awaitable[str]]
BEAT: Final = b"event: beat\n\n"
STALE: Final = b"event: stale\n\n"
ENDED: Final = b"event: ended\n\n"
FULL: Final = b"event: full\nretry: 30000\n\n"


class Watcher(NamedTuple):
    """Whose stream it is, and whether that session is over."""

    session: str
    is_over: Callable[[], bool]


@dataclass(slots=True)
class _Watched:
    render: Render
    every_s: float
    watchers: int = 0
    message: bytes = b""
    shown: str = ""
    trouble: bytes = b""
    turned: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        while True:
            try:
                html = await self.render()
                self.shown, self.trouble = sha256(html.encode()).hexdigest()[:32], b""
                self.message = _message(self.shown, html)
            except ApiProblem as problem:
                self.trouble = ENDED if problem.status in (401, 403) else STALE
            turned, self.turned = self.turned, asyncio.Event()
            turned.set()
            await asyncio.sleep(self.every_s or EVERY_S)


class LiveBlocks:
    """What is watched now."""

    def __init__(self, stopping: asyncio.Event) -> None:
        """Begin with nothing. Once `stopping` is set all streams end: browsers come again, here or elsewhere."""
        self._watched: dict[Hashable, _Watched] = {}
        self._streams = Counter[str]()
        self._stopping = stopping

    def __len__(self) -> int:
        """Count the blocks that are rendered."""
        return len(self._watched)

    async def stream(
        self, key: Hashable, render: Render, seen: str, watcher: Watcher, every_s: float = 0.0
    ) -> AsyncGenerator[bytes, None]:
        """Give the messages of one page, which shows `seen` already (Last-Event-ID); 0: looked at every EVERY_S."""
        if self._streams[watcher.session] >= STREAMS_MAX:
            yield FULL
            return
        one = self._watched.setdefault(key, _Watched(render, every_s))
        one.watchers += 1
        self._streams[watcher.session] += 1
        one.task = one.task or asyncio.create_task(one.run())
        try:
            while not self._stopping.is_set():
                if one.message or one.trouble:
                    if watcher.is_over() or one.trouble == ENDED:
                        yield ENDED
                        return
                    yield one.trouble or (BEAT if one.shown == seen else one.message)
                    seen = seen if one.trouble else one.shown
                await self._turn(one)
        finally:
            one.watchers -= 1
            self._streams[watcher.session] -= 1
            if not self._streams[watcher.session]:
                del self._streams[watcher.session]
            if not one.watchers:
                self._watched.pop(key, None)
                await cancel_all([one.task])

    async def _turn(self, one: _Watched) -> None:
        """Wait for the next round, or the end. Raises what ended the rounds, such as a fault in a template."""
        assert one.task
        waits = [asyncio.create_task(event.wait()) for event in (one.turned, self._stopping)]
        try:
            await asyncio.wait([*waits, one.task], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if one.task.done():
            one.task.result()


def _message(shown: str, html: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in html.splitlines())
    return f"id: {shown}\n{lines}\n".encode()
