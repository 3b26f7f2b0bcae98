"""What uvicorn's HTTP parser leaves open: a limit on everything that is no body, and a problem for what is no HTTP."""

import asyncio
import secrets
from asyncio import TimerHandle

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from bus.domain.text import Text
from bus.gateway.http.problems import HttpProblem, problem

HEAD_S_MAX = 10.0
UNREAD_BYTES_MAX = 64 * 1024
"""Of a head, of trailers, of extensions of chunks: the parser keeps them in memory, however long, until they end."""


class HttpProtocol(HttpToolsProtocol):
    """One connection; counts the bytes that came since the parser last made a whole head or part of a body of them."""

    _unread = 0
    _deadline: TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Start the request-head timeout; uvicorn has none."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(HEAD_S_MAX, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        super().connection_lost(exc)

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
        self._unread = 0
        self._in_time()
        super().on_headers_complete()

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

    def _in_time(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

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
