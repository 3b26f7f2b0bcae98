"""`ticketbus subscribe` against a gateway that serves: lines for eyes and pipes, a place by time, an end, a resume."""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner, Result

from bus.cli import app
from bus.cli.stream_client import StreamClient, StreamRefused
from bus.gateway.stream.hub import StreamSubscription, slow_reader
from bus.kafka.clients import make_producer
from bus.kafka.topic_admin import apply_topics
from bus.local.stack import Urls
from bus.settings import Settings
from schemas.topics import physical
from tests.bus_under_test import PATIENCE_S, eventually
from tests.gateway.behind_a_server import behind_a_server
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import CODEC, CONTRACT, headers_of
from tests.gateway.test_stream_kafka import gateway_on, history

OPENED = "ticket.opened.v1"


def client_of(gateway: Gateway, **options: object) -> StreamClient:
    """Follow the log of a gateway to its end."""
    asked: dict[str, object] = {"topics": ("ticket.events",), "until_now": True, "begin": "start", **options}
    return StreamClient(
        url=gateway.url.replace("ws", "http"),
        token="subscriber",
        notify=lambda _: None,
        **asked,  # type: ignore[arg-type]  # fields by name
    )


async def command(gateway: Gateway, *arguments: str, role: str = "subscriber") -> Result:
    """Run the command beside the gateway."""
    env = {"TICKETBUS_URL": gateway.url.replace("ws", "http"), "TICKETBUS_TOKEN": role}
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, ["subscribe", *arguments], env=env))


def printed(result: Result) -> list[str]:
    """Give the lines of the command's own: the gateway, in this very process, logs between them."""
    assert result.exit_code == 0, result.output
    return [line for line in result.stdout.splitlines() if "[info " not in line]


async def test_subscribe_prints_what_is_there_and_ends_where_it_ended_at_the_start() -> None:
    gateway, events = Gateway(), (await history())[:90]
    for one in events:
        gateway.log.put(one, ["ticket.events"])
    async with behind_a_server(gateway):
        lines = printed(await command(gateway, "ticket.events", "--until-now"))
        piped = printed(await command(gateway, "ticket.events", "--until-now", "--json", "--type", "TicketOpened"))
    assert len(lines) == len(events)
    first = next(one for one in events if one.ticket_id == lines[0].split()[1])
    assert lines[0].split()[2:] == ["v1", "TicketOpened", "ticket.events", first.trace_id, "a"]
    frames = [json.loads(line) for line in piped]
    opened = {one.ticket_id for one in events if one.version == 1}
    assert {(one["ce"]["type"], one["data"]["ticket_id"]) for one in frames} == {(OPENED, name) for name in opened}


