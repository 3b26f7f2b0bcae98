"""What a journey is found by beside its ticket's names, and what is known of a name without a ticket."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson
import pytest

from adapters.crm.translate import translate
from bus.app import Core
from bus.domain.errors import MalformedInput
from bus.gateway.http.journey_answers import JourneyAnswer
from bus.gateway.write.spool import KafkaSpool
from bus.intake.command_ids import command_id
from bus.intake.command_requests import OPEN_PATH
from bus.intake.from_raw_request import refused_delivery
from bus.journey.spooled import KAFKA_S_MAX
from bus.local.stack import Urls
from bus.postgres.pool import connected
from bus.programs.journeys import journeys_of
from bus.wire.numbers_in import NUMBERS_MAX, numbers_in, phones_in
from bus.wire.rejected_input import refused_input
from schemas.messages import RequestReceived
from tests.adapters.test_crm_translate import CREATED
from tests.bus_under_test import Bus, bus_on
from tests.consistency.test_two_stores import opening, request
from tests.gateway.typed import type_faults
from tests.journey.test_journey import write

SPOOLED = """
INSERT INTO programs (instance, program, host, pid, ahead_s, parts)
VALUES (gen_random_uuid(), 'gateway', 'h', 1, 0, '{"intake spool": "crm"}')"""


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """Make a bus of the module's own."""
    with bus_on(parts, tmp_path_factory.mktemp("found")) as made:
        yield made


@pytest.fixture
async def core(bus: Bus) -> AsyncIterator[Core]:
    """Open its core."""
    async with bus.core() as opened:
        yield opened


async def found(core: Core, anything: str) -> dict[str, Any] | None:
    """Look a name up, as the gateway and the command do."""
    journey = await journeys_of(core)(anything)
    assert journey is None or type_faults(JourneyAnswer, journey) == []
    return journey


def webhook(number: str, delivery_id: str) -> RequestReceived:
    """Give a webhook of the CRM as the gateway spools it."""
    return RequestReceived(
        delivery_id=delivery_id,
        source="crm",
        client="crm",
        method="POST",
        path="/v1/sources/crm/webhook",
        headers={},
        body=f'{{"data": {{"source_no": "{number}", "phone": "1381111{number[-4:]}"}}}}'.encode(),
        received_at=datetime.now(UTC),
        trace_id=uuid4().hex,
    )


async def test_journey_is_found_by_event_id_webhook_id_and_the_number_at_a_target(core: Core, bus: Bus) -> None:
    bus.run("client", "add", "billing", "--role", "source")
    own = command_id("billing", "key-77")
    (opened,) = await core.dispatcher.dispatch([replace(request(1, opening(1), 0), command_id=own)])
    ticket_id = getattr(opened, "ticket_id", "")
    delivered = """
INSERT INTO deliveries (target, ticket_id, version, state, reference, enqueued_at)
VALUES ('erp', %s, 1, 'done', 'BILL-0042', now())"""
    await write(core, delivered, ticket_id)
    first = await found(core, ticket_id)
    assert first is not None
    for name in (first["events"][0]["event_id"], "key-77", " key-77 ", "BILL-0042"):
        again = await found(core, str(name))
        assert again is not None, name
        assert again["ticket_id"] == ticket_id
    assert await found(core, "key-78") is None


async def test_journey_is_found_by_the_webhook_id_of_the_delivery_that_opened_the_ticket(core: Core) -> None:
    sent = {"type": "ticket.created", "data": {**CREATED, "source_no": "C-7701"}}
    await core.dispatcher.dispatch(translate(replace(webhook("-", "msg_7701"), body=orjson.dumps(sent))))
    journey = await found(core, "msg_7701")
    assert journey is not None
    assert (journey["source"], journey["source_no"]) == ("crm", "C-7701")


@pytest.mark.parametrize("body", [b'{"title": ""}', b"not JSON"])
async def test_journey_of_a_refused_request_is_found_by_the_idempotency_key_of_its_client(
    core: Core, bus: Bus, body: bytes
) -> None:
    client, key = f"sap-{len(body)}", f"Order-{len(body)}"
    bus.run("client", "add", client, "--role", "source")
    sent = replace(webhook("-", key), source=client, client=client, path=OPEN_PATH, body=body)
    why = MalformedInput("missing", "title", "缺少标题", "the title is missing")
    for step in (0, 1):
        await core.refused.keep([replace(refused_delivery(why, sent, step), heard=True)])
    journey = await found(core, key)
    assert journey is not None
    (verdict,) = journey["verdict"]
    assert (verdict["cause"], verdict["where"], verdict["evidence"]["field"]) == ("refused", "http", "title")
    assert await found(core, key.lower()) is None, "keys differ by case"


