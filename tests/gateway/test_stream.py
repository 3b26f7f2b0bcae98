"""Subscribers over real WebSockets, on a log in memory."""

import asyncio
from dataclasses import replace

import orjson
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bus.domain.batch import Accepted
from bus.domain.terms import TicketId
from bus.gateway.stream import transport
from bus.gateway.stream.cursor import write_cursor
from bus.intake.sandbox import Practice, practice_opening
from bus.kafka.tail_reader import Partition
from tests.bus_under_test import eventually
from tests.gateway.conftest import PERSON, Gateway
from tests.gateway.fakes import CONTRACT, headers_of
from tests.gateway.subscriber import frames, named, subscribed, until_closed


async def test_stream_a_subscriber_gets_what_happens_from_now_on_with_all_that_a_reader_needs(served: Gateway) -> None:
    before = await served.opened("SN-0")
    await served.caught_up()
    async with subscribed(served, "topics=ticket.assign,ticket.status") as ws:
        [ready] = await frames(ws, 1)
        assert (ready["kind"], ready["topics"]) == ("ready", ["ticket.assign", "ticket.status"])
        assert served.subscriptions.opens == [("a-subscriber", "ticket.assign"), ("a-subscriber", "ticket.status")]
        answer = await served.post(f"/v1/tickets/{before}/assign", {"assignee": PERSON}, role="dispatcher")
        got = await frames(ws, 2)
        assert {one["topic"] for one in got} == {"ticket.assign", "ticket.status"}
        for one in got:
            assert one["kind"] == "event"
            assert (one["ce"]["type"], one["ce"]["subject"]) == ("ticket.assigned.v1", before)
            assert one["ticket_version"] == one["data"]["version"] == 2
            assert one["data"]["assignee"]["person"] == "王工"
            assert answer.json()["trace_id"] == one["data"]["trace_id"] == one["traceparent"].split("-")[1]
        assert {(one.ticket_id, one.version, one.client) for one in served.pushes.noted} == {
            (before, 2, "a-subscriber")
        }

    async def closed() -> bool:
        return served.subscriptions.opens == []

    await eventually(closed)


async def test_stream_a_topic_that_nobody_declares_is_answered_with_the_closest_and_closed(served: Gateway) -> None:
    with capture_logs():
        async with subscribed(served, "topics=ticket.assigns") as ws:
            [error], code, _ = await until_closed(ws)
    assert (error["kind"], error["code"], code) == ("error", "unknown_topic", 4404)
    assert "did you mean ticket.assign?" in error["detail_en"]
    assert "ticket.assign?" in error["detail"]
    assert served.subscriptions.refusals == [("a-subscriber", "ticket.assigns", "ticket.assign", "127.0.0.1")]
    async with subscribed(served, "") as ws:
        assert (await until_closed(ws))[1] == 4400


async def test_stream_a_topic_that_is_not_for_subscribers_is_there_and_nobody_misspelled_it(served: Gateway) -> None:
    before = REGISTRY.get_sample_value("ticketbus_stream_unknown_topic_total")
    with capture_logs():
        async with subscribed(served, "topics=ticket.assign,ticket.deadletter") as ws:
            [error], code, _ = await until_closed(ws)
    assert (error["code"], error["status"], error["field"], code) == ("topic_not_public", 403, "topics", 4403)
    assert error["detail"] == "主题 ticket.deadletter 不对订阅方开放"
    assert "ticket.assign" in error["topics"]
    assert "ticket.deadletter" not in error["topics"]
    assert served.subscriptions.refusals == []
    assert REGISTRY.get_sample_value("ticketbus_stream_unknown_topic_total") == before


async def test_stream_nobody_without_the_right_token_subscribes(served: Gateway) -> None:
    for headers, status in (({}, 401), ({"Authorization": "Bearer x"}, 401), ({"Authorization": "Bearer source"}, 403)):
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"{served.url}/v1/stream?topics=ticket.assign", additional_headers=headers, proxy=None):
                pass
        assert refused.value.response.status_code == status
        assert orjson.loads(refused.value.response.body or b"")["status"] == status


async def test_stream_a_handshake_elsewhere_is_given_the_paths_that_are_there(served: Gateway) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{served.url}/v1/streams", proxy=None):
            pass
    problem = orjson.loads(refused.value.response.body or b"")
    assert (problem["status"], problem["code"]) == (404, "no_such_path")
    assert problem["detail"] == "这里没有事件流,请用 /v1/stream 或 /v1/engineer/pushes"
    assert problem["detail_en"] == "no stream is here; try /v1/stream, /v1/engineer/pushes"


