"""A chat robot's end: a small HTTP server on loopback that answers 200 whatever happens, with a code in the body."""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum
from time import monotonic
from typing import Any, Final, Self

import orjson

from adapters.simulators.closing import close_server
from adapters.simulators.switches import SWITCH_PATH, NoSuchSwitch, Switches, Turn, switch_name, switch_names
from bus.domain.text import Text

PER_MINUTE: Final = 20  # both vendors' limit
MINUTE_S: Final = 60.0
MESSAGES_KEPT: Final = 1_000
BODY_BYTES_MAX: Final = 256 * 1024


class RobotFault(StrEnum):
    """What it can do wrong."""

    ERROR = "answers HTTP 500"
    BUSY = "answers HTTP 200 with errcode -1"
    THROTTLED = "answers as when it was sent too many messages"
    UNKNOWN_CODE = "answers HTTP 200 with a code that nobody knows"
    NO_CODE = "answers HTTP 200 with a page"
    TEXT_CODE = "answers HTTP 200 with errcode 0 as a text"
    ECHO = "answers with a refusal that repeats the address, key included"
    CUT = "ends its answer in the middle"
    SILENT = "takes the request and never answers"


class ChatRobotSimulator(ABC):
    """Use it as an async context manager; `messages` are the texts that it took, with the moment of each.

    `seen` is given each call's code and the first line of its text; `switches` turn its faults at SWITCH_PATH.
    """

    throttled_code: int
    limit_words: str
    locks_s: float = 0.0  # after one message too many; 0: as soon as fewer came within a minute

    def __init__(self, *, port: int = 0, clock: Callable[[], float] = monotonic) -> None:
        """Listen on 127.0.0.1 once it is entered."""
        self._port, self._clock = port, clock
        self._server: asyncio.Server | None = None
        self._minute, self._locked_until = deque[float](), 0.0
        self.messages = deque[tuple[float, str]](maxlen=MESSAGES_KEPT)
        self.called = list[str]()  # by name, in its last message
        self.calls = 0
        self.locked = 0  # calls that came while it took none
        self.fault: RobotFault | None = None
        self._faults_left: int | None = None
        self.seen: Callable[[str, str], None] | None = None
        self.switches = Switches(faults=switch_names(RobotFault), turn=self._turn, heal=self._heal, state=self._state)

    @property
    def origin(self) -> str:
        """Give where it listens."""
        return f"http://127.0.0.1:{self._port}"

    @abstractmethod
    def take(self, target: str, body: Any) -> tuple[int, str]:
        """Judge a call that meets no fault, by the target of its request: its code and words."""

    def keep(self, text: str) -> tuple[int, str]:
        """Take a text, unless it comes too often."""
        now = self._clock()
        self._minute = deque(at for at in self._minute if now - at < MINUTE_S)
        if now < self._locked_until or len(self._minute) >= PER_MINUTE:
            self._locked_until = max(self._locked_until, now + self.locks_s)
            self.locked += 1
            return self.throttled_code, self.limit_words
        self._minute.append(now)
        self.messages.append((now, text))
        return 0, "ok"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None, "it was entered"
        await close_server(self._server)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            lengths = [line.split(":")[1] for line in lines if line.lower().startswith("content-length:")]
            body = await reader.readexactly(min(int(lengths[0]), BODY_BYTES_MAX)) if lengths else b""
            method, target, _ = lines[0].split()
            if target == SWITCH_PATH:
                writer.write(_response(*self.switches.answer(method, body)))
                await writer.drain()
                return
            self.calls += 1
            if (answer := self._answer(target, body)) is None:
                await reader.read()
                return
            writer.write(answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, IndexError, ValueError):
            return
        finally:
            writer.close()

    def _answer(self, target: str, body: bytes) -> bytes | None:
        """Give the answer as bytes; None: there is none."""
        match fault := self._next_fault():
            case None:
                try:
                    code, words = self.take(target, orjson.loads(body))
                except (orjson.JSONDecodeError, KeyError, TypeError):
                    code, words = 40008, "invalid message type"
            case RobotFault.BUSY:
                code, words = -1, "system busy"
            case RobotFault.THROTTLED:
                code, words = self.throttled_code, self.limit_words
            case RobotFault.UNKNOWN_CODE:
                code, words = 87009, "something new"
            case RobotFault.ECHO:
                code, words = 40001, f"no such address: {self.origin}{target}"
            case _:
                code, words = 0, "ok"
        if self.seen is not None:
            self.seen(
                switch_name(fault) if fault else str(code), self.messages[-1][1] if code == 0 and not fault else ""
            )
        answer = _response(200, orjson.dumps({"errcode": code, "errmsg": words}))
        match fault:
            case RobotFault.SILENT:
                return None
            case RobotFault.ERROR:
                return _response(500, b"<html>error</html>")
            case RobotFault.NO_CODE:
                return _response(200, b"<html>login</html>")
            case RobotFault.TEXT_CODE:
                return _response(200, b'{"errcode":"0","errmsg":"ok"}')
            case RobotFault.CUT:
                return answer[:-4]
            case _:
                return answer

    def _next_fault(self) -> RobotFault | None:
        fault = self.fault
        if fault and self._faults_left is not None:
            self._faults_left -= 1
            if self._faults_left <= 0:
                self._heal()
        return fault

    def _turn(self, turn: Turn) -> None:
        if turn.only:
            raise NoSuchSwitch(str(Text("机器人只有一个服务,不用 only", "a robot has one service: leave out which")))
        self.fault, self._faults_left = RobotFault[turn.fault.replace("-", "_").upper()], turn.times

    def _heal(self) -> None:
        self.fault = self._faults_left = None

    def _state(self) -> Mapping[str, Any]:
        on = [switch_name(self.fault)] if self.fault else []
        texts = [text for _, text in self.messages][-20:]
        return {"on": on, "calls": self.calls, "locked": self.locked, "called": self.called, "last": texts}


def _response(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return head.encode() + body
