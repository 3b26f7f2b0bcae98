"""The intake stage: what waited on Kafka is dispatched together, what is refused is kept, and the stage goes on."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

import pytest

from bus.domain.errors import MalformedInput
from bus.intake.dispatch import Dispatcher
from bus.intake.dispatch_handler import DispatchHandler
from bus.intake.intake_topic import INTAKE_HANDLER, IntakeTranslator
from bus.postgres.pool import Connection
from bus.wire.mac import mac_headers
from bus.wire.record import Record
from bus.wire.record_reader import nothing_more
from deadletter.rejected_inputs import MemoryRejectedInputs
from schemas.messages import HostRead, RequestReceived
from tests.bus_under_test import eventually
from tests.gateway.fakes import CODEC, RULES, FakeSource, StoreThatMayBeAway
from tests.stage.rig import Rig

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NO_CONNECTION = cast("Connection", object())  # the handler commits on its own
HOST = HostRead(host="h", read_at=NOON, path="/", disk_total_bytes=1.0, disk_free_bytes=1.0, memory_free_bytes=1.0)


def spooled(words: str, delivery: str) -> bytes:
    """Give a delivery of the fake source as it waits on Kafka."""
    received = RequestReceived(
        delivery_id=delivery, source="fake", client="fake", method="POST", path="/v1/sources/fake/webhook",
        headers={}, body=words.encode(), received_at=NOON, trace_id="ab" * 16,
    )  # fmt: skip
    return CODEC.encode_record(received)


def record_of(value: bytes, headers: Sequence[tuple[str, bytes]]) -> Record:
    """Make a record of the intake topic."""
    return Record(topic="t", partition=0, offset=1, key=b"fake", value=value, headers=tuple(headers), timestamp_ms=0)


def handler_on(store: StoreThatMayBeAway, refused: MemoryRejectedInputs) -> DispatchHandler:
    """Make the handler on parts in memory."""
    dispatcher = Dispatcher(store=store, rules=RULES)
    translator = IntakeTranslator(codec=CODEC, sources={"fake": FakeSource()})
    return DispatchHandler(
        name=INTAKE_HANDLER, translator=translator, dispatcher=dispatcher, refused=refused, know=nothing_more
    )


async def test_intake_a_batch_is_one_transaction_in_order_and_each_refusal_is_kept_under_its_own_door() -> None:
    store, refused = StoreThatMayBeAway(), MemoryRejectedInputs()
    values = [
        spooled("open note", "d1"), None, b"junk", CODEC.encode_record(HOST), spooled("bad", "d2"),
        spooled("reopen note", "d3"), spooled("open note", "d1"),
    ]  # fmt: skip
    records = [
        Record(topic="t", partition=0, offset=n, key=b"fake", value=value, headers=(), timestamp_ms=0)
        for n, value in enumerate(values)
    ]
    await handler_on(store, refused).handle(NO_CONNECTION, records)
    assert store.transactions == 1
    [events] = store.log.values()
    assert len(events) == 3
    assert {place: one.code for place, one in refused.kept.items()} == {
        ("intake", "t/0@1"): "empty_record",
        ("intake", "t/0@2"): "malformed_record",
        ("intake", "t/0@3"): "malformed_record",
        ("webhook:fake", "d2"): "unknown_type",
        ("webhook:fake", "d3"): "not_now",
    }


def test_intake_only_what_a_gateway_wrote_is_believed_and_secrets_can_be_changed() -> None:
    old, new = b"o" * 32, b"n" * 32
    translator = IntakeTranslator(codec=CODEC, sources={"fake": FakeSource()}, secrets=[new, old])
    value = spooled("open", "d1")
    for secret in (old, new):
        assert translator.requests(record_of(value, mac_headers([secret], value)))
    assert IntakeTranslator(codec=CODEC, sources={"fake": FakeSource()}).requests(record_of(value, []))
    of_another = mac_headers([new], spooled("open", "d2"))
    for headers in ([], [("ticketbus-mac", b"\xff")], mac_headers([b"x" * 32], value), of_another):
        record = record_of(value, headers)
        with pytest.raises(MalformedInput) as refused:
            translator.requests(record)
        assert (refused.value.code, refused.value.field) == ("not_authentic", "ticketbus-mac")
        kept = translator.refused(refused.value, record, 0)
        assert (kept.origin, kept.body) == ("intake", value), "what it says of its source is not believed"


async def test_intake_the_stage_waits_for_the_database_then_takes_everything_in_once(rig: Rig) -> None:
    store, refused = StoreThatMayBeAway(), MemoryRejectedInputs()
    store.away = True
    rig.work(handler_on(store, refused))
    await rig.produce(0, spooled("open", "d1"), b"junk", spooled("note", "d2"))

    async def begun() -> bool:
        return bool(await rig.standing("intake"))

    async def done() -> bool:
        return (await rig.standing("intake"))[0].next_offset == 3

    await eventually(begun)
    store.away = False
    await eventually(done)
    [events] = store.log.values()
    assert [one.version for one in events] == [1, 2]
    assert [one.code for one in refused.kept.values()] == ["malformed_record"]
    assert (await rig.standing("intake"))[0].failure is None


def test_intake_a_worker_takes_requests_in_without_a_web_framework() -> None:
    code = (
        "import bus.intake.intake_topic, sys; sys.exit(any(name in sys.modules for name in ('starlette', 'fastapi')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
