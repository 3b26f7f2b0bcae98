"""The stream on real Kafka: the same promises, with partitions, fetches and offsets that are Kafka's own."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from bus.domain.commands import Note, OpenTicket, Request
from bus.domain.events import Recorded
from bus.domain.terms import CommandId, KeyKind, TicketId, TraceId
from bus.domain.values import IncidentKey
from bus.gateway.stream.cursor import write_cursor
from bus.intake.dispatch import Dispatcher, utc_now
from bus.intake.memory_store import MemoryStore
from bus.kafka.clients import make_producer
from bus.kafka.tail_reader import KafkaLog, Know, Partition
from bus.kafka.topic_admin import apply_topics
from bus.local.stack import Urls
from bus.schema_registry import RegistryUnavailable
from bus.settings import Settings
from bus.wire.codec import Codec
from bus.wire.record_reader import nothing_more
from schemas.topics import physical
from tests.bus_under_test import eventually
from tests.gateway.behind_a_server import behind_a_server
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import CODEC, CONTRACT, REGISTERED, RULES, headers_of
from tests.gateway.subscriber import frames, named, subscribed, until_closed

TICKETS, NOTES = 40, 30


@pytest.fixture
async def settings(parts: Urls) -> Settings:
    """Make the topics of a namespace of this test's own."""
    made = Settings(kafka_bootstrap=parts.kafka_bootstrap, namespace=f"g{uuid4().hex[:8]}")
    await apply_topics(made, CONTRACT, replication=1)
    return made


@asynccontextmanager
async def gateway_on(
    settings: Settings, know: Know = nothing_more, codec: Codec = CODEC, before: int = 0
) -> AsyncIterator[Gateway]:
    """Serve a gateway whose stream reads Kafka, the log after so many others."""
    source = KafkaLog(settings=settings, contract=CONTRACT, know=know, before=before)
    async with behind_a_server(Gateway(stream_log=source, codec=codec)) as gateway:
        yield gateway


@dataclass(slots=True)
class Registry:
    """A schema registry that may be away, and a codec that was made before it knew anything."""

    codec: Codec = field(default_factory=lambda: Codec({}))
    away: bool = False
    asked: int = 0

    async def know(self, values: Iterable[bytes | None]) -> None:
        """Teach the codec what it lacks."""
        for schema_id in self.codec.unknown(values):
            self.asked += 1
            if self.away:
                raise RegistryUnavailable("away for a test")
            if schema_id in REGISTERED:
                self.codec.learn(REGISTERED[schema_id])

    async def asked_again(self) -> bool:
        """Say whether somebody who was told that it is away came again."""
        return self.asked > 1


async def history() -> list[Recorded]:
    """Make a history of many tickets, mixed as they come."""
    store, now = MemoryStore(), utc_now() - timedelta(days=1)
    requests = [
        _request(now, OpenTicket(incident_key=_key(n), title="t", type="hardware_fault")) for n in range(TICKETS)
    ]
    dispatcher = Dispatcher(store=store, rules=RULES)
    await dispatcher.dispatch(requests)
    numbers = list(store.log)
    for _ in range(NOTES):
        await dispatcher.dispatch([_request(now, Note(text="x"), number) for number in numbers])
    return [store.log[number][version] for version in range(NOTES + 1) for number in numbers]


def _key(number: int) -> IncidentKey:
    return IncidentKey(kind=KeyKind.SERIAL, value=f"SN-{number}")


def _request(now: object, command: OpenTicket | Note, number: TicketId | None = None) -> Request:
    at = utc_now()
    del now
    return Request(
        command_id=CommandId(uuid4()), command=command, source="s", actor="a", at=at, received_at=at,
        trace_id=TraceId("ab" * 16), fingerprint="f", ticket_id=number,
    )  # fmt: skip


async def publish(settings: Settings, events: Sequence[Recorded], topic: str = "ticket.events") -> None:
    """Publish as the relay does."""
    async with make_producer(settings, linger_ms=5) as producer:
        sent = [
            await producer.send(
                physical(settings.namespace, topic),
                CODEC.encode(one),
                key=one.ticket_id.encode(),
                headers=headers_of(one),
            )
            for one in events
        ]
        await asyncio.gather(*sent)


