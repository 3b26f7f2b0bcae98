"""What is no HTTP, and heads without an end, at a real server: a problem or a closed door, and flat memory."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from random import Random

import psutil
import pytest
import uvicorn

from bus.gateway.http.uvicorn_http import UNREAD_BYTES_MAX, HttpProtocol
from tests.fuzz.mutations import damaged
from tests.fuzz.shots import Shot
from tests.fuzz.wire import Wire, sent_raw
from tests.gateway.conftest import Gateway, Server

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
async def url() -> AsyncIterator[str]:
    """Serve a gateway in memory by the protocol of the real one, and give its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(
            uvicorn.Config(Gateway().app, http=HttpProtocol, log_config=None, access_log=False, log_level="critical")
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
