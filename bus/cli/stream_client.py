"""A client of the gateway's stream: follows topics over any number of connections, each event once."""

import asyncio
import json
import random
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from bus.domain.errors import BusError
from bus.domain.terms import TicketId, is_synthetic
from bus.gateway.stream.cursor import read_cursor
from bus.kafka.tail_reader import Positions
from schemas.topics import load_contract

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

START = "start"
OPEN_S_MAX = 20.0
QUIET_S_MAX = 5.0  # until_now: what ends a topic may be a repeat, which the stream does not send
RETRY_S_MAX = 10.0
_ASKED_WRONG = (400, 403, 404)  # statuses: what was asked for is at fault
_OPTIONS = {"since": "--from", "version": "--version"}  # fields of the address, as the command line has them
_FOR_GOOD = (401, 410, 429)
Frame = Mapping[str, Any]


class StreamEnded(BusError):
    """The gateway ended the stream for good, or was never reached."""


class StreamRefused(StreamEnded):
    """The gateway refuses what was asked for: no such topic, no right to it, a time that is none."""


class _Lost(Exception):
    """The connection ended, and another may go on."""


@dataclass(slots=True, kw_only=True)
class StreamClient:
    """Follows `topics` from `begin` on: `start`, a time (RFC 3339), or nothing for now.

    `version`: of the client's subscription, the events of that one alone. With `until_now` it ends at what was the
    newest record when it began. `notify` is told, in words, of what people should know: connections that are made
    again, records that nobody can read.
    """

    url: str
    token: str = field(repr=False)
    topics: tuple[str, ...]
    notify: Callable[[str], None]
    begin: str = ""
    version: str = ""
    until_now: bool = False
    cursor: str = ""
    trust: ssl.SSLContext | None = None  # of an address with https
    _ends: Positions = field(default_factory=dict)
    _partitions: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Read the contract once: every frame is held against where its topics end."""
        self._partitions = {name: one.partitions for name, one in load_contract().topics.items()}

    async def events(self) -> AsyncGenerator[Frame]:
        """Give the frames of real tickets' events, each once. Raises StreamEnded, StreamRefused."""
        if self.until_now:
            try:
                async with self._connected({}) as stream:
                    self._ends = self._positions((await self._next(stream))["cursor"])
            except _Lost as lost:
                raise self._away(lost) from None
        failures = 0
        while True:
            try:
                async with self._connected(self._place()) as stream, aclosing(self._frames(stream)) as frames:
                    async for frame in frames:
                        failures = 0
                        yield frame
                return
            except _Lost as lost:
                if not self.cursor:  # it was never there
                    raise self._away(lost) from None
                failures += 1
                self.notify(f"连接断开,正在重连 / the connection was lost ({lost}), connecting again")
                await asyncio.sleep(random.uniform(0.5, 1) * min(RETRY_S_MAX, 0.5 * 2**failures))  # noqa: S311 - jitter is no secret

    def _away(self, lost: _Lost) -> StreamEnded:
        return StreamEnded(f"{self.url} 没有应答 / does not answer: {lost}")

    async def _frames(self, stream: "ClientConnection") -> AsyncGenerator[Frame]:
        """Give the frames of events; ends where the topics ended, if it is to."""
        while True:
            try:
                async with asyncio.timeout(QUIET_S_MAX if self.until_now and self.cursor else None):
                    frame = await self._next(stream)
            except TimeoutError:
                return
            if frame["kind"] == "event" and not is_synthetic(TicketId(frame["ce"]["subject"])):
                yield frame
            elif frame["kind"] == "error":  # a record that nobody can read: the stream goes on
                self.notify(f"{frame['topic']}: {frame['detail']} / {frame['detail_en']}")
            self.cursor = frame["cursor"]
            if self.until_now and self._reached():
                return

    async def _next(self, stream: "ClientConnection") -> Frame:
        """Give the next frame. Raises StreamEnded, StreamRefused, _Lost."""
        from websockets.exceptions import ConnectionClosed

        try:
            frame: Frame = json.loads(await stream.recv())
        except ConnectionClosed as closed:
            raise _Lost(str(closed)) from None
        if frame["kind"] == "error" and "topic" not in frame:
            problem = f"{frame['detail']} / {frame['detail_en']}"
            if frame["status"] in _ASKED_WRONG:
                option = _OPTIONS.get(frame.get("field", ""))
                raise StreamRefused(f"{option}: {problem}" if option else problem)
            if frame["status"] in _FOR_GOOD:
                raise StreamEnded(problem)
            raise _Lost(problem)
        return frame

    @asynccontextmanager
    async def _connected(self, place: Mapping[str, str]) -> AsyncIterator["ClientConnection"]:
        """Connect. Raises StreamEnded for a token that is not taken, _Lost."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidHandshake, InvalidStatus

        # Virtual tickets, too, and dropped here: they move the place on, which tells where a topic's end is reached.
        synthetic = "true" if self.until_now else "false"
        version = {"version": self.version} if self.version else {}
        query = urlencode({"topics": ",".join(self.topics), **place, **version, "synthetic": synthetic})
        url = f"{self.url.replace('http', 'ws', 1)}/v1/stream?{query}"
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            connection = await connect(
                url, additional_headers=headers, open_timeout=OPEN_S_MAX, max_size=None, ssl=self.trust
            )
        except InvalidStatus as answer:
            status = answer.response.status_code
            if status in (401, 403):
                refused = f"TICKETBUS_TOKEN 无效或无权订阅 / is refused ({status}): ticketbus client add"
                raise StreamEnded(refused) from None
            raise _Lost(str(answer)) from None
        except (OSError, InvalidHandshake) as error:  # TimeoutError is an OSError
            raise _Lost(f"{type(error).__name__}: {error}") from None
        async with connection:
            yield connection

    def _place(self) -> Mapping[str, str]:
        """Say where the next connection begins."""
        if self.cursor or self.begin == START:
            return {"cursor": self.cursor or START}
        return {"since": self.begin} if self.begin else {}

    def _reached(self) -> bool:
        stands = self._positions(self.cursor)
        return all(stands[place] >= end for place, end in self._ends.items())

    def _positions(self, cursor: str) -> Positions:
        return read_cursor(cursor, self.topics, self._partitions)