async def test_journey_of_a_number_that_was_refused_says_why_by_whom_and_how_often(core: Core) -> None:
    why = MalformedInput("missing", "data.title", "缺少标题", "the title is missing")
    body = b'{"source_no": "FS-2026-0117", "title": "", "phone": "13800001111"}'
    once = refused_input(
        why, origin="webhook:crm", origin_ref="evt-9", source="crm", body=body, trace_id=uuid4().hex, heard=True
    )
    for _ in range(2):
        await core.refused.keep([once])
    for name in ("FS-2026-0117", "fs-2026-0117", "evt-9"):
        journey = await found(core, name)
        assert journey is not None, name
        (verdict,) = journey["verdict"]
        assert (verdict["cause"], verdict["owner"], verdict["where"]) == ("refused", "source", "webhook:crm")
        assert verdict["evidence"]["code"] == "missing"
        assert verdict["evidence"]["times"] == 2
        assert "field data.title" in verdict["en"]
    assert await found(core, "13800001111") is None, "a phone in refused input is no name: nothing of it is stored"
    async with connected(core.pool) as connection:
        ((lookups,),) = await (
            await connection.execute("SELECT lookups FROM refused_inputs WHERE origin_ref = 'evt-9'")
        ).fetchall()
    assert len(lookups) == 1
    assert "0117" not in "".join(lookups)


async def test_journey_of_what_waits_on_the_intake_topic_is_in_the_spool_and_not_done(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = KafkaSpool(settings=core.settings, codec=core.codec, pool=core.pool)
    try:
        for number in ("W-1001", "W-1002", "C-0021"):
            await spool(webhook(number, f"id-{number}"))
    finally:
        await spool.close()
    assert await found(core, "W-1002") is None, "nobody says that something waits: Kafka is not asked"
    await write(core, SPOOLED)
    for name in ("W-1002", "id-W-1002", "+86 138-1111-1002"):
        journey = await found(core, name)
        assert journey is not None, name
        (verdict,) = journey["verdict"]
        assert (verdict["cause"], verdict["evidence"]["source"], verdict["evidence"]["ahead"]) == ("in_spool", "crm", 1)
    monkeypatch.setattr("bus.journey.spooled.LOOKED_THROUGH_MAX", 1)
    behind = await found(core, "W-1002")
    assert behind is not None, "nobody knows whether it waits"
    (unsearched,) = behind["verdict"]
    assert (unsearched["cause"], unsearched["evidence"]["unread"]) == ("spool_unsearched", 2)
    monkeypatch.undo()
    with socket.create_server(("127.0.0.1", 0)) as hung:  # takes connections, as a stopped broker does, and is silent
        for port in (1, hung.getsockname()[1]):
            away = replace(core, settings=core.settings.model_copy(update={"kafka_bootstrap": f"127.0.0.1:{port}"}))
            async with asyncio.timeout(3 * KAFKA_S_MAX):
                blind = await found(away, "W-1002")
            assert blind is not None, port
            (verdict,) = blind["verdict"]
            assert (verdict["cause"], verdict["evidence"]["kafka_away"]) == ("spool_unsearched", True), port
    await core.dispatcher.dispatch([request(21, opening(21), 0)])
    await write(core, "UPDATE outbox SET published_at = now(), kafka_offset = 0")
    await write(core, "UPDATE programs SET beat_at = now()")
    known = await found(core, "C-0021")
    assert known is not None
    causes = [one["cause"] for one in known["verdict"]]
    assert causes[0] == "in_spool"
    assert not {"done", "not_acted_on"} & {*causes}


def test_numbers_in_a_body_are_words_with_a_digit_and_no_phones() -> None:
    body = '{"no": "fs-2026/01", "phone": "138-0000-1111", "tel": "010-62176966", "name": "王工", "n": 12345}'
    assert numbers_in(body.encode()) == {"FS-2026/01", "12345"}
    assert len(numbers_in(b" ".join(b"SN%05d" % n for n in range(999)))) == NUMBERS_MAX
    assert numbers_in(b"\xff\xfe\x00") == set()


def test_phones_in_a_body_are_spelled_one_way() -> None:
    body = '{"customer": {"phone": "+86 138-0000-1111"}, "source_no": "FS-1", "tel": "010-62176966", "n": 13800002222}'
    assert phones_in(body.encode()) == {"13800001111", "1062176966"}
    assert phones_in(b"\xff\xfe\x00") == set()
