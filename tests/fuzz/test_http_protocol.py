"""What is no HTTP, and heads without an end, at a real server: a problem or a closed door, and flat memory."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Sequence
from random import Random

import psutil
import pytest
import uvicorn

from bus.embedded_uvicorn import EmbeddedUvicorn
from bus.gateway.http import sockets
from bus.gateway.http.uvicorn_http import UNREAD_BYTES_MAX, protocol_with
from tests.bus_under_test import eventually
from tests.fuzz.mutations import damaged
from tests.fuzz.shots import Answer, Shot
from tests.fuzz.wire import Wire, sent_raw
from tests.gateway.conftest import Gateway

PER_ADDRESS = 40
LARGE = b"GET /docs/files/swagger-ui-bundle.js HTTP/1.1\r\nhost: bus\r\n\r\n"
HEAD = b"POST /v1/tickets HTTP/1.1\r\nhost: bus\r\nauthorization: Bearer admin\r\nidempotency-key: %d\r\n"
GOOD: Sequence[bytes] = (
    HEAD + b"content-length: 2\r\n\r\n{}",
    HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n1;a=b\r\n}\r\n0\r\nx-trailer: y\r\n\r\n",
    b"GET /v1/tickets?limit=5 HTTP/1.1\r\nhost: bus\r\nauthorization: Bearer admin\r\n\r\n" * 3,
    b"GET /livez HTTP/1.0\r\n\r\n",
)
FLOODS: Sequence[tuple[str, bytes, bytes]] = (
    ("one header", b"GET /livez HTTP/1.1\r\nx: ", b"a"),
    ("many headers", b"GET /livez HTTP/1.1\r\n", b"x: aaaaaaaa\r\n"),
    ("an address", b"GET /", b"a"),
    ("trailers", HEAD % 1 + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n", b"x: aaaaaaaa\r\n"),
    ("extensions of a chunk", HEAD % 2 + b"transfer-encoding: chunked\r\n\r\n1;", b"a"),
)


@pytest.fixture
async def url(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Serve a gateway in memory by the protocol of the real one, and give its address."""
    monkeypatch.setattr(sockets, "UNREAD_S_MAX", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        http = protocol_with(PER_ADDRESS)
        server = EmbeddedUvicorn(
            uvicorn.Config(Gateway().app, http=http, log_config=None, access_log=False, log_level="critical")
        )
        serving = asyncio.create_task(server.serve([listening]))
        async with asyncio.timeout(60):
            while not server.started:
                await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await serving


@pytest.mark.parametrize(("name", "begins", "goes_on"), FLOODS, ids=[name for name, _, _ in FLOODS])
async def test_a_head_without_an_end_is_cut_off(url: str, name: str, begins: bytes, goes_on: bytes) -> None:
    before = psutil.Process().memory_info().rss
    answered = await sent_raw(url, begins + goes_on * (32 * 1024 * 1024 // len(goes_on)))
    assert not answered or b"application/problem+json" in answered or name == "trailers", answered[:300]
    assert psutil.Process().memory_info().rss - before < 100 * 1024 * 1024  # 32 MB of it are ours


async def test_a_head_within_the_limit_is_read_and_one_over_it_is_431(url: str) -> None:
    wire = Wire(url)
    long = ((b"x", b"a" * (UNREAD_BYTES_MAX - 1000)),)
    assert (await wire.fire(Shot(method="GET", target=b"/livez", headers=long))).status == 200
    body = b'{"title": "' + b"x" * 200_000 + b'"}'
    headers = ((b"authorization", b"Bearer admin"), (b"idempotency-key", b"k"))
    long_body = Shot(method="POST", target=b"/v1/tickets", headers=headers, body=body)
    assert (await wire.fire(long_body)).member("code") == "missing"  # a body is no head
    over = await wire.fire(Shot(method="GET", target=b"/livez", headers=(*long, (b"y", b"a" * 300_000))))
    assert (over.status, over.member("code"), over.member("field")) == (431, "head_too_large", "headers")
    assert over.member("trace_id") in over.headers["traceparent"]
    await wire.close()


@pytest.mark.parametrize("shots", [1000, pytest.param(20_000, marks=[pytest.mark.faults, pytest.mark.timeout(900)])])
async def test_what_is_no_http_is_told_so_or_shut_out(url: str, chance: Random, shots: int) -> None:
    for number in range(shots):
        text = chance.choice(GOOD).replace(b"%d", b"%d" % number)
        answered = await sent_raw(url, damaged(text, chance))
        for part in answered.split(b"HTTP/1.1 ")[1:]:
            assert part[:1] in b"24", part[:300]
            assert part[:1] == b"2" or b"application/problem+json" in part, part[:300]
    assert await sent_raw(url, GOOD[-1])


async def livez(url: str) -> Answer:
    wire = Wire(url)
    try:
        return await wire.fire(Shot(method="GET", target=b"/livez"))
    finally:
        await wire.close()


def connected(url: str, window: int = 2048) -> socket.socket:
    """Connect, with a tiny window as who means to read nothing does."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    one.connect(("127.0.0.1", int(url.rpartition(":")[2])))
    one.setblocking(False)
    return one


@pytest.mark.parametrize("requests", [1, 40, 5_000], ids=["one", "a pipeline", "a flood"])
async def test_answers_nobody_reads_are_given_up_and_others_are_served(url: str, requests: int) -> None:
    many = [connected(url) for _ in range(PER_ADDRESS - 2)]
    for one in many:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            one.send(LARGE * requests)
    port = int(url.rpartition(":")[2])

    async def all_gone() -> bool:
        held = [c for c in psutil.Process().net_connections("tcp") if c.laddr.port == port and c.status != "LISTEN"]
        return not [c for c in held if c.status == "ESTABLISHED"]

    assert (await livez(url)).status == 200
    await eventually(all_gone, within_s=30)
    for one in many:
        one.close()


async def test_a_slow_reader_gets_the_whole_answer(url: str) -> None:
    one, got = connected(url, window=64 * 1024), b""
    one.send(LARGE.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
    loop, began = asyncio.get_running_loop(), time.monotonic()
    while part := await loop.sock_recv(one, 64 * 1024):
        got += part
        await asyncio.sleep(0.1)
    one.close()
    head, _, body = got.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head
    assert time.monotonic() - began > 0.5  # longer than who reads nothing is waited for


async def test_connections_of_one_address_have_a_limit_and_are_counted_down(url: str) -> None:
    many = [connected(url) for _ in range(PER_ADDRESS)]
    refused = await livez(url)
    assert (refused.status, refused.member("code")) == (429, "too_many_connections")
    for one in many:
        one.close()

    async def served() -> bool:
        return (await livez(url)).status == 200

    await eventually(served)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /livez HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/1.0\r\nhost: a\r\nhost: a\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nhost:\r\n\r\n",
        b"GET /livez HTTP/1.0\r\nhost: \r\n\r\n",
        b"GET /livez HTTP/1.1\r\nhost: a\r\nauthorization: Bearer a\r\nAuthorization: Bearer a\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nhost: a\r\nidempotency-key: a\r\nidempotency-key: b\r\n\r\n",
        b"GET /livez\r\n\r\n",
        b"GET /livez HTTP/0.9\r\nhost: a\r\n\r\n",
    ],
)
async def test_a_request_has_one_host_one_token_and_a_version(url: str, head: bytes) -> None:
    assert (await sent_raw(url, head)).startswith(b"HTTP/1.1 400 ")
    assert (await livez(url)).status == 200