async def test_stream_kafka_from_the_beginning_into_the_living_log_without_loss_repeat_or_disorder(
    settings: Settings,
) -> None:
    events = await history()
    half = len(events) // 2
    await publish(settings, events[:half])
    async with gateway_on(settings) as gateway, subscribed(gateway, "topics=ticket.events&cursor=start") as ws:
        living = asyncio.create_task(publish(settings, events[half - 300 :]))  # 300 of them a second time
        got = (await frames(ws, len(events) + 1))[1:]
        await living
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.7):
                await ws.recv()
        assert sorted(named(got)) == sorted((one.ticket_id, one.version) for one in events)
        for number in {one.ticket_id for one in events}:
            assert [v for t, v in named(got) if t == number] == list(range(1, NOTES + 2))

        cut = got[len(events) // 3]
        async with subscribed(gateway, f"topics=ticket.events&cursor={cut['cursor']}") as resumed:
            rest = (await frames(resumed, len(events) - len(events) // 3))[1:]
            assert sorted(named(rest)) == sorted(named(got[len(events) // 3 + 1 :]))


async def test_stream_kafka_live_events_arrive_and_two_topics_share_a_cursor(settings: Settings) -> None:
    events = await history()
    async with gateway_on(settings) as gateway:
        async with subscribed(gateway, "topics=ticket.status,ticket.events") as ws:
            await frames(ws, 1)
            await publish(settings, events[:10])
            await publish(settings, events[:10], "ticket.status")
            got = await frames(ws, 20)
        assert sorted(one["topic"] for one in got) == ["ticket.events"] * 10 + ["ticket.status"] * 10
        async with subscribed(gateway, f"topics=ticket.status,ticket.events&cursor={got[4]['cursor']}") as ws:
            rest = (await frames(ws, 16))[1:]
        assert sorted((one["topic"], *named([one])[0]) for one in rest) == sorted(
            (one["topic"], *named([one])[0]) for one in got[5:]
        )


async def test_stream_kafka_a_gateway_learns_the_schemas_of_events_that_are_newer_than_itself(
    settings: Settings,
) -> None:
    events, registry = (await history())[:6], Registry()
    await publish(settings, events[:3])
    async with (
        gateway_on(settings, registry.know, registry.codec) as gateway,
        subscribed(gateway, "topics=ticket.events&cursor=start") as ws,
    ):
        got = (await frames(ws, 4))[1:]
        await publish(settings, events[3:])
        got += await frames(ws, 3)
    assert sorted(named(got)) == sorted((one.ticket_id, one.version) for one in events)


async def test_stream_kafka_while_the_registry_is_away_newer_events_wait_and_none_is_passed_over(
    settings: Settings,
) -> None:
    events, registry = (await history())[TICKETS - 3 : TICKETS + 3], Registry()
    async with gateway_on(settings, registry.know, registry.codec) as gateway:
        with capture_logs() as logs:
            async with subscribed(gateway, "topics=ticket.events") as ws:
                await frames(ws, 1)
                await publish(settings, events[:3])
                live = await frames(ws, 3)
                registry.away, registry.asked = True, 0
                await publish(settings, events[3:])
                await eventually(registry.asked_again)
                async with subscribed(gateway, f"topics=ticket.events&cursor={live[0]['cursor']}") as early:
                    told, code, _ = await until_closed(early)
                assert (told[-1]["code"], told[-1]["field"], code) == ("unavailable", "service", 1013)
                registry.away = False
                live += await frames(ws, 3)
        async with subscribed(gateway, f"topics=ticket.events&cursor={told[-1]['cursor']}") as again:
            caught_up = [one for one in told if one["kind"] == "event"]
            caught_up += (await frames(again, 6 - len(caught_up)))[1:]
    for got in (live, [live[0], *caught_up]):
        assert sorted(named(got)) == sorted((one.ticket_id, one.version) for one in events)
    assert "the stream waits for the schema of an event" in {one["event"] for one in logs}


async def test_stream_kafka_an_event_whose_schema_nobody_knows_is_told_as_unreadable(settings: Settings) -> None:
    events, registry = (await history())[:1], Registry()
    async with gateway_on(settings, registry.know, registry.codec) as gateway:
        with capture_logs() as logs:
            async with subscribed(gateway, "topics=ticket.events") as ws:
                await frames(ws, 1)
                async with make_producer(settings) as producer:
                    topic = physical(settings.namespace, "ticket.events")
                    await producer.send_and_wait(topic, b"\0\0\0\xff\xffx", key=b"T", partition=0)
                await publish(settings, events)
                got = await frames(ws, 2)
    [error] = [one for one in got if one["kind"] == "error"]
    assert (error["code"], error["field"], error["offset"]) == ("malformed_record", "schema_id", 0)
    assert "a record of the log cannot be read" in {one["event"] for one in logs}


async def test_stream_kafka_a_cursor_that_kafka_never_reached_is_refused(settings: Settings) -> None:
    partitions = range(CONTRACT.topics["ticket.events"].partitions)
    ahead = write_cursor({Partition("ticket.events", n): 10**6 for n in partitions})
    async with gateway_on(settings) as gateway, subscribed(gateway, f"topics=ticket.events&cursor={ahead}") as ws:
        got, code, _ = await until_closed(ws)
    assert (got[-1]["code"], code) == ("cursor_expired", 4410)


async def test_stream_kafka_a_cursor_of_the_log_before_is_refused_and_new_ones_go_on(settings: Settings) -> None:
    *events, later = (await history())[:61]
    await publish(settings, events)
    async with gateway_on(settings) as gateway, subscribed(gateway, "topics=ticket.events&cursor=start") as ws:
        old = (await frames(ws, 61))[30]["cursor"]
    async with gateway_on(settings, before=1) as gateway:
        async with subscribed(gateway, f"topics=ticket.events&cursor={old}") as ws:
            got, code, _ = await until_closed(ws)
        assert (got[-1]["code"], code) == ("cursor_expired", 4410)
        async with subscribed(gateway, "topics=ticket.events&cursor=start") as ws:
            _, *whole = await frames(ws, 61)
        async with subscribed(gateway, f"topics=ticket.events&cursor={whole[29]['cursor']}") as ws:
            _, *rest = await frames(ws, 31)
            await publish(settings, [later])
            rest += await frames(ws, 1)
    got = [*whole[:30], *rest]
    assert sorted(named(got)) == sorted((one.ticket_id, one.version) for one in [*events, later])


async def test_stream_kafka_kafka_that_is_not_there_is_told_and_the_subscriber_may_try_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from bus.gateway.routes import stream

    monkeypatch.setattr(stream, "READY_SECONDS_MAX", 0.2)
    nowhere = Settings(kafka_bootstrap="127.0.0.1:1")
    with capture_logs():
        async with gateway_on(nowhere) as gateway, subscribed(gateway, "topics=ticket.events") as ws:
            got, code, _ = await until_closed(ws)
    assert (got[-1]["status"], code) == (503, 1013)
