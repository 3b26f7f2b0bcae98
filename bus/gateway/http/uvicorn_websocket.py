"""uvicorn's WebSocket protocol with bounds: a limit on what a client sends, and a reason at every close."""

import asyncio
import secrets
from asyncio import TimerHandle
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request

from bus.domain.text import Text
from bus.gateway.http import sockets
from bus.gateway.http.problems import HttpProblem, problem

WIRE = "ticketbus.wire"
"""The ASGI extension: a `websocket.send` may bring `wire`, bytes of whole frames that are written as they are."""

HEARD_MAX = 100  # frames of a subscriber between two pings of ours: it has nothing to say but its own pings
ANSWERS = 2  # frames that each of ours which may be answered allows for: some apps say everything twice
ANSWERS_MAX = 1000
PORTION_BYTES = 4096  # so much is parsed before that is looked at
LINGER_S = 5.0
POLICY_VIOLATION, PING_UNANSWERED = 1008, 1011


class StreamProtocol(WebSocketsSansIOProtocol):
    """One connection of the stream."""

    _heard = 0
    _listens = False
    _leaving: TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, with a bounded buffer in the kernel."""
        super().connection_made(transport)
        sockets.bound_send_buffer(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End, and leave no timer behind, nor the kernel with what nobody reads."""
        if self._leaving is not None:
            self._leaving.cancel()
        super().connection_lost(exc)
        sockets.linger(self.transport)

    def data_received(self, data: bytes) -> None:
        """Parse in portions, so that a flood is stopped within the first."""
        for start in range(0, len(data), PORTION_BYTES):
            if self.close_sent and self.transport.is_closing():
                return
            super().data_received(data[start : start + PORTION_BYTES])
        if self.conn.handshake_exc is not None and not self.handshake_initiated and not self.transport.is_closing():
            self._refuse_handshake()

    def shutdown(self) -> None:
        """End with the server; a connection that is closing already is left alone, where uvicorn would fail."""
        if self.transport.is_closing():
            self.stop_keepalive()
            sockets.reset(self.transport)
        else:
            super().shutdown()

    def handle_connect(self, event: Request) -> None:
        """Start the app with this server's extensions in its scope."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][WIRE] = {}

    def handle_text(self, event: Frame) -> None:
        """Drop it, as all that a subscriber says: nothing of it is kept, gathered or decoded.

        Who was sent something to answer is heard, a frame at a time; what is no whole text is heard as an empty one.
        """
        self._hear()
        if self._listens and not self.close_sent:
            whole = event.opcode is Opcode.TEXT and event.fin
            text = bytes(event.data).decode(errors="replace") if whole else ""
            self.queue.put_nowait({"type": "websocket.receive", "text": text})

    handle_bytes = handle_cont = handle_text

    def handle_ping(self) -> None:
        """Answer, as long as there are not too many."""
        self._hear()
        if not self.close_sent:
            super().handle_ping()

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read: answers to pings would pile up."""
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Listen again."""
        super().resume_writing()
        self.transport.resume_reading()

    def send_keepalive_ping(self) -> None:
        """Ping the subscriber, and reset its count of frames."""
        self._heard = min(self._heard, 0)
        super().send_keepalive_ping()

    def keepalive_timeout(self) -> None:
        """Disconnect a subscriber that does not answer pings, and tell the app, which uvicorn does not."""
        super().keepalive_timeout()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": PING_UNANSWERED})

    def on_task_complete(self, task: "asyncio.Task[None]") -> None:
        """Give what is still to be read a moment; a peer that does not read cannot keep the socket."""
        super().on_task_complete(task)
        if not self.disconnected:
            self._leaving = self.loop.call_later(LINGER_S, sockets.reset, self.transport)

    async def send(self, message: Any) -> None:
        """Write whole frames as they are; the rest is uvicorn's. Raises ClientDisconnected.

        A `websocket.send` may bring `answers`, how many answers it asks for: from then on the app hears texts.
        """
        if answers := message.get("answers", 0):
            self._listens = True
            self._heard = max(self._heard - ANSWERS * answers, -ANSWERS_MAX)
        wire = message.get("wire")
        if wire is None:
            await super().send(message)
            if self.close_sent or self.transport.is_closing():
                self.handshake_complete = True  # uvicorn takes a denial, or a client that went, for an app that forgot
            return
        await self.writable.wait()
        if self.disconnected or self.close_sent:
            raise ClientDisconnected
        self.transport.write(wire)

    def _refuse_handshake(self) -> None:
        """Answer a request that is HTTP but no handshake; uvicorn would keep the connection without a word."""
        zh, en = "不是合法的 WebSocket 握手", "not a WebSocket handshake"
        response = problem(HttpProblem(400, "not_websocket", "handshake", Text(zh, en)), secrets.token_hex(16))
        head = b"".join(b"%s: %s\r\n" % pair for pair in response.raw_headers)
        self.transport.write(b"HTTP/1.1 400 \r\nconnection: close\r\n%s\r\n%s" % (head, bytes(response.body)))
        self.transport.close()

    def _hear(self) -> None:
        self._heard += 1
        if self._heard > HEARD_MAX and not self.close_sent:
            self.conn.fail(POLICY_VIOLATION, "a subscriber only listens")
            self.handle_parser_exception()