async def test_stream_a_browser_gives_its_token_as_a_subprotocol(served: Gateway) -> None:
    url = f"{served.url}/v1/stream?topics=ticket.assign"
    async with connect(url, subprotocols=["bearer.subscriber", "ticketbus.v1"], proxy=None) as ws:  # type: ignore[list-item]  # a NewType over str
        assert ws.subprotocol == "ticketbus.v1"
        assert (await frames(ws, 1))[0]["kind"] == "ready"


async def test_stream_a_subscriber_whose_token_is_revoked_is_sent_away(
    served: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "RECHECK_S", 0.02)
    async with subscribed(served, "topics=ticket.assign", role="lead") as ws:
        await frames(ws, 1)
        monkeypatch.setattr(served.clients, "known", {})
        got, code, _ = await until_closed(ws)
    assert (got[-1]["code"], code) == ("not_authenticated", 4401)


async def test_stream_resuming_by_any_cursor_gives_the_rest_without_loss_or_repeat(served: Gateway) -> None:
    tickets = [await served.opened(f"SN-{n}") for n in range(12)]
    for ticket in tickets:
        await served.post(f"/v1/tickets/{ticket}/note", {"text": "x"})
    async with subscribed(served, "topics=ticket.events&cursor=start") as ws:
        whole = (await frames(ws, 25))[1:]
    assert sorted(named(whole)) == sorted((ticket, version) for ticket in tickets for version in (1, 2))
    for cut in (0, 7, 23):
        async with subscribed(served, f"topics=ticket.events&cursor={whole[cut]['cursor']}") as ws:
            rest = await frames(ws, 24 - cut)
            assert rest[0]["cursor"] == whole[cut]["cursor"]
            assert sorted(named(rest[1:])) == sorted(named(whole[cut + 1 :]))


async def test_stream_catching_up_meets_the_living_log_without_loss_or_repeat(served: Gateway) -> None:
    for n in range(40):
        await served.opened(f"old-{n}")

    async def go_on() -> None:
        for n in range(40):
            await served.opened(f"new-{n}")

    async with subscribed(served, "topics=ticket.events&cursor=start") as ws:
        living = asyncio.create_task(go_on())
        got = (await frames(ws, 81))[1:]
        await living
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await ws.recv()
    assert len(set(named(got))) == 80


async def test_stream_records_that_the_relay_repeats_reach_nobody_twice(served: Gateway) -> None:
    tickets = [await served.opened(f"SN-{n}") for n in range(8)]
    await served.caught_up()
    async with subscribed(served, "topics=ticket.events") as ws:
        [ready] = await frames(ws, 1)
        for ticket in tickets:
            await served.post(f"/v1/tickets/{ticket}/note", {"text": "x"})
        got = await frames(ws, 8)
        for ticket in tickets:
            for recorded in served.store.log[TicketId(ticket)]:
                served.log.put(recorded, ["ticket.events"])
        last = await served.opened("last")
        assert named(await frames(ws, 1)) == [(last, 1)]
    for cursor in (ready["cursor"], got[3]["cursor"]):
        async with subscribed(served, f"topics=ticket.events&cursor={cursor}") as ws:
            expected = 9 if cursor == ready["cursor"] else 5
            again = (await frames(ws, expected + 1))[1:]
            assert len(set(named(again))) == expected


async def test_stream_a_slow_reader_is_cut_and_its_cursor_leads_on(served: Gateway) -> None:
    url = f"{served.url}/v1/stream?topics=ticket.events"
    headers = {"Authorization": "Bearer subscriber"}
    async with connect(url, additional_headers=headers, proxy=None, max_queue=1) as slow:
        ticket = await served.opened()
        await served.post(f"/v1/tickets/{ticket}/note", {"text": "语" * 60_000})
        big = served.store.log[TicketId(ticket)][1]
        for version in range(3, 400):  # far more than sockets and queue hold
            served.log.put(replace(big, version=version), ["ticket.events"])
        async with asyncio.timeout(60):
            while served.hub._subscriptions:
                await asyncio.sleep(0.01)
        got, code, _ = await until_closed(slow)
    assert code in {4408, None}  # a client that reads far too late may find the connection gone
    events = [one for one in got if one["kind"] == "event"]
    async with subscribed(served, f"topics=ticket.events&cursor={events[-1]['cursor']}") as ws:
        following = (await frames(ws, 2))[1]
    assert following["ticket_version"] == events[-1]["ticket_version"] + 1


@pytest.mark.parametrize("cursor", ["§", "AAAA", "e30x", write_cursor({Partition("ticket.events", 0): 1})])
async def test_stream_a_cursor_that_is_none_is_refused(served: Gateway, cursor: str) -> None:
    async with subscribed(served, f"topics=ticket.events&cursor={cursor}") as ws:
        [error], code, _ = await until_closed(ws)
    assert (error["code"], code) == ("cursor_malformed", 4400)


