"""Answers that nobody reads, or too slowly, over real sockets: what they hold is bounded, and others are served."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import psutil
import pytest
import uvicorn
import uvloop
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.embedded_uvicorn import EmbeddedUvicorn
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http import answer_budget, body_stream, middleware, sockets
from bus.gateway.http.answer_budget import READS_AT_WORK, AnswerBudget
from bus.gateway.http.routing import Feature, reading
from bus.gateway.http.uvicorn_http import protocol_with
from tests.bus_under_test import eventually
from tests.fuzz.shots import Answer, Shot
from tests.fuzz.wire import Wire
from tests.gateway.conftest import Gateway

WITHIN_KERNEL = "/large?bytes=49152"  # its buffer takes all of it at once
FILE = "/docs/files/swagger-ui-bundle.js"
MIB = 1024 * 1024


@dataclass
class WithLargeReads(Gateway):
    """A gateway with a read of a mebibyte, or of as many bytes as are asked for, and one that waits to go on."""

    goes_on: threading.Event = field(default_factory=threading.Event)

    def features(self) -> Sequence[Feature]:
        async def large(http: HttpRequest) -> Response:
            await admit(http, Access.READ)
            return Response(b"x" * int(http.query_params.get("bytes", MIB)))

        async def slow(http: HttpRequest) -> Response:
            await admit(http, Access.READ)
            while not self.goes_on.is_set():
                await asyncio.sleep(0.01)
            return Response(b"")

        return [
            *super().features(),
            [replace(reading("/large", large, "Large"), query=["bytes"]), reading("/slow", slow, "Slow")],
        ]


@asynccontextmanager
async def serving(gateway: Gateway) -> AsyncIterator[int]:
    """Serve by the protocol and on the kind of loop that the gateway's program has; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            gateway.app, http=protocol_with(100), log_config=None, access_log=False, timeout_keep_alive=1
        )
        server = EmbeddedUvicorn(config)

        def serve() -> None:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(server.serve([listening]))

        thread = asyncio.create_task(asyncio.to_thread(serve))
        async with asyncio.timeout(60):
            while not server.started:
                await asyncio.sleep(0.01)
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await thread


