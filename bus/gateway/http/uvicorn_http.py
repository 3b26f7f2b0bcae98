"""What uvicorn's HTTP leaves open: limits on heads, unread answers and connections; a problem for what is no HTTP."""

import asyncio
import secrets
import socket
from asyncio import TimerHandle
from collections import Counter
from typing import ClassVar

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from bus.domain.text import Text
from bus.gateway.http.problems import HttpProblem, problem

HEAD_S_MAX = 10.0
UNDRAINED_S_MAX, DRAINED_BYTES_MIN = 10.0, 64 * 1024  # who takes less than that in that time is not reading
SEND_BUFFER_BYTES = 64 * 1024  # the kernel's; left alone, it grows to megabytes for each who does not read
PIPELINED_MAX = 64  # requests that wait while another is answered
CONNECTIONS_PER_ADDRESS = 500
UNREAD_BYTES_MAX = 64 * 1024
"""Of a head, of trailers, of extensions of chunks: the parser keeps them in memory, however long, until they end."""


class HttpProtocol(HttpToolsProtocol):
    """One connection; counts the bytes that came since the parser last made a whole head or part of a body of them."""

    per_address = CONNECTIONS_PER_ADDRESS
    _open: ClassVar = Counter[str]()  # connections by the client's address
    _address: str | None = None
    _unread = 0
    _deadline: TimerHandle | None = None
    _draining: TimerHandle | None = None
    _answered: RequestResponseCycle | None = None  # the request being answered: with pipelining not the last one

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Start the request-head timeout, and bound the kernel's buffer; one address too often is turned away."""
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._deadline = self.loop.call_later(HEAD_S_MAX, self._too_slow)
        self._address = self.client[0] if self.client else ""
        self._open[self._address] += 1
        if self._open[self._address] > self.per_address:
            most = self.per_address
            zh, en = f"同一地址的连接超过 {most} 个", f"more than {most} connections of one address"
            headers = {"Retry-After": str(int(UNDRAINED_S_MAX))}
            self._cut_off(HttpProblem(429, "too_many_connections", "connection", Text(zh, en), headers))

    def connection_lost(self, exc: Exception | None) -> None:
        """End; uvicorn tells the last request alone that its client has gone, not the one being answered."""
        self._in_time()
        self._leave_address()
        self._stop_watching()
        super().connection_lost(exc)
        if self._answered is not None and not self._answered.response_complete:
            self._answered.disconnected = True
            self._answered.message_event.set()
        self.pipeline.clear()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over; it is the stream's from now on."""
        self._leave_address()
        self._stop_watching()
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_drain()

    def resume_writing(self) -> None:
        """Begin to watch anew: who took so much is reading, whatever is written since."""
        super().resume_writing()
        self._stop_watching()
        self._watch_drain()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch_drain()

    def data_received(self, data: bytes) -> None:
        """Parse; a sender beyond the limits without a request is answered 431 and disconnected."""
        self._unread += len(data)
        super().data_received(data)
        if self._unread > UNREAD_BYTES_MAX and not self.transport.is_closing():
            zh, en = f"请求头超过 {UNREAD_BYTES_MAX} 字节", f"the head is larger than {UNREAD_BYTES_MAX} bytes"
            self._cut_off(HttpProblem(431, "head_too_large", "headers", Text(zh, en), limit_bytes=UNREAD_BYTES_MAX))
        elif self._unread and self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_S_MAX, self._too_slow)

    def on_headers_complete(self) -> None:
        hosts, version = sum(name == b"host" for name, _ in self.headers), self.parser.get_http_version()
        if version not in ("1.0", "1.1") or hosts > 1 or (hosts == 0 and version == "1.1"):
            raise ValueError("one Host, and HTTP 1.0 or 1.1")  # the parser ends here, and the answer is 400
        self._unread = 0
        self._in_time()
        super().on_headers_complete()
        if len(self.pipeline) > PIPELINED_MAX:
            self.transport.abort()

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        self._in_time()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unread = 0
        self._in_time()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be parsed in the shape of all problems."""
        self._cut_off(HttpProblem(400, "not_http", "request", Text("不是合法的 HTTP 请求", msg)))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _in_time(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _leave_address(self) -> None:
        if self._address is not None:
            self._open[self._address] -= 1
            if self._open[self._address] <= 0:
                del self._open[self._address]
            self._address = None

    def _watch_drain(self) -> None:
        """See, from time to time, that what was written is read."""
        left = self.transport.get_write_buffer_size()
        if left and self._draining is None:
            self._draining = self.loop.call_later(UNDRAINED_S_MAX, self._drained, left)

    def _stop_watching(self) -> None:
        if self._draining is not None:
            self._draining.cancel()
            self._draining = None

    def _drained(self, before: int) -> None:
        self._draining, left = None, self.transport.get_write_buffer_size()
        if left > max(before - DRAINED_BYTES_MIN, 0):
            self.transport.abort()
        else:
            self._watch_drain()

    def _too_slow(self) -> None:
        self._deadline = None
        self._cut_off(HttpProblem(408, "slow_head", "headers", Text("请求头发送过慢", "the head came too slowly")))

    def _cut_off(self, error: HttpProblem) -> None:
        """Answer and close; while another answer is under way, only close: two would be taken for one."""
        answering: RequestResponseCycle | None = self.cycle  # None until the first request
        if answering is None or answering.response_complete:
            trace_id = secrets.token_hex(16)
            response = problem(error, trace_id)
            response.headers["traceparent"] = f"00-{trace_id}-{secrets.token_hex(8)}-01"
            response.headers["connection"] = "close"
            head = b"".join(b"%s: %s\r\n" % pair for pair in response.raw_headers)
            self.transport.write(b"HTTP/1.1 %d \r\n%s\r\n%s" % (response.status_code, head, bytes(response.body)))
        self.transport.close()
        self._watch_drain()


def protocol_with(per_address: int) -> type[HttpProtocol]:
    """Give the protocol of a server that takes so many connections of one address, and counts them itself."""
    return type("HttpProtocol", (HttpProtocol,), {"per_address": per_address, "_open": Counter[str]()})
