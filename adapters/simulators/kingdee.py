"""A Kingdee K3Cloud on loopback: a real HTTP server with its bad habits, and switches for its faults."""

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final, Self

import orjson

from adapters.simulators.closing import close_server
from adapters.simulators.kingdee_books import Account, Answer, Books, Failed
from adapters.simulators.kingdee_faults import AFTER, SAYS, STATUSES, KingdeeFault
from adapters.simulators.oldest import drop_oldest
from adapters.simulators.switches import SWITCH_PATH, Switches, switch_name

LOGIN: Final = "LoginByAppSecret"
_HEAD_BYTES_MAX: Final = 64 * 1024
_BODY_BYTES_MAX: Final = 4 * 1024 * 1024


@dataclass(slots=True)
class _Switch:
    fault: KingdeeFault
    left: int | None
    only: Collection[str]


@dataclass(slots=True, kw_only=True)
class KingdeeSimulator:
    """Serves while `serving()` is open and keeps its books between; `calls` tells the services asked, in order.

    It forgets all but the `most` newest calls and bills; `called` counts all calls.
    `seen` is told each call's service and body, and the fault that it meets; `switches` answer at SWITCH_PATH.
    """

    stock: Mapping[str, float]
    account: Account = field(default_factory=Account)
    now: Callable[[], float] = time.monotonic
    byte_pause_s: float = 0.05
    port: int = 0
    most: int | None = None
    called: int = 0
    calls: list[str] = field(default_factory=list)
    traceparents: dict[str, None] = field(default_factory=dict)
    seen: Callable[[str, bytes, str], None] | None = None
    switches: Switches | None = None
    books: Books = field(init=False)
    _switches: list[_Switch] = field(default_factory=list)
    _down: asyncio.Event = field(default_factory=asyncio.Event)
    _open: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.books = Books(self.stock, self.account, self.now, self.most)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def target_options(self, secret_variable: str) -> Mapping[str, str]:
        """Give the options of a target that calls it, as a targets file has them; the secret is in that variable."""
        account = self.account
        return {
            "base_url": self.url,
            "acct_id": account.acct_id,
            "user": account.user,
            "app_id": account.app_id,
            "app_secret": secret_variable,
            "org": "100",
            "stock": "CK001",
        }

    def fail(self, fault: KingdeeFault, *, times: int | None = None, only: Collection[str] = ()) -> None:
        """Fail so at the next `times` calls of the services in `only`; without them, at all calls until `heal`."""
        self._switches = [*(each for each in self._switches if each.left != 0), _Switch(fault, times, only)]

    @property
    def switched_on(self) -> list[str]:
        """List the faults that are on, the one that comes first at a call first."""
        return [switch_name(switch.fault) for switch in self._switches if switch.left != 0]

    def heal(self) -> None:
        """Switch all faults off; who hangs, hangs on."""
        self._switches.clear()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """Listen, on the same port every time; sessions of the last time are gone, the books are not."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", self.port, limit=_HEAD_BYTES_MAX)
        self.port = server.sockets[0].getsockname()[1]
        self.books.forget_sessions()
        self._down.clear()
        try:
            yield self
        finally:
            self._down.set()  # also for who was let in and has not begun
            await close_server(server)
            for writer in self._open.values():
                writer.transport.abort()
            await server.wait_closed()
            await asyncio.gather(*self._open, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        try:
            while not self._down.is_set() and await self._exchange(reader, writer):
                pass
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            writer.transport.abort()  # what is no request gets no answer
        finally:
            del self._open[task]
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Take one request and answer it; False when the connection is over."""
        head = await reader.readuntil(b"\r\n\r\n")
        verb, path, headers = _read_head(head)
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= _BODY_BYTES_MAX:
            raise ValueError("the body is too long")
        body = await reader.readexactly(length)
        if self.switches and path == SWITCH_PATH:
            status, answer = self.switches.answer(verb, body)
            writer.write(_response(f"{status} {HTTPStatus(status).phrase}", answer))
            return True
        method = path.removesuffix(".common.kdsvc").rpartition(".")[2]
        self.called += 1
        self.calls.append(method)
        self.traceparents[headers.get("traceparent", "")] = None
        drop_oldest(self.most, self.calls, self.traceparents)
        fault = self._fault(method)
        if self.seen:
            self.seen(method, body, switch_name(fault) if fault else "")
        answer = self._reply(fault, method, body, headers)
        if fault in (KingdeeFault.HANG, KingdeeFault.HANG_AFTER):
            while await reader.read(1024):  # until the other side has had enough
                pass
            return False
        if fault in (KingdeeFault.RESET, KingdeeFault.RESET_AFTER):
            linger = struct.pack("ii", 1, 0)  # closing then resets, as a host does that knows nothing of us any more
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
            return False
        if fault is KingdeeFault.ENDLESS:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n")
            while not writer.is_closing():
                writer.write(b" " * 65536)
                await writer.drain()
            return False
        if fault is not KingdeeFault.SLOW:
            writer.write(answer)
            await writer.drain()
            return True
        for at in range(len(answer)):
            if writer.is_closing():
                return False
            writer.write(answer[at : at + 1])
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._down.wait(), self.byte_pause_s)
        return True

    def _reply(self, fault: KingdeeFault | None, method: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Do what is asked, unless the fault comes before it, and give the bytes of the answer."""
        if fault is not None and fault not in AFTER:
            if fault in SAYS:
                return _response("200 OK", orjson.dumps(_as_answered(method, SAYS[fault].answer())))
            return _response(*STATUSES[fault]) if fault in STATUSES else b""
        content, session = self._answer(method, body, headers)
        if fault is not None and fault in STATUSES:
            return _response(*STATUSES[fault])
        return _response("200 OK", _written(content, fault), session)

    def _fault(self, method: str) -> KingdeeFault | None:
        for switch in self._switches:
            if switch.left != 0 and (not switch.only or method in switch.only):
                switch.left = None if switch.left is None else switch.left - 1
                return switch.fault
        return None

    def _answer(self, method: str, body: bytes, headers: Mapping[str, str]) -> tuple[Answer, str]:
        try:
            asked: dict[str, Any] = orjson.loads(body)
            if method == LOGIN:
                return self.books.log_in(asked.get("parameters"))
            return self.books.serve(method, asked, _session(headers)), ""
        except Failed as failed:
            return _as_answered(method, failed.answer()), ""
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return _as_answered(method, Failed(8, "参数错误").answer()), ""


def _read_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    request, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    verb, path, *_ = request.split(" ")
    return verb, path, {name.strip().lower(): value.strip() for name, _, value in pairs}


def _session(headers: Mapping[str, str]) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get("kdservice-sessionid")
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _as_answered(method: str, failure: Answer) -> Answer:
    """Give a failure where the service puts it: a query's stands in the place of the first row's first value."""
    return [[failure]] if method == "ExecuteBillQuery" else failure


def _written(content: Answer, fault: KingdeeFault | None) -> bytes:
    written = orjson.dumps(_twice(content) if fault is KingdeeFault.REPEATED else content)
    match fault:
        case KingdeeFault.BOM:
            return b"\xef\xbb\xbf" + written
        case KingdeeFault.ESCAPED:
            return orjson.dumps(written.decode())
        case _:
            return written


def _twice(content: Answer) -> Answer:
    match content:
        case list(rows):
            return [*rows, *rows]
        case {"Result": {"ResponseStatus": {"SuccessEntitys": list(entities), **status}, **result}}:
            return {"Result": {**result, "ResponseStatus": {**status, "SuccessEntitys": entities * 2}}}
        case other:
            return other


def _response(status: str, content: bytes, session: str = "") -> bytes:
    cookies = (
        f"set-cookie: kdservice-sessionid={session}; path=/\r\nset-cookie: ASP.NET_SessionId=a{session}; path=/\r\n"
    )
    kind = "application/json" if content[:1] in b'[{"\xef' else "text/html"
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}; charset=utf-8\r\ncontent-length: {len(content)}\r\n"
    return f"{head}{cookies if session else ''}\r\n".encode() + content
