"""Asking the bus until it is known what came of it, with every attempt written down."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import httpx2
import orjson
from aiokafka.errors import KafkaError

from schemas.messages import CommandSent
from tests.bus_under_test import Bus, eventually
from tests.faults.history import SPOOLED, History, Kind, Op

AGAIN_S = 0.1
Ask = Callable[[Op], Awaitable[Op]]
Speak = Callable[[CommandSent], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class Load:
    """What the clients of one run share.

    `pause_s` is what each waits between two commands, on average; `doubled` the share of what is asked twice at once,
    `parts` that of tickets which need some. A `sound` load asks nothing that the rules refuse.
    """

    bus: Bus
    history: History
    http: httpx2.AsyncClient
    speak: Speak
    pause_s: float
    patience_s: float
    ticket_type: str
    doubled: float
    parts: float
    sound: bool
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    incidents: list[str] = field(default_factory=list)

    async def answered(self, commands: int, *, within_s: float = 180) -> None:
        """Wait until so many more attempts got a final answer."""
        goal = self.history.answered + commands

        async def there() -> bool:
            return self.history.answered >= goal

        await eventually(there, within_s=within_s, what=lambda: f"{goal} answers; there are {self.history.answered}")

    async def say(self, op: Op, ask: Ask) -> Op:
        """Ask until the answer is final or patience is over, writing each attempt down; gives the last line."""
        until = time.monotonic() + self.patience_s
        while True:
            self.history.add(replace(op, at=time.monotonic()))
            try:
                told = await ask(op)
            except (httpx2.TransportError, KafkaError, TimeoutError) as error:
                told = replace(op, kind=Kind.INFO, code=type(error).__name__)
            self.history.add(replace(told, at=time.monotonic()))
            if told.kind is not Kind.INFO or time.monotonic() > until:
                return told
            await asyncio.sleep(AGAIN_S)


def told_by(op: Op, answer: httpx2.Response) -> Op:
    """Read an answer into a line of the history. Pure."""
    try:
        read = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        read = {}
    status, code = answer.status_code, str(read.get("code", ""))
    match status:
        case 202:
            return replace(op, kind=Kind.OK, status=status, answer=SPOOLED)
        case 200 | 201:
            result = next(iter(read.get("results", ())), read)
            said = {name: result.get(name, "") for name in ("answer", "ticket_id")}
            return replace(op, kind=Kind.OK, status=status, version=result.get("version", 0), **said)
        case _ if 400 <= status < 500 and code not in {"in_flight", "slow_body"}:
            return replace(op, kind=Kind.FAIL, status=status, code=code)
        case _:
            return replace(op, kind=Kind.INFO, status=status, code=code)
