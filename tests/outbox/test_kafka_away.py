"""A relay before a broker that takes connections and answers nothing, as one that is frozen or cut off does."""

import asyncio

import pytest

from bus.aio import cancel_all
from bus.intake.dispatch import Dispatcher
from bus.kafka.clients import STOP_S_MAX, HeldProducer
from bus.outbox import relay as relay_module
from bus.outbox.relay import Relay
from bus.postgres.pool import Pool
from bus.programs import heartbeat
from bus.settings import Settings
from schemas.topics import load_contract
from tests.store.relay_watch import until, waiting
from tests.store.test_relay import worked_on

READ_WITHIN_S = 30.0


async def _silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def test_kafka_away_a_relay_that_gets_no_answer_says_so_until_a_record_is_out(
    relay: Relay, dispatcher: Dispatcher, pool: Pool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert relay_module._ACK_TIMEOUT_S + STOP_S_MAX + heartbeat.EVERY_S < READ_WITHIN_S, "a trace says so in time"
    assert relay_module._ACK_TIMEOUT_S + STOP_S_MAX + relay_module._RETRY_S < relay_module._AWAY_S, "it goes on so"
    monkeypatch.setattr(relay_module, "_ACK_TIMEOUT_S", 0.5)
    monkeypatch.setattr(relay_module, "_AWAY_S", 1e9)  # it ends by a record alone
    del relay  # it has published what other tests left
    async with await asyncio.start_server(_silence, "127.0.0.1", 0) as broker:
        port = broker.sockets[0].getsockname()[1]
        hung = settings.model_copy(update={"kafka_bootstrap": f"127.0.0.1:{port}"})
        one = Relay(pool=pool, settings=hung, contract=load_contract(), report=lambda _alert: None)
        await worked_on(dispatcher, tickets=1, notes=0)
        assert one.kafka_away() is None
        running = asyncio.create_task(one.run())
        await until(one.kafka_away)
        monkeypatch.undo()
        one._held = HeldProducer(settings)
        await until(lambda: one.kafka_away() is None)
        assert await waiting(pool) == 0
        await cancel_all([running])  # a library may swallow one cancellation
