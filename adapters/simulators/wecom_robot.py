"""A WeCom group robot: HTTP 200 whatever happens, codes in the body, 20 messages a minute, 4,096 bytes of markdown."""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from time import monotonic
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

import orjson

from adapters.simulators.closing import close_server

PER_MINUTE: Final = 20
MARKDOWN_BYTES_MAX: Final = 4096
KEY: Final = "11111111-2222-3333-4444-555555555555"
MESSAGES_KEPT: Final = 1_000
BODY_BYTES_MAX: Final = 64 * 1024


class RobotFault(StrEnum):
    """What it can do wrong."""

    ERROR = "answers HTTP 500"
    BUSY = "answers HTTP 200 with errcode -1"
    UNKNOWN_CODE = "answers HTTP 200 with a code that nobody knows"
    NO_CODE = "answers HTTP 200 with a page"
    SILENT = "takes the request and never answers"


class WecomRobotSimulator:
    """Use it as an async context manager; `messages` are the texts that it took, with the moment of each."""

    def __init__(self, *, port: int = 0, clock: Callable[[], float] = monotonic) -> None:
        """Listen on 127.0.0.1 once it is entered."""
        self._port, self._clock = port, clock
        self._server: asyncio.Server | None = None
        self._sent = deque[float]()
        self.messages = deque[tuple[float, str]](maxlen=MESSAGES_KEPT)
        self.calls = 0
        self.locked = 0
        self.fault: RobotFault | None = None

    @property
    def url(self) -> str:
        """Give its address, with the key."""
        return f"http://127.0.0.1:{self._port}/cgi-bin/webhook/send?key={KEY}"

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
            self.calls += 1
            if self.fault is RobotFault.SILENT:
                await reader.read()
                return
            status, answer = self._answer(lines[0].split()[1], body)
            writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(answer)}\r\nconnection: close\r\n\r\n".encode())
            writer.write(answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, IndexError, ValueError):
            return
        finally:
            writer.close()

    def _answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        match self.fault:
            case RobotFault.ERROR:
                return 500, b"<html>error</html>"
            case RobotFault.NO_CODE:
                return 200, b"<html>login</html>"
            case RobotFault.BUSY:
                return 200, _code(-1, "system busy")
            case RobotFault.UNKNOWN_CODE:
                return 200, _code(87009, "something new")
            case _:
                return 200, self._judged(path, body)

    def _judged(self, path: str, body: bytes) -> bytes:
        if parse_qs(urlsplit(path).query).get("key") != [KEY]:
            return _code(93000, "invalid webhook url")
        try:
            text = _markdown(orjson.loads(body))
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return _code(40008, "invalid message type")
        if len(text.encode()) > MARKDOWN_BYTES_MAX:
            return _code(40058, "markdown.content exceed max length 4096")
        now = self._clock()
        while self._sent and now - self._sent[0] >= 60:
            self._sent.popleft()
        if len(self._sent) >= PER_MINUTE:
            self.locked += 1
            return _code(45009, "api freq out of limit")
        self._sent.append(now)
        self.messages.append((now, text))
        return _code(0, "ok")


def _markdown(body: Any) -> str:
    if body["msgtype"] != "markdown":
        raise KeyError("msgtype")
    return str(body["markdown"]["content"])


def _code(code: int, words: str) -> bytes:
    return orjson.dumps({"errcode": code, "errmsg": words})
