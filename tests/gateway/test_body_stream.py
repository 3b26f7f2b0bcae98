"""A body that is read part by part: who sends too slowly is told, and of what is refused the rest is dropped."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from bus.gateway.http import body_stream
from bus.gateway.http.body_stream import BodyStream, ClientGone
from bus.gateway.http.problems import HttpProblem


def stream_of(messages: Iterable[dict[str, Any]], **headers: str) -> tuple[BodyStream, dict[str, Any]]:
    """Make the body of a request whose sender sends these, then nothing; gives it with the request's state."""
    left, state = list(messages), dict[str, Any]()
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    return BodyStream({"headers": raw, "state": state}, receive), state


def part(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_body_stream_gives_the_parts_and_says_when_nothing_is_left_on_the_connection() -> None:
    stream, state = stream_of([part(b"a"), part(b"b", more=False)])
    parts = stream.parts()
    assert await anext(parts) == b"a"
    assert "body" not in state
    assert [one async for one in parts] == [b"b"]
    assert (state["body"], stream.size) == (b"", 2)


async def test_body_stream_ends_with_a_sender_that_stops_or_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_stream, "START_S_MAX", 0.01)
    stream, _ = stream_of([part(b"a")])
    with pytest.raises(HttpProblem) as slow:
        _ = [one async for one in stream.parts()]
    assert (slow.value.status, slow.value.code) == (408, "slow_body")
    stream, _ = stream_of([part(b"a"), {"type": "http.disconnect"}])
    with pytest.raises(ClientGone):
        _ = [one async for one in stream.parts()]


async def test_body_stream_drops_what_is_refused_but_waits_for_nobody_who_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream, state = stream_of([part(b"a"), part(b"b", more=False)])
    await stream.drain()
    assert state["body"] == b""
    waiting, state = stream_of([], expect="100-continue")
    async with asyncio.timeout(5):
        await waiting.drain()  # who asked for leave to send has sent nothing
    large, _ = stream_of([], **{"content-length": str(body_stream.DRAINED_BYTES_MAX + 1)})
    async with asyncio.timeout(5):
        await large.drain()
    monkeypatch.setattr(body_stream, "DRAINED_BYTES_MAX", 2)
    endless, _ = stream_of([part(b"a") for _ in range(9)])
    async with asyncio.timeout(5):
        await endless.drain()
    assert endless.size == 2
