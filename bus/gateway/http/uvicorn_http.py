"""What uvicorn's HTTP leaves open: limits on heads, unread answers and connections; a problem for what is no HTTP."""

import asyncio
import secrets
from asyncio import TimerHandle
from collections import Counter
from typing import ClassVar

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from bus.domain.text import Text
from bus.gateway.http import sockets
from bus.gateway.http.problems import HttpProblem, problem

HEAD_S_MAX = 10.0
DRAINED_BYTES_MIN = 64 * 1024  # who takes less than that in UNREAD_S_MAX is not reading
PIPELINED_MAX = 64  # requests that wait while another is answered
CONNECTIONS_PER_ADDRESS = 500
ONCE = (b"host", b"authorization")  # of a WebSocket too; other headers of one value: `single_values`
ENDLESS = "ticketbus.endless"
"""The ASGI extension: call its `begin` before an answer that has no end; each piece of it is to be read in time."""

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
    _due: float | None = None  # when the answer under way is to be read whole, by the loop's clock
    _endless = False
    _answered: RequestResponseCycle | None = None  # the request being answered: with pipelining not the last one

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Start the request-head timeout, and bound the buffers; one address too often is turned away."""
        super().connection_made(transport)
        sockets.bound_send_buffer(transport)
        transport.set_write_buffer_limits(1, 0)  # who sends waits until the kernel, or TLS below us, has all of it
        self._deadline = self.loop.call_later(HEAD_S_MAX, self._too_slow)
        self._address = self.client[0] if self.client else ""
        self._open[self._address] += 1
        if self._open[self._address] > self.per_address:
            most = self.per_address
            zh, en = f"同一地址的连接超过 {most} 个", f"more than {most} connections of one address"
            headers = {"Retry-After": str(int(sockets.UNREAD_S_MAX))}
            self._cut_off(HttpProblem(429, "too_many_connections", "connection", Text(zh, en), headers))

    def connection_lost(self, exc: Exception | None) -> None:
        """End; uvicorn tells the last request alone that its client has gone, not the one being answered."""
        self._in_time()
        self._stop_watching()
        super().connection_lost(exc)
        sockets.linger(self.transport, self._leave_address)
        if self._answered is not None and not self._answered.response_complete:
            self._answered.disconnected = True
            self._answered.message_event.set()
        self.pipeline.clear()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over; it is the stream's from now on."""
        self._leave_address()
        self._stop_watching()
        self.transport.set_write_buffer_limits()
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        """Watch the reader: the answer is to be read by a time that grows with what is written of it."""
        super().pause_writing()
        left = self.transport.get_write_buffer_size()
        more_s = left / sockets.BYTES_PER_S_MIN if self._due else sockets.read_by_s(left)
        self._due = (self._due or self.loop.time()) + more_s
        self._watch_drain(left)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_watching()
        if self._endless:
            self._due = None

    def on_response_complete(self) -> None:
        self._endless = False
        if not self.transport.get_write_buffer_size():
            self._due = None
        super().on_response_complete()

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
        version, seen = self.parser.get_http_version(), Counter(name for name, _ in self.headers)
        if version not in ("1.0", "1.1") or any(seen[name] > 1 for name in ONCE):
            raise ValueError("HTTP 1.0 or 1.1, and no header twice")  # the parser ends here, and the answer is 400
        if (b"host", b"") in self.headers or (version == "1.1" and not seen[b"host"]):
            raise ValueError("a Host")
        self._unread = 0
        self._in_time()
        self.scope["extensions"] = {ENDLESS: {"begin": self._begin_endless}}
        super().on_headers_complete()
        if len(self.pipeline) > PIPELINED_MAX:
            sockets.reset(self.transport)

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

    def _begin_endless(self) -> None:
        """Take the connection for a stream's, as that of a WebSocket: streams have a limit of their own."""
        self._leave_address()
        self._endless = True
        sockets.drop_when_unreachable(self.transport)

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

    def _watch_drain(self, left: int) -> None:
        """See, from time to time, that what was written is read, and in time."""
        assert self._due is not None
        look_at = min(self.loop.time() + sockets.UNREAD_S_MAX, self._due)
        self._draining = self.loop.call_at(look_at, self._drained, left)

    def _stop_watching(self) -> None:
        if self._draining is not None:
            self._draining.cancel()
            self._draining = None

    def _drained(self, before: int) -> None:
        left = self.transport.get_write_buffer_size()
        if left > max(before - DRAINED_BYTES_MIN, 0) or self.loop.time() >= (self._due or 0):
            self._stop_watching()
            sockets.reset(self.transport)
        else:
            self._watch_drain(left)

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


def protocol_with(per_address: int) -> type[HttpProtocol]:
    """Give the protocol of a server that takes so many connections of one address, and counts them itself."""
    return type("HttpProtocol", (HttpProtocol,), {"per_address": per_address, "_open": Counter[str]()})
