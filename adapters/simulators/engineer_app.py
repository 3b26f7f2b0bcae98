"""The engineer app as people carry it: follows topics, takes pushes, works tickets, and survives its network."""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import repeat
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlencode

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from adapters.engineer_app.buttons import tap
from adapters.simulators.patient_client import ask, client, json_object

REFUSED_FROM: Final = 4400
SLOW_READER: Final = 4408  # the one refusal that connecting again from the cursor mends


class SubscriptionRefused(Exception):
    """The bus does not serve this subscription; `problem` says why. Connecting again would not help."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem.get("detail_en", problem)))
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class BusResponse:
    """What the bus said to a request: the object, or the problem."""

    status: int
    body: Mapping[str, Any]

    @property
    def done(self) -> bool:
        """Say whether it was accepted."""
        return self.status < 300


class Habit(StrEnum):
    """A bad habit of taking a push: it has its effect, and then the bus is left in doubt, or is told strange things."""

    SILENT = "silent"  # takes it and never says so
    TWICE = "twice"  # says so twice
    WRONG_KEY = "wrong_key"  # acknowledges what nobody sent
    HANGS_UP = "hangs_up"  # goes before it says so
    MALFORMED = "garbage"  # says what is no acknowledgement


@dataclass(slots=True, kw_only=True)
class PushLedger:
    """What an app was given. `effects`: each key once, in the order taken; `arrivals` counts how often each came."""

    effects: list[Mapping[str, Any]] = field(default_factory=list)
    arrivals: dict[str, int] = field(default_factory=dict)

    def take(self, frame: Mapping[str, Any]) -> None:
        """Take a push; what comes again under its key has no second effect."""
        key = frame["key"]
        if key not in self.arrivals:
            self.effects.append(frame)
        self.arrivals[key] = self.arrivals.get(key, 0) + 1

    def of_ticket(self, ticket_id: str) -> list[int]:
        """List the versions of a ticket that were taken, in that order."""
        found = (one["event"]["data"] for one in self.effects)
        return [data["version"] for data in found if data["ticket_id"] == ticket_id]


class EngineerApp:
    """One engineer's app. Use it as an async context manager. Its cursor is a file, so a new start misses nothing."""

    def __init__(
        self, url: str, token: str, cursor: Path, *, person: str, device: str = "phone", pause_s: float = 0.5
    ) -> None:
        """Speak to the gateway at `url` for `person`; idempotency keys begin with `device` and never repeat."""
        self._sockets = url.replace("http", "ws", 1)
        self._auth = {"authorization": f"Bearer {token}"}
        self._cursor = cursor
        self._person = person
        self._device = f"{device}-{os.urandom(4).hex()}"
        self._actions = 0
        self._pause_s = pause_s
        self._http = client(url, self._auth)
        self.connected = asyncio.Event()
        self.pushed = PushLedger()
        self._habits: Iterator[Habit] = iter(())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def events(self, topics: Sequence[str]) -> AsyncGenerator[Mapping[str, Any], None]:
        """Follow topics for ever: event frames in order, across broken connections, from the cursor kept on disk.

        The cursor moves when the consumer asks for the next event: what it was busy with when it died comes again.
        Raises SubscriptionRefused.
        """
        async for _, frame in self._again_and_again(lambda: self._stream(topics)):
            if frame["kind"] == "event":
                yield frame
            self._keep(frame["cursor"])

    def misbehave(self, habit: Habit, times: int | None = None) -> None:
        """Take the next pushes, so many or all, by a bad habit; `times=0` ends it."""
        self._habits = repeat(habit) if times is None else repeat(habit, times)

    async def pushes(self) -> None:
        """Take what is pushed to this person, for ever, across broken connections. Raises SubscriptionRefused."""
        address = f"{self._sockets}/v1/engineer/pushes?{urlencode({'person': self._person})}"
        async for socket, frame in self._again_and_again(lambda: self._connection(address)):
            if frame["kind"] == "push":
                await self._take(socket, frame)

    async def _take(self, socket: ClientConnection, frame: Mapping[str, Any]) -> None:
        self.pushed.take(frame)
        ack = orjson.dumps({"ack": frame["key"]}).decode()
        with contextlib.suppress(ConnectionClosed):  # the next frame tells, too
            match next(self._habits, None):
                case None:
                    await socket.send(ack)
                case Habit.SILENT:
                    pass
                case Habit.TWICE:
                    await socket.send(ack)
                    await socket.send(ack)
                case Habit.WRONG_KEY:
                    await socket.send(orjson.dumps({"ack": f"not-{frame['key']}"}).decode())
                case Habit.HANGS_UP:
                    socket.transport.abort()
                case Habit.MALFORMED:
                    await socket.send("ok!")

    async def _again_and_again(
        self, connection: Callable[[], AsyncGenerator[tuple[ClientConnection, Mapping[str, Any]], None]]
    ) -> AsyncGenerator[tuple[ClientConnection, Mapping[str, Any]], None]:
        """Give the frames of connection after connection, with growing pauses. Raises SubscriptionRefused."""
        pause_s = self._pause_s
        while True:
            try:
                async with contextlib.aclosing(connection()) as frames:
                    async for each in frames:
                        pause_s = self._pause_s
                        yield each
            except InvalidStatus as refused:
                if 400 <= refused.response.status_code < 500:
                    raise SubscriptionRefused({"status": refused.response.status_code}) from refused
            except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError):
                pass  # the network is what it is: once more
            finally:
                self.connected.clear()
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, 8 * self._pause_s)

    def _stream(self, topics: Sequence[str]) -> AsyncGenerator[tuple[ClientConnection, Mapping[str, Any]], None]:
        """Follow topics from the cursor on disk."""
        wanted = {"topics": ",".join(topics)} | ({"cursor": self._kept()} if self._kept() else {})
        return self._connection(f"{self._sockets}/v1/stream?{urlencode(wanted)}")

    async def _connection(self, address: str) -> AsyncGenerator[tuple[ClientConnection, Mapping[str, Any]], None]:
        """Give the frames of one connection until it ends."""
        async with connect(address, additional_headers=self._auth, proxy=None) as socket:
            refusal: Mapping[str, Any] = {}
            try:
                while True:
                    frame: Mapping[str, Any] = orjson.loads(await socket.recv())
                    match frame["kind"]:
                        case "error":
                            refusal = frame
                        case "ready":
                            self.connected.set()
                            yield socket, frame
                        case _:
                            yield socket, frame
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 0
                if code >= REFUSED_FROM and code != SLOW_READER:
                    raise SubscriptionRefused(refusal or {"code": code}) from closed
                raise

    async def ticket(self, ticket_id: str) -> BusResponse:
        """Look a ticket up. Raises NoAnswer."""
        return await self._read(f"/v1/tickets/{ticket_id}")

    async def knowledge(self, ticket_id: str) -> BusResponse:
        """Ask which articles fit a ticket, before work on it begins. Raises NoAnswer."""
        return await self._read(f"/v1/tickets/{ticket_id}/knowledge")

    async def _read(self, path: str) -> BusResponse:
        answer, _ = await ask(
            self._http, "GET", f"{path}?{urlencode({'person': self._person})}", pause_s=self._pause_s
        )  # fmt: skip
        return BusResponse(status=answer.status_code, body=json_object(answer))

    async def tap(self, label: str, ticket_id: str, **values: Any) -> BusResponse:
        """Tap a button: one command, retried under one idempotency key. Raises MalformedInput, NoAnswer."""
        tapped = tap(label, {"actor": self._person, **values})
        self._actions += 1
        key = {"idempotency-key": f"{self._device}-{self._actions}", "content-type": "application/json"}
        answer, _ = await ask(
            self._http,
            "POST",
            f"/v1/tickets/{ticket_id}/{tapped.name}",
            body=orjson.dumps(tapped.body),
            headers=lambda: key,
            pause_s=self._pause_s,
        )
        return BusResponse(status=answer.status_code, body=json_object(answer))

    def _kept(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return self._cursor.read_text(encoding="utf-8")
        return ""

    def _keep(self, cursor: str) -> None:
        """Write the cursor whole or not at all: a half one would be refused."""
        half = self._cursor.with_suffix(".half")
        half.write_text(cursor, encoding="utf-8")
        half.replace(self._cursor)