@contextmanager
def asked(port: int, path: str, token: str = "", *more: str, window: int = 2048) -> Iterator[socket.socket]:
    """Ask, and read nothing."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        connection.connect(("127.0.0.1", port))
        connection.setblocking(False)
        head = [f"GET {path} HTTP/1.1", "host: bus", *([f"authorization: Bearer {token}"] if token else ()), *more]
        connection.send("\r\n".join([*head, "", ""]).encode())
        yield connection


async def answered(port: int, path: str, role: str = "admin", method: str = "GET") -> Answer:
    """Ask as a role, and read the answer."""
    wire, headers = Wire(f"http://127.0.0.1:{port}"), ((b"authorization", b"Bearer " + role.encode()),)
    try:
        return await wire.fire(Shot(method=method, target=path.encode(), headers=headers))
    finally:
        await wire.close()


async def refused(port: int, status: int, code: str, path: str = "/large", role: str = "admin") -> bool:
    """Say whether a read is refused so, and when to come again."""
    answer = await answered(port, path, role)
    return (answer.status, answer.member("code"), "retry-after" in answer.headers) == (status, code, True)


@pytest.mark.parametrize(
    ("path", "more"), [(FILE, ()), (WITHIN_KERNEL, ("connection: close",)), (WITHIN_KERNEL, ())],
    ids=["beyond the kernel's buffer", "closed once it is written", "closed when idle"],
)  # fmt: skip
async def test_unread_answers_leave_no_socket_in_the_kernel(
    path: str, more: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "UNREAD_S_MAX", 1.0)
    monkeypatch.setattr(sockets, "BYTES_PER_S_MIN", MIB)
    async with serving(WithLargeReads()) as port:

        def held() -> list[str]:
            found = [one for one in psutil.net_connections("tcp") if one.laddr and one.laddr.port == port]
            return [one.status for one in found if one.status not in ("LISTEN", "TIME_WAIT")]

        async def whole() -> bool:
            return len(held()) == 5

        async def gone() -> bool:
            return not held()

        with ExitStack() as clients:
            for _ in range(5):
                clients.enter_context(asked(port, path, "admin", *more))
            await eventually(whole)
            await eventually(gone, within_s=15)


async def test_unread_answers_of_ended_connections_count_for_their_address() -> None:
    async with serving(WithLargeReads()) as port:
        with ExitStack() as clients:
            for _ in range(100):
                clients.enter_context(asked(port, WITHIN_KERNEL, "admin", "connection: close"))

            async def turned_away() -> bool:
                return (await answered(port, "/livez")).status == 429

            await eventually(turned_away)


async def test_unread_answers_that_are_read_too_slowly_are_aborted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "UNREAD_S_MAX", 0.5)
    monkeypatch.setattr(sockets, "BYTES_PER_S_MIN", MIB)
    async with serving(Gateway()) as port:
        with asked(port, FILE, window=64 * 1024) as connection:
            loop, got = asyncio.get_running_loop(), [b""]

            async def read() -> None:
                while part := await loop.sock_recv(connection, 32 * 1024):
                    got.append(part)
                    await asyncio.sleep(0.1)  # more than 64 KiB in 0.5 s: it reads, at a third of what is asked

            with pytest.raises(ConnectionResetError):
                await read()
            assert 0 < sum(map(len, got)) < 1_700_000


async def test_unread_answers_of_one_client_leave_the_others_their_part() -> None:
    gateway = WithLargeReads(answers=AnswerBudget(bytes_max=3 * MIB))
    async with serving(gateway) as port:
        with asked(port, "/large", "admin"):
            await eventually(partial(refused, port, 429, "unread_answers"))
            assert await refused(port, 429, "unread_answers", "/v1/topics")
            assert (await answered(port, "/large", "lead")).status == 200
            with asked(port, "/large", "lead"), asked(port, "/large", "sre"), asked(port, "/large", "dispatcher"):
                await eventually(partial(refused, port, 503, "busy", role="engineer"))
                assert {(await answered(port, path)).status for path in ("/livez", "/readyz")} == {200}

        async def served() -> bool:
            return (await answered(port, "/large")).status == 200

        async def nothing_held() -> bool:
            return not gateway.answers.waiting and not gateway.answers.reads

        await eventually(served)
        await eventually(nothing_held)  # a client has its answer a moment before the gateway knows


async def test_reads_at_once_are_limited_per_client_and_wait_for_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_budget, "TURN_S_MAX", 0.2)
    gateway = WithLargeReads(answers=AnswerBudget(reads_per_client=READS_AT_WORK))
    async with serving(gateway) as port:
        with ExitStack() as clients:
            for _ in range(READS_AT_WORK):
                clients.enter_context(asked(port, "/slow", "admin"))
            await eventually(partial(refused, port, 429, "too_many_reads"))
            assert await refused(port, 503, "busy", role="lead")
            assert (await answered(port, "/livez")).status == 200
            assert (await answered(port, "/v1/tickets", "admin", "POST")).status == 400  # a command is no read
            waiting = asyncio.create_task(answered(port, "/large", "lead"))
            monkeypatch.setattr(answer_budget, "TURN_S_MAX", 60)
            gateway.goes_on.set()
            await waiting
            assert (await answered(port, "/large")).status == 200


async def test_a_body_that_comes_too_slowly_is_408_and_the_connection_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "BODY_SECONDS_MAX", 0.3)
    async with serving(Gateway()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /v1/tickets HTTP/1.1\r\nhost: bus\r\ncontent-length: 200000\r\n\r\n{")

        async def dripped() -> None:
            with contextlib.suppress(OSError):
                while True:
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0.05)

        dripping = asyncio.create_task(dripped())
        async with asyncio.timeout(30):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 408 ")
            assert b"connection: close\r\n" in head
            with contextlib.suppress(ConnectionResetError):  # an end, too, of a connection that still sends
                await reader.read()
        dripping.cancel()
        writer.close()


async def test_a_body_that_is_encoded_is_read_before_it_is_refused() -> None:
    async with serving(Gateway()) as port:
        wire = Wire(f"http://127.0.0.1:{port}")
        encoded = await wire.fire(
            Shot(method="POST", target=b"/v1/tickets", headers=((b"content-encoding", b"gzip"),), body=b"{}")
        )
        assert (encoded.status, encoded.headers.get("connection")) == (415, None)
        await wire.close()


async def test_who_sends_a_whole_body_before_it_reads_sees_its_refusal() -> None:
    head = b"POST /v1/tickets HTTP/1.1\r\nhost: bus\r\ncontent-length: %d\r\n\r\n"
    async with serving(Gateway()) as port:

        def refused() -> bytes:
            with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
                client.sendall(head % (30 * MIB))
                for _ in range(30):
                    client.sendall(b" " * MIB)
                return b"".join(iter(partial(client.recv, MIB), b""))

        answer = await asyncio.to_thread(refused)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b'"body_too_large"' in answer


async def test_who_waits_for_leave_to_send_a_body_is_refused_at_once() -> None:
    head = b"POST /v1/tickets HTTP/1.1\r\nhost: bus\r\ncontent-length: 30000000\r\nexpect: 100-continue\r\n\r\n"
    async with serving(Gateway()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        async with asyncio.timeout(body_stream.DROPPED_S_MAX / 2):
            assert (await reader.read()).startswith(b"HTTP/1.1 413 ")
        writer.close()
