"""A CRM's end of the status callback: a real HTTP server on loopback, with the bad habits of one and a ledger."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any, Final, Self

import orjson

from adapters import webhook_signature as signature
from adapters.simulators.callback_faults import STATUS, TAKEN_FIRST, CallbackFault
from adapters.simulators.closing import close_server
from adapters.simulators.oldest import drop_oldest
from adapters.simulators.switches import SEND_PATH, SWITCH_PATH, Switches, switch_name
from adapters.simulators.ticket_list import LIST_PATH, TicketList
from adapters.simulators.webhook_sender import WebhookSender
from bus.domain.errors import MalformedInput

HEAD_BYTES_MAX: Final = 65_536
BODY_BYTES_MAX: Final = 1_048_576
TRICKLE_S: Final = 0.05  # between two bytes of a slow answer
RETRY_AFTER: Final = timedelta(seconds=30)
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One effect: a delivery that the CRM made its own."""

    delivery_id: str
    body: Mapping[str, Any]
    traceparent: str
    tracestate: str = ""


@dataclass(slots=True, kw_only=True)
class Ledger:
    """What came and what came of it. `effects` in the order taken; `calls` counts each id's arrivals, proven or not.

    `arrived`, `taken` and `unproven` count all; of the others the `most` newest stay, or all.
    """

    most: int | None = None
    effects: list[Taken] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    arrived: int = 0
    taken: int = 0
    unproven: int = 0
    _known: dict[str, None] = field(default_factory=dict)

    def arrive(self, delivery_id: str) -> None:
        """Count a call."""
        self.arrived += 1
        self.calls[delivery_id] = self.calls.get(delivery_id, 0) + 1
        drop_oldest(self.most, self.calls)

    def knows(self, delivery_id: str) -> bool:
        """Say whether a delivery was taken before."""
        return delivery_id in self._known

    def take(self, taken: Taken) -> None:
        """Remember an effect."""
        self.taken += 1
        self.effects.append(taken)
        self._known[taken.delivery_id] = None
        drop_oldest(self.most, self.effects, self._known)

    def of_ticket(self, ticket_id: str) -> list[int]:
        """List the versions of a ticket that had an effect, in the order in which they had it."""
        return [each.body["data"]["version"] for each in self.effects if each.body["data"]["ticket_id"] == ticket_id]

    def repeated(self) -> list[str]:
        """List the ids that had more than one effect: there must be none."""
        ids = [each.delivery_id for each in self.effects]
        return sorted({each for each in ids if ids.count(each) > 1})


