"""Subscribers by server-sent events, read by a client library over real connections, on a log in memory."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx2
import orjson
import pytest
from structlog.testing import capture_logs

from bus.domain.terms import TicketId
from bus.gateway.http.answer_budget import AnswerBudget
from bus.gateway.http.uvicorn_http import HttpProtocol
from bus.gateway.stream import server_sent, transport
from bus.gateway.stream.cursor import write_cursor
from bus.kafka.tail_reader import Partition
from tests.bus_under_test import eventually
from tests.gateway.behind_a_server import behind_a_server
from tests.gateway.conftest import PERSON, Gateway
from tests.gateway.fakes import CONTRACT
from tests.gateway.subscriber import Frame, frames, named, subscribed

ACCEPT = {"Accept": "text/event-stream"}
Events = AsyncIterator[httpx2.ServerSentEvent]


@contextlib.asynccontextmanager
async def following(gateway: Gateway, query: str, role: str = "subscriber", last_id: str = "") -> AsyncIterator[Events]:
    headers = {"Authorization": f"Bearer {role}", **({"Last-Event-ID": last_id} if last_id else {})}
    async with gateway.http.sse(f"/v1/stream?{query}", headers=headers, timeout=60) as source:
        assert source.response.status_code == 200, await source.response.aread()
        yield aiter(source)


async def taken(events: Events, count: int) -> list[httpx2.ServerSentEvent]:
    async with asyncio.timeout(60):
        return [await anext(events) for _ in range(count)]


def bodies(got: list[httpx2.ServerSentEvent]) -> list[Frame]:
    return [orjson.loads(one.data) for one in got]


async def refusal(gateway: Gateway, query: str, role: str = "subscriber", **headers: str) -> dict[str, Any]:
    sent = {"Authorization": f"Bearer {role}", **ACCEPT, **headers}
    answer = await gateway.http.get(f"/v1/stream?{query}", headers=sent, timeout=60)
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    return problem


async def test_server_sent_events_hold_what_a_websocket_is_sent_and_their_ids_are_the_cursors(served: Gateway) -> None:
    before = await served.opened("SN-0")
    await served.caught_up()
    query = "topics=ticket.assign,ticket.status"
    async with subscribed(served, query) as ws, following(served, query) as events:
        [ready] = await taken(events, 1)
        assert (ready.event, ready.retry) == ("ready", server_sent.RETRY_MS)
        assert bodies([ready]) == await frames(ws, 1)
        await served.post(f"/v1/tickets/{before}/assign", {"assignee": PERSON}, role="dispatcher")
        got = await taken(events, 2)
        assert bodies(got) == await frames(ws, 2)
    assert [one.event for one in got] == ["event", "event"]
    assert [one.id for one in (ready, *got)] == [one["cursor"] for one in bodies([ready, *got])]
    assert {(one.ticket_id, one.version, one.client) for one in served.pushes.noted} == {(before, 2, "a-subscriber")}

    async def closed() -> bool:
        return served.subscriptions.opens == []

    await eventually(closed)


async def test_server_sent_answer_is_for_nobody_to_keep_or_gather(served: Gateway) -> None:
    async with served.http.sse(
        "/v1/stream?topics=ticket.assign", headers={"Authorization": "Bearer subscriber"}
    ) as source:
        headers = source.response.headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")
    assert "content-encoding" not in headers
    assert headers["traceparent"]


async def test_server_sent_what_cannot_be_given_is_refused_before_the_stream(served: Gateway) -> None:
    with capture_logs():
        unknown = await refusal(served, "topics=ticket.assigns")
        private = await refusal(served, "topics=ticket.deadletter")
    assert (unknown["status"], unknown["code"], unknown["nearest"]) == (404, "unknown_topic", "ticket.assign")
    assert served.subscriptions.refusals == [("a-subscriber", "ticket.assigns", "ticket.assign", "127.0.0.1")]
    assert (private["status"], private["code"]) == (403, "topic_not_public")
    assert (await refusal(served, "cursor=start"))["code"] == "missing"
    assert (await refusal(served, "topics=ticket.assign&cursor=junk"))["code"] == "cursor_malformed"
    assert (await refusal(served, "topics=ticket.assign", Authorization="Bearer x"))["status"] == 401
    assert (await refusal(served, "topics=ticket.assign", role="source"))["status"] == 403
    plain = await refusal(served, "topics=ticket.assign", Accept="application/json")
    assert (plain["status"], plain["code"]) == (426, "websocket_required")
    assert "text/event-stream" in plain["detail_en"]
    head = {"Authorization": "Bearer subscriber", **ACCEPT}
    assert (await served.http.head("/v1/stream?topics=ticket.assign", headers=head)).status_code == 426


async def test_server_sent_a_cursor_whose_place_is_gone_is_refused_before_the_stream(served: Gateway) -> None:
    partitions = range(CONTRACT.topics["ticket.events"].partitions)
    await served.caught_up()
    for offset in (10**6, 10**9):
        cursor = write_cursor({Partition("ticket.events", n): offset for n in partitions})
        problem = await refusal(served, f"topics=ticket.events&cursor={cursor}")
        assert (problem["status"], problem["code"]) == (410, "cursor_expired")


async def test_server_sent_a_client_that_comes_again_by_its_last_id_misses_nothing_and_has_nothing_twice(
    served: Gateway,
) -> None:
    tickets = [await served.opened(f"SN-{n}") for n in range(12)]
    async with following(served, "topics=ticket.events&cursor=start") as events:
        whole = (await taken(events, 13))[1:]
    assert sorted(named(bodies(whole))) == sorted((ticket, 1) for ticket in tickets)
    for cut in (0, 5, 11):
        query = "topics=ticket.events&cursor=start"  # a browser comes again to the address that it was given
        async with following(served, query, last_id=whole[cut].id) as events:
            ready, *rest = await taken(events, 12 - cut)
            assert ready.id == whole[cut].id
            assert sorted(named(bodies(rest))) == sorted(named(bodies(whole[cut + 1 :])))


async def test_server_sent_a_silent_stream_has_comments_and_ends_when_its_client_goes(
    served: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_sent, "HEARTBEAT_S", 0.02)
    headers = {"Authorization": "Bearer subscriber", **ACCEPT}
    async with served.http.stream("GET", "/v1/stream?topics=ticket.assign", headers=headers) as answer:
        got = b""
        async with asyncio.timeout(60):
            async for part in answer.aiter_raw():
                got += part
                if got.count(b"\n:\n") >= 2:
                    break
        assert len(served.hub._subscriptions) == 1

    async def gone() -> bool:
        return not served.hub._subscriptions and not served.subscriptions.opens

    await eventually(gone)


async def test_server_sent_streams_leave_the_clients_reads_to_its_reads() -> None:
    async with behind_a_server(Gateway(answers=AnswerBudget(reads_per_client=1))) as gateway:
        query = "topics=ticket.assign"
        async with following(gateway, query, "admin"), following(gateway, query, "admin"):
            assert (await gateway.get("/v1/tickets", timeout=60)).status_code == 200


async def test_server_sent_streams_are_not_counted_among_the_connections_of_an_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(HttpProtocol, "per_address", 1)
    async with behind_a_server(Gateway()) as gateway:
        query = "topics=ticket.assign"
        async with following(gateway, query), following(gateway, query), following(gateway, query):
            assert (await gateway.get("/v1/topics", timeout=60)).status_code == 200


async def test_server_sent_a_client_has_no_more_streams_than_its_bound_of_both_kinds_together() -> None:
    async with behind_a_server(Gateway(streams_per_client=2)) as gateway:
        async with subscribed(gateway, "topics=ticket.assign") as ws, following(gateway, "topics=ticket.assign"):
            await frames(ws, 1)
            problem = await refusal(gateway, "topics=ticket.assign")
            assert (problem["status"], problem["code"]) == (429, "too_many_streams")

        async def admitted() -> bool:
            async with gateway.http.sse(
                "/v1/stream?topics=ticket.assign", headers={"Authorization": "Bearer subscriber"}
            ) as again:
                return again.response.status_code == 200

        await eventually(admitted)


async def test_server_sent_a_subscriber_whose_token_is_revoked_is_told_and_then_refused(
    served: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "RECHECK_S", 0.02)
    async with following(served, "topics=ticket.assign", role="lead") as events:
        [ready] = await taken(events, 1)
        monkeypatch.setattr(served.clients, "known", {})
        async with asyncio.timeout(60):
            rest = [one async for one in events]
    assert [one.event for one in rest] == ["error"]
    [problem] = bodies(rest)
    assert (problem["kind"], problem["code"], problem["status"]) == ("error", "not_authenticated", 401)
    assert rest[0].id == ready.id  # the reader's own stays: it comes again from there
    assert (await refusal(served, "topics=ticket.assign", role="lead"))["status"] == 401


async def test_server_sent_a_slow_reader_is_cut_and_its_last_id_leads_on(served: Gateway) -> None:
    ticket = await served.opened()
    await served.post(f"/v1/tickets/{ticket}/note", {"text": "语" * 60_000})
    big = served.store.log[TicketId(ticket)][1]
    await served.caught_up()
    async with following(served, "topics=ticket.events") as events:
        await taken(events, 1)
        for version in range(3, 400):  # far more than sockets and queue hold
            served.log.put(replace(big, version=version), ["ticket.events"])

        async def cut() -> bool:
            return not served.hub._subscriptions

        with capture_logs():
            await eventually(cut)
            async with asyncio.timeout(60):
                got = [one async for one in events]
    assert [one.event for one in got] == ["event"] * (len(got) - 1) + ["error"]
    assert bodies(got)[-1]["code"] == "slow_reader"
    async with following(served, "topics=ticket.events", last_id=got[-1].id) as again:
        following_it = (await taken(again, 2))[1]
    assert bodies([following_it])[0]["ticket_version"] == bodies(got)[-2]["ticket_version"] + 1


async def test_server_sent_a_pause_of_the_reader_long_ago_counts_no_more(
    served: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.gateway.http.sockets.UNREAD_S_MAX", 0.3)
    monkeypatch.setattr("bus.gateway.http.sockets.BYTES_PER_S_MIN", 10**9)
    ticket = await served.opened()
    await served.post(f"/v1/tickets/{ticket}/note", {"text": "语" * 60_000})
    big = served.store.log[TicketId(ticket)][1]
    await served.caught_up()
    async with following(served, "topics=ticket.events") as events:
        await taken(events, 1)
        for first in (3, 23):
            for version in range(first, first + 20):
                served.log.put(replace(big, version=version), ["ticket.events"])
            got = bodies(await taken(events, 20))
            assert [one["ticket_version"] for one in got] == [*range(first, first + 20)]
            await asyncio.sleep(0.4)  # longer than an answer of any other kind would have had
