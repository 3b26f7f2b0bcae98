"""Each bound of the WebSocket door alone: bytes that wait, frames heard, sockets that nobody reads, cursors."""

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Any

import httpx2
import orjson
import pytest
import uvicorn

from bus.domain.terms import TicketId
from bus.embedded_uvicorn import EmbeddedUvicorn
from bus.gateway.http import uvicorn_websocket
from bus.gateway.http.uvicorn_websocket import StreamProtocol
from bus.gateway.stream import hub as stream_hub
from bus.gateway.stream.event_frame import StreamEvent
from bus.gateway.stream.hub import StreamSubscription
from bus.kafka.tail_reader import Partition
from bus.wire.record import Record
from tests.fuzz.stream_client import CLOSE, PING, TEXT, Subscriber, connected, frame, handshake
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import CODEC, CONTRACT

PARTITIONS = CONTRACT.topics["ticket.status"].partitions
GOOD = [0] * PARTITIONS


@pytest.fixture
async def served() -> AsyncIterator[Gateway]:
    """Serve a gateway on parts in memory by the protocol that the program uses."""
    gateway = Gateway()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        gateway.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(gateway.app, log_config=None, ws=StreamProtocol, ws_per_message_deflate=False,
                                ws_ping_interval=0.5, ws_ping_timeout=1.5, ws_max_size=65536)  # fmt: skip
        server = EmbeddedUvicorn(config)
        task = asyncio.create_task(server.serve([listening]))
        async with asyncio.timeout(60), gateway.http:
            while not server.started:
                await asyncio.sleep(0.01)
        gateway.http = httpx2.AsyncClient(base_url=gateway.url, trust_env=False)
        async with gateway.http:
            yield gateway
        server.should_exit = True
        await task


async def come(gateway: Gateway, query: str = "topics=ticket.events", **options: Any) -> Subscriber:
    return await connected(gateway.url, handshake(query, "subscriber"), **options)


def event(size: int = 0, offset: int = 0) -> StreamEvent:
    record = Record(topic="ticket.events", partition=0, offset=offset, key=b"k", value=b"x" * size, headers=(),
                    timestamp_ms=0)  # fmt: skip
    return StreamEvent(record, CODEC.decode, {Partition("ticket.events", 0): offset + 1, Partition("ticket.sla", 0): 7})


async def test_what_waits_is_bounded_in_bytes_and_taken_in_writes_of_a_bounded_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream_hub, "WAITING_BYTES_MAX", 10_000)
    monkeypatch.setattr(stream_hub, "TAKEN_BYTES_MAX", 2_000)
    waiting = StreamSubscription(["ticket.events"])
    for offset in range(10):
        waiting.offer(event(1_000, offset))
    assert [one.record.offset for one in await waiting.take()] == [0, 1]
    for offset in (10, 11):
        waiting.offer(event(1_000, offset))
    assert not waiting.ended.is_set()
    waiting.offer(event(1_000, 12))
    assert waiting.why is not None
    assert waiting.why.code == "slow_reader"


def test_a_frame_is_made_once_for_all_who_ask_for_the_same_topics() -> None:
    one = replace_value(event(), b"junk")
    both, alone = frozenset({"ticket.events", "ticket.sla"}), frozenset({"ticket.events"})
    assert one.frame_for(alone) is one.frame_for(frozenset({"ticket.events"}))
    assert one.frame_for(alone).cursor != one.frame_for(both).cursor
    assert one.frame_for(alone).wire.endswith(one.frame_for(alone).text)


def replace_value(one: StreamEvent, value: bytes) -> StreamEvent:
    return StreamEvent(replace(one.record, value=value), CODEC.decode, one.after)


@pytest.mark.parametrize("version", [b"", b"-1", b"1.5", "²".encode(), b"\xff", b"9" * 5000])
def test_a_version_that_is_none_counts_as_unknown(version: bytes) -> None:
    record = replace(event().record, headers=(("ce_subject", b"T20261122-000001"), ("ticket-version", version)))
    assert StreamEvent(record, CODEC.decode).version == 0