class CallbackReceiver:
    """Use it as an async context manager; `stop` and `start` make it go and come back, with its ledger, on one port."""

    def __init__(
        self,
        *secrets: str,
        remembers: bool = True,
        port: int = 0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        tls: ssl.SSLContext | None = None,
        most: int | None = None,
    ) -> None:
        """Accept what any of `secrets` (`whsec_…`) signed; without memory, take an id as often as it comes.

        The ledger forgets all but the `most` newest, and with an effect that it was there.
        `seen` is told each call's delivery id and body, and the fault that it meets; `switches` answer at SWITCH_PATH,
        `sender` at SEND_PATH, and `tickets` at LIST_PATH.
        """
        self._tls = tls
        self.ledger = Ledger(most=most)
        self._keys = tuple(signature.secret(each, where="the receiver's secret") for each in secrets)
        self._remembers, self._now = remembers, now
        self._fault: CallbackFault | None = None
        self._calls_left: int | None = None
        self._server: asyncio.Server | None = None
        self._port = port
        self.seen: Callable[[str, bytes, str], None] | None = None
        self.switches: Switches | None = None
        self.sender: WebhookSender | None = None
        self.tickets: TicketList | None = None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Give the address that callbacks go to."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self._port}/callbacks"

    @property
    def list_url(self) -> str:
        """Give the address of its list of tickets."""
        return self.url.removesuffix("/callbacks") + LIST_PATH

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, on the port it had before. Idempotent."""
        if self._server is None:
            self._server = await asyncio.start_server(
                self._serve, "127.0.0.1", self._port, limit=HEAD_BYTES_MAX, ssl=self._tls
            )
            self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Go away, with all connections. Idempotent."""
        server, self._server = self._server, None
        if server is not None:
            await close_server(server)
        for each in tuple(self._open):
            each.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def misbehave(self, fault: CallbackFault, calls: int | None = None) -> None:
        """Show a bad habit in the next so many calls, or until `behave`."""
        self._fault, self._calls_left = fault, calls

    @property
    def switched_on(self) -> list[str]:
        """List the fault that is on, if one is."""
        on = self._fault is not None and self._calls_left != 0
        return [switch_name(self._fault)] if self._fault and on else []

    def behave(self) -> None:
        """Be as one should."""
        self._fault = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.current_task()
        assert serving is not None
        if self._server is None:  # accepted in the moment of the stop
            writer.transport.abort()
            return
        self._open.add(serving)
        try:
            while await self._one_call(reader, writer):
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            return  # the caller left, or what it said is no HTTP
        except asyncio.CancelledError:
            return  # stopped; asyncio would log a cancelled connection as an error
        finally:
            self._open.discard(serving)
            writer.transport.abort()

    async def _one_call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Take one request and answer it; False when the connection ends."""
        request, headers, body = await _request(reader)
        verb, path, *_ = request.split(" ")
        if self.switches and path == SWITCH_PATH:
            writer.write(_answer(*self.switches.answer(verb, body)))
            return True
        if self.sender and path == SEND_PATH:
            writer.write(_answer(*await self.sender.answer(verb, body)))
            return True
        if self.tickets and path == LIST_PATH:
            writer.write(_answer(*self.tickets.answer(headers, body)))
            return headers.get("connection", "").lower() != "close"
        fault = self._next_fault()
        delivery_id = headers.get(signature.ID, "")
        if self.seen:
            self.seen(delivery_id, body, switch_name(fault) if fault else "")
        self.ledger.arrive(delivery_id)
        if fault is not None and fault not in TAKEN_FIRST:
            return await self._fail(fault, reader, writer)
        try:
            signature.verify(headers, body, secrets=self._keys, now=self._now())
        except MalformedInput as unproven:
            self.ledger.unproven += 1
            writer.write(_answer(401, {"code": unproven.code}))
            return True
        known = self._take(delivery_id, headers, body)
        if fault is not None:
            return await self._fail(fault, reader, writer)
        writer.write(_answer(200, {"code": 0, "duplicate": known}))
        return headers.get("connection", "").lower() != "close"

    def _take(self, delivery_id: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Make a delivery one's own, once; True when it was known."""
        known = self.ledger.knows(delivery_id)
        if not (known and self._remembers):
            trace = {name: headers.get(name, "") for name in ("traceparent", "tracestate")}
            self.ledger.take(Taken(delivery_id=delivery_id, body=orjson.loads(body), **trace))
        return known

    def _next_fault(self) -> CallbackFault | None:
        if self._fault is not None and self._calls_left is not None:
            self._calls_left -= 1
            if self._calls_left < 0:
                self._fault = None
        return self._fault

    async def _fail(self, fault: CallbackFault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        match fault:
            case CallbackFault.HANG | CallbackFault.AFTER_EFFECT:
                await reader.read()  # until the caller gives up
                return False
            case CallbackFault.RESET | CallbackFault.RESET_AFTER_EFFECT:
                sock: socket.socket = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                return False
            case CallbackFault.SLOW_LORIS:
                await _trickle(writer)
                return False
            case CallbackFault.ENDLESS:
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
                while True:
                    writer.write(b" " * 65_536)
                    await writer.drain()
            case CallbackFault.TWICE:
                writer.write(_answer(200, {"code": 0, "duplicate": False}) * 2)
                return True
            case CallbackFault.FAILURE_BODY:
                writer.write(_answer(200, {"errorCode": 47001, "errorMessage": "数据库繁忙,请稍后"}))
                return True
            case CallbackFault.LOGIN_PAGE:
                writer.write(_answer(200, b"<html>login</html>", {"content-type": "text/html; charset=utf-8"}))
                return True
            case _:
                writer.write(_answer(STATUS[fault], {"code": fault.name.lower()}, self._headers(fault)))
                return True

    def _headers(self, fault: CallbackFault) -> dict[str, str]:
        match fault:
            case CallbackFault.THROTTLE:
                return {"retry-after": str(int(RETRY_AFTER.total_seconds()))}
            case CallbackFault.THROTTLE_DATE:
                return {"retry-after": format_datetime(self._now().astimezone(UTC) + RETRY_AFTER, usegmt=True)}
            case CallbackFault.REDIRECT:
                return {"location": "http://127.0.0.1:9/elsewhere"}
            case _:
                return {}


async def _request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    lines = [line.partition(":") for line in rest if line]
    headers = {name.strip().lower(): value.strip() for name, _, value in lines}
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= BODY_BYTES_MAX:
        raise ValueError("a body too long")
    return first, headers, await reader.readexactly(length)


async def _trickle(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(TRICKLE_S)


def _answer(status: int, body: object, headers: Mapping[str, str] | None = None) -> bytes:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    sent_headers = {"content-type": "application/json", "content-length": str(len(content)), **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent_headers.items())
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{lines}\r\n".encode() + content