@pytest.mark.parametrize("events", [1, 90], ids=["and no event comes any more", "while more is written"])
async def test_subscribe_ends_quietly_when_who_reads_the_pipe_has_gone(events: int) -> None:
    gateway = Gateway()
    for one in (await history())[:events]:
        gateway.log.put(one, ["ticket.events"])
    async with behind_a_server(gateway):
        url = gateway.url.replace("ws", "http")
        piped = f"{sys.executable} -m bus subscribe ticket.events --from start | head -1; echo ${{PIPESTATUS[0]}}"
        shell = await asyncio.create_subprocess_exec(
            "bash", "-c", piped, env={**os.environ, "TICKETBUS_URL": url, "TICKETBUS_TOKEN": "subscriber"},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(shell.communicate(), PATIENCE_S)
    assert (out.decode().splitlines()[1:], err) == (["0"], b"")


async def test_subscribe_names_the_topic_and_the_event_that_were_meant_and_exits_2() -> None:
    async with behind_a_server(Gateway()) as gateway:
        wrong = await command(gateway, "ticket.assigns")
        event = await command(gateway, "ticket.assign", "--type", "TicketAsigned")
        time = await command(gateway, "ticket.assign", "--from", "yesterday")
        token = await command(gateway, "ticket.assign", role="nobody")
        version = await command(gateway, "ticket.assign", "--version", "7")
        no_version = await command(gateway, "ticket.assign", "--version", "the new one")
        far_off = await command(gateway, "ticket.assign", "--type", "TicketStateChanged")
        to_come = await command(gateway, "ticket.assign", "--from", "2099-01-01T00:00:00Z")
    assert [one.exit_code for one in (no_version, far_off, to_come)] == [2, 2, 2]
    assert "--version" in no_version.stderr
    assert "letters, digits" in no_version.stderr
    assert "did you mean" not in far_off.stderr
    assert "use one of" in far_off.stderr
    assert "TicketReturned" in far_off.stderr
    assert "--from: since 2099-01-01T00:00:00Z" in to_come.stderr.replace("\n", "").partition("ticketbus: ")[2]
    assert (wrong.exit_code, event.exit_code, time.exit_code, token.exit_code) == (2, 2, 2, 1)
    assert version.exit_code == 2
    assert "no subscription of version '7'" in version.stderr
    assert "did you mean ticket.assign?" in wrong.stderr
    assert "TicketAssigned" in event.stderr
    assert "RFC 3339" in time.stderr
    assert "TICKETBUS_TOKEN" in str(token.exception)


async def test_subscribe_says_at_once_that_no_gateway_is_there() -> None:
    gateway = Gateway()
    async with behind_a_server(gateway):
        pass
    for options in ((), ("--until-now",)):
        answer = await command(gateway, "ticket.assign", *options)
        assert answer.exit_code == 1
        assert "does not answer" in str(answer.exception)


async def test_subscribe_goes_on_at_its_place_after_the_connection_was_lost() -> None:
    gateway, events = Gateway(), (await history())[:60]
    for one in events[:30]:
        gateway.log.put(one, ["ticket.events"])
    told: list[str] = []
    got: list[str] = []

    async def live() -> list[StreamSubscription]:
        return [*gateway.hub._subscriptions]

    async with behind_a_server(gateway):
        client = client_of(gateway, until_now=False)
        client.notify = told.append
        async with asyncio.timeout(30):
            async for frame in client.events():
                got.append(frame["ce"]["id"])
                if len(got) == 30:
                    for each in await eventually(live):
                        each.end(slow_reader())
                    for one in events[30:]:
                        gateway.log.put(one, ["ticket.events"])
                if len(got) == 60:
                    break
    assert sorted(got) == sorted(str(one.event_id) for one in events)
    assert told


async def test_subscribe_begins_at_the_first_record_of_a_time(parts: Urls) -> None:
    settings = Settings(kafka_bootstrap=parts.kafka_bootstrap, namespace=f"s{id(parts):x}")
    await apply_topics(settings, CONTRACT, replication=1)
    events, noon = (await history())[:120], datetime.now(UTC) - timedelta(hours=2)
    async with make_producer(settings) as producer:
        for n, one in enumerate(events):
            at = noon + timedelta(milliseconds=n - 70)
            await producer.send_and_wait(
                physical(settings.namespace, "ticket.events"), CODEC.encode(one), key=one.ticket_id.encode(),
                headers=headers_of(one), timestamp_ms=int(at.timestamp() * 1000),
            )  # fmt: skip
    async with gateway_on(settings) as gateway:
        got = [frame async for frame in client_of(gateway, begin=noon.isoformat()).events()]
        late = [frame async for frame in client_of(gateway, begin=(noon + timedelta(hours=1)).isoformat()).events()]
        ahead = (datetime.now(UTC) + timedelta(seconds=30)).isoformat()  # a clock that is not quite right
        assert [frame async for frame in client_of(gateway, begin=ahead).events()] == []
        with pytest.raises(StreamRefused, match=r"--from: .*since"):
            [frame async for frame in client_of(gateway, begin="2026-11-30").events()]
        with pytest.raises(StreamRefused, match=r"--from: .* is still to come"):
            [frame async for frame in client_of(gateway, begin=(noon + timedelta(days=1)).isoformat()).events()]
    assert {one["ce"]["id"] for one in got} == {str(one.event_id) for one in events[70:]}
    assert late == []
