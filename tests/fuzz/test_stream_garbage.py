"""Garbage at the WebSocket door of a real gateway: always a documented end, never a stack trace, memory flat."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from bus.local.stack import Urls
from tests.bus_under_test import TOKEN, Bus
from tests.fuzz.stream_client import CLOSE, Closed, Subscriber, connected, frame, handshake
from tests.fuzz.stream_mutations import GOOD, bad_frames, bad_handshake
from tests.fuzz.stream_rig import gateway_of, gateway_on

AT_ONCE = 30
GROWTH_MB_MAX = 50
SILENT_S = 1.0  # who sent half a request is left waiting for the rest
TOLD_CODES = {4400, 4401, 4403, 4404, 4408, 4410, 1013}
PROTOCOL_CODES = {1000, 1001, 1002, 1005, 1007, 1008, 1009, 1011}
TOLD_STATUSES = {401, 403, 404, 405}
PROTOCOL_STATUSES = {400, 405, 426}
LONG = [pytest.mark.faults, pytest.mark.timeout(900)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A gateway with what a stranger may know of it."""

    bus: Bus
    revoked: str
    cursors: list[str]

    async def come(self, hello: bytes) -> Subscriber:
        """Connect with these first bytes."""
        return await connected(self.bus.url, hello, take=orjson.loads)


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Run a gateway; it ends well, and without a stack trace in its log."""
    with gateway_on(parts, tmp_path) as running:
        yield running


@pytest.fixture
async def endpoint(bus: Bus) -> Endpoint:
    """Revoke a client, and get cursors."""
    revoked = bus.run("client", "add", "gone", "--role", "subscriber").stdout.split()[-1]
    assert bus.run("client", "revoke", "gone").returncode == 0
    cursors = []
    for topics in (GOOD, "topics=ticket.status,ticket.events"):
        subscriber = await connected(bus.url, handshake(topics, TOKEN))
        cursors.append((await subscriber.have(1))[0]["cursor"])
        subscriber.leave()
    return Endpoint(bus=bus, revoked=revoked, cursors=cursors)


@pytest.mark.parametrize("count", [300, pytest.param(12_000, marks=LONG)])
async def test_a_broken_handshake_is_refused_with_a_reason(
    endpoint: Endpoint, count: int, request: pytest.FixtureRequest
) -> None:
    chance = chance_of(request)

    async def one() -> str:
        hello = bad_handshake(chance, TOKEN, endpoint.revoked, endpoint.cursors)
        subscriber = await endpoint.come(hello)
        try:
            await heard_from(subscriber)
            if subscriber.got and subscriber.got[0]["kind"] == "ready":
                subscriber.send(frame(CLOSE, b"\x03\xe8"))
                await subscriber.end()
                return "welcome"
            if subscriber.status or subscriber.ended.is_set():
                return refusal(hello, await subscriber.end(), subscriber)
            return "unanswered"
        finally:
            subscriber.leave()

    seen = await many(endpoint, one, count)
    assert seen["unanswered"] + seen["broken"] < count / 10, seen
    assert {"4400", "4404", "401", "welcome"} <= set(seen), seen


@pytest.mark.parametrize("count", [300, pytest.param(12_000, marks=LONG)])
async def test_whatever_a_subscriber_says_costs_nothing_and_ends_by_the_book(
    endpoint: Endpoint, count: int, request: pytest.FixtureRequest
) -> None:
    chance = chance_of(request)

    async def one() -> str:
        subscriber = await endpoint.come(handshake(GOOD, TOKEN))
        try:
            await subscriber.have(1)
            subscriber.send(bad_frames(chance))
            match chance.randrange(4):
                case 0:
                    return "reset"
                case 1 if subscriber.transport is not None:
                    with contextlib.suppress(OSError):  # it may have been cut before
                        subscriber.transport.write_eof()
                case _:
                    subscriber.send(frame(CLOSE, b"\x03\xe8"))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SILENT_S):
                    await subscriber.ended.wait()
            if not subscriber.ended.is_set():
                return "waiting"  # for the rest of a frame that says to be longer
            assert subscriber.closed.code in PROTOCOL_CODES | {None}, subscriber.closed
            return str(subscriber.closed.code)
        finally:
            subscriber.leave()

    seen = await many(endpoint, one, count)
    assert {"1000", "1002", "1008", "1009"} <= set(seen), seen


@pytest.mark.faults
async def test_who_never_ends_a_handshake_is_not_waited_for(endpoint: Endpoint) -> None:
    hello = handshake(GOOD, TOKEN)
    slow = [await endpoint.come(hello[:length]) for length in (0, 1, 40, len(hello) - 2)]
    for one in slow:
        await one.end()
        assert (one.closed.status, orjson.loads(one.closed.body)["code"]) == (408, "slow_head")


async def many(endpoint: Endpoint, one: Callable[[], Awaitable[str]], count: int) -> Counter[str]:
    """Do it so many times, some at once; the gateway stays as small as it is, and open to others."""
    process, seen = gateway_of(endpoint.bus), Counter[str]()

    async def some(times: int) -> None:
        for _ in range(times):
            seen[await one()] += 1

    await asyncio.gather(*(some(5) for _ in range(AT_ONCE)))
    before, files = process.megabytes, process.files
    await asyncio.gather(*(some(count // AT_ONCE) for _ in range(AT_ONCE)))
    after = process.megabytes
    print(f"{count}: {dict(seen)}; {before:.0f} MB, {after:.0f} MB after")
    assert after - before < GROWTH_MB_MAX
    async with endpoint.bus.client() as http:
        assert (await http.get("/v1/topics")).status_code == 200
    async with asyncio.timeout(60):
        while process.files > files + AT_ONCE:
            await asyncio.sleep(0.1)
    return seen


async def heard_from(subscriber: Subscriber) -> None:
    """Wait until it is told something or the connection has ended; not for ever, as half a request has no answer."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SILENT_S):
            while not subscriber.got and not subscriber.status and not subscriber.ended.is_set():
                subscriber.news.clear()
                await subscriber.news.wait()
    if subscriber.status:
        with contextlib.suppress(AssertionError):
            await subscriber.have(1)


def refusal(hello: bytes, closed: Closed, subscriber: Subscriber) -> str:
    """Judge a refusal: it says why in both languages, or the server says that this is no handshake."""
    if closed.status in TOLD_STATUSES and closed.body.startswith(b"{"):
        assert_problem(orjson.loads(closed.body), hello)
        return str(closed.status)
    if closed.code in TOLD_CODES:
        assert_problem(subscriber.got[-1], hello)
        assert len(closed.reason.encode()) <= 123
        return str(closed.code)
    by_the_book = closed.status in PROTOCOL_STATUSES or closed.code in PROTOCOL_CODES or subscriber.status == 0
    nowhere = closed.status == 403 and not hello.split(b" ")[1].startswith(b"/")  # what is no path leads to no route
    assert by_the_book or nowhere, (hello, closed)
    return str(closed.status or closed.code) if subscriber.status else "broken"


def assert_problem(told: dict[str, object], hello: bytes) -> None:
    """Assert that a problem is whole."""
    for member in ("type", "title", "status", "code", "field", "detail", "detail_en", "trace_id"):
        assert member in told, (hello, told)
    assert told["code"] not in {"internal", "unavailable"}, (hello, told)


def chance_of(request: pytest.FixtureRequest) -> random.Random:
    """Take chances from the seed given, else always the same."""
    seed = request.config.getoption("--seed", default=None) or 20261122
    print(f"--seed {seed}")
    return random.Random(f"{seed} {request.node.name}")  # noqa: S311 - repeatable on purpose