async def test_who_floods_with_frames_is_sent_away_after_the_first_of_them(served: Gateway) -> None:
    for flood in (frame(PING, b"x") * 50_000, frame(TEXT, b"a", fin=False) + frame(0, b"", fin=False) * 50_000):
        one = await come(served)
        await one.have(1)
        one.send(flood)
        assert (await one.end()).code in {1008, None}  # a reset may overtake it, as the flood is not read to its end


async def test_a_request_that_is_no_handshake_is_told_so_and_holds_no_connection_open(served: Gateway) -> None:
    hello = handshake("topics=ticket.events", "subscriber", "X: " + "y" * 20_000)
    one = await connected(served.url, hello)
    closed = await one.end()
    assert (closed.status, orjson.loads(closed.body)["code"]) == (400, "not_websocket")


async def test_who_says_a_little_is_heard_out_and_stays(served: Gateway) -> None:
    one = await come(served)
    await one.have(1)
    for _ in range(3):
        one.send(frame(TEXT, b"hello") + frame(2, b"\xff") + frame(PING, b"x") * 20)
        one.news.clear()
    ticket = await served.opened()
    assert (await one.have(2))[1]["data"]["ticket_id"] == ticket
    one.send(frame(CLOSE, b"\x03\xe8"))
    assert (await one.end()).code == 1000


async def test_who_does_not_read_is_cut_by_pings_and_keeps_no_socket_open(
    served: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uvicorn_websocket, "LINGER_S", 0.2)
    deaf = await come(served, receive_bytes=4096)
    await deaf.have(1)
    assert deaf.transport is not None
    deaf.transport.pause_reading()
    ticket = await served.opened()
    await served.post(f"/v1/tickets/{ticket}/note", {"text": "语" * 60_000})
    big = served.store.log[TicketId(ticket)][1]
    for version in range(3, 40):  # more than the sockets hold, far less than the queue
        served.log.put(replace(big, version=version), ["ticket.events"])
    other = await come(served, "topics=ticket.sla")
    await other.have(1)
    async with asyncio.timeout(60):
        while len(served.hub._subscriptions) > 1:
            await asyncio.sleep(0.02)
        deaf.transport.resume_reading()
        await deaf.ended.wait()  # it was reset: the rest of what was on its way never comes
    assert len(deaf.got) < 39
    other.leave()


async def test_a_cursor_whose_parts_are_none_of_ours_is_refused(served: Gateway) -> None:
    first = (-1, 2**63, 2**64, 0.5, True, None, "0", GOOD)
    lists: Iterable[object] = ([one, *GOOD[1:]] for one in first)
    for offsets in (*lists, GOOD[1:], [*GOOD, 0], [], {}, 0, None, "0"):
        await _assert_refused(served, {"ticket.status": offsets}, 4400, "cursor_malformed")
    for whole in ([], "", "ticket.status", 0, None, True, ["ticket.status"]):
        await _assert_refused(served, whole, 4400, "cursor_malformed")


async def test_offsets_of_another_log_are_refused(served: Gateway) -> None:
    for ahead in (1, 10**6, 2**63 - 1):
        await _assert_refused(served, {"ticket.status": [ahead, *GOOD[1:]]}, 4410, "cursor_expired")


async def test_a_topic_with_a_typo_is_answered_with_the_nearest(served: Gateway) -> None:
    for near in ("ticket.assigns", "ticket.asign", "Ticket.Assign", "ticket-assign", "ticket.assig"):
        one = await come(served, f"topics=ticket.status,{near}")
        assert (await one.end()).code == 4404
        assert (one.got[-1]["code"], one.got[-1]["nearest"]) == ("unknown_topic", "ticket.assign")


async def _assert_refused(served: Gateway, tree: object, code: int, said: str) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(tree).encode()).decode().rstrip("=")
    one = await come(served, f"topics=ticket.status&cursor={cursor}")
    closed = await one.end()
    assert (closed.code, one.got[-1]["code"]) == (code, said), tree
