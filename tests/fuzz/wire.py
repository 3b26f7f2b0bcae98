"""A client that sends bytes as they are over kept connections, and reads what HTTP/1.1 answers."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.fuzz.shots import Answer, Shot
from tests.gateway.conftest import BODY_BYTES_MAX

ANSWER_S_MAX = 120.0
CUT_OFF = Answer(status=413, headers={}, body=b"")
"""The gateway refused a body before all of it was sent, and the rest being under way cost us its answer."""


@dataclass(slots=True)
class Wire:
    """One connection to a gateway; opened anew whenever the other side closed it."""

    url: str
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None

    async def fire(self, shot: Shot) -> Answer:
        """Send a request and read its answer, or CUT_OFF. Raises ConnectionError when there is none, TimeoutError."""
        head = [shot.method.encode() + b" " + shot.target + b" HTTP/1.1", b"host: bus"]
        head += [name + b": " + value for name, value in shot.headers]
        if shot.body or shot.method == "POST":
            head.append(b"content-length: %d" % len(shot.body))
        try:
            return await self.send(b"\r\n".join(head) + b"\r\n\r\n" + shot.body, shot.method)
        except ConnectionError:
            if len(shot.body) > BODY_BYTES_MAX:
                return CUT_OFF
            raise

    async def send(self, request: bytes, method: str = "GET") -> Answer:
        """Send any bytes and read one answer; once more where a kept connection had been idle for too long."""
        kept = self.writer is not None
        try:
            return await self._send(request, method)
        except ConnectionError:
            if not kept:
                raise
            return await self._send(request, method)

    async def _send(self, request: bytes, method: str) -> Answer:
        async with asyncio.timeout(ANSWER_S_MAX):
            if self.writer is None or self.reader is None or self.reader.at_eof():
                await self.close()
                where = urlsplit(self.url)
                self.reader, self.writer = await asyncio.open_connection(where.hostname, where.port)
            self.writer.write(request)
            sending = asyncio.create_task(self.writer.drain())
            try:
                answer = await _answer(self.reader, method)
            except (OSError, EOFError):
                await self.close()
                raise ConnectionError("closed without an answer") from None
            finally:
                sending.cancel()
                with suppress(asyncio.CancelledError, OSError):
                    await sending
        if answer.headers.get("connection", "").lower() == "close":
            await self.close()
        return answer

    async def close(self) -> None:
        """Close it; idempotent."""
        writer, self.reader, self.writer = self.writer, None, None
        if writer is not None:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader, method: str) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    elif method != "HEAD":
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Answer(status=int(head[0].split(" ")[1]), headers=headers, body=body)


async def sent_raw(url: str, request: bytes) -> bytes:
    """Send any bytes, say that no more come, and read all that comes back until the other side closes."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        async with asyncio.timeout(ANSWER_S_MAX):
            with suppress(OSError):
                writer.write(request)
                await writer.drain()
                writer.write_eof()
            answered = b""
            with suppress(OSError):
                while more := await reader.read(65_536):
                    answered += more
            return answered
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def fire_all(url: str, shots: Iterable[Shot], told: Callable[[Shot, Answer], Any], *, at_once: int = 24) -> None:
    """Fire shots over some connections, drawing the next one whenever an answer came, and tell each answer."""
    waiting = iter(shots)

    async def connection() -> None:
        wire = Wire(url)
        try:
            for shot in waiting:
                told(shot, await wire.fire(shot))
        finally:
            await wire.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(connection())