async def test_stream_a_cursor_whose_place_is_gone_or_never_was_is_refused(served: Gateway) -> None:
    partitions = range(CONTRACT.topics["ticket.events"].partitions)
    behind = write_cursor({Partition("ticket.events", n): 0 for n in partitions})
    ahead = write_cursor({Partition("ticket.events", n): 10**6 for n in partitions})
    for n in range(12):
        await served.opened(f"SN-{n}")
    await served.caught_up()
    for place in list(served.log.records):
        served.log.records[place], served.log.first[place] = served.log.records[place][1:], 1
    for cursor in (behind, ahead):
        async with subscribed(served, f"topics=ticket.events&cursor={cursor}") as ws:
            got, code, _ = await until_closed(ws)
        assert (got[-1]["code"], code) == ("cursor_expired", 4410)


async def test_stream_a_record_that_cannot_be_read_is_told_and_passed(served: Gateway) -> None:
    ticket = await served.opened()
    await served.caught_up()
    async with subscribed(served, "topics=ticket.events") as ws:
        await frames(ws, 1)
        recorded = served.store.log[TicketId(ticket)][0]
        with capture_logs():
            served.log.put_raw(
                Partition("ticket.events", 3), b"junk", headers_of(replace(recorded, ticket_id=TicketId("T20261122-9")))
            )
            [error] = await frames(ws, 1)
        assert (error["kind"], error["code"], error["partition"]) == ("error", "malformed_record", 3)
        await served.post(f"/v1/tickets/{ticket}/note", {"text": "x"})
        assert named(await frames(ws, 1)) == [(ticket, 2)]


async def test_stream_every_record_without_headers_is_told(served: Gateway) -> None:
    await served.caught_up()
    async with subscribed(served, "topics=ticket.events") as ws:
        await frames(ws, 1)
        with capture_logs():
            for _ in range(3):
                served.log.put_raw(Partition("ticket.events", 3), b"junk", [])
            got = await frames(ws, 3)
    assert [one["offset"] for one in got] == [0, 1, 2]


async def test_stream_resuming_costs_one_consumer_each_and_no_more_than_the_bound_at_once(
    served: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.hub, "catching_up", asyncio.Semaphore(2))
    for n in range(20):
        await served.opened(f"SN-{n}")

    async def resume() -> int:
        async with subscribed(served, "topics=ticket.events&cursor=start") as ws:
            return len(await frames(ws, 21))

    assert await asyncio.gather(*(resume() for _ in range(6))) == [21] * 6
    assert served.log.readers_most == 1 + 2  # the tail's own, and the bound


async def test_stream_the_tail_goes_on_where_it_stood_when_kafka_comes_back(served: Gateway) -> None:
    async with subscribed(served, "topics=ticket.events") as ws:
        await frames(ws, 1)
        with capture_logs():
            served.log.away = True
            await asyncio.sleep(0.05)
            ticket = await served.opened()
            served.log.away = False
            assert named(await frames(ws, 1)) == [(ticket, 1)]


async def test_stream_a_virtual_ticket_is_for_those_who_ask_and_for_readers_of_ticket_probe(served: Gateway) -> None:
    now = served.dispatcher.now()
    practice = Practice(person="张工", region="", number="practice-1")
    await served.caught_up()
    begin = write_cursor(served.hub.of(["ticket.events"]))
    async with (
        subscribed(served, "topics=ticket.events") as plain,
        subscribed(served, "topics=ticket.events&synthetic=true") as asking,
        subscribed(served, "topics=ticket.probe") as probe,
    ):
        for one in (plain, asking, probe):
            await frames(one, 1)
        (opened,) = await served.dispatcher.dispatch([practice_opening(practice, served.dispatcher.rules, now)])
        assert isinstance(opened, Accepted)
        real = await served.opened("SN-77")
        virtual = opened.ticket_id
        assert named(await frames(plain, 1)) == [(real, 1)]
        assert sorted(named(await frames(asking, 2))) == [(real, 1), (virtual, 1)]
        assert named(await frames(probe, 1)) == [(virtual, 1)]
    async with subscribed(served, f"topics=ticket.events&cursor={begin}") as late:
        assert named((await frames(late, 2))[1:]) == [(real, 1)]
    async with subscribed(served, "topics=ticket.events&synthetic=yes") as wrong:
        [error], code, _ = await until_closed(wrong)
    assert (error["field"], code) == ("synthetic", 4400)
