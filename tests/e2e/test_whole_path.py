"""The whole path: a signed webhook becomes true in PostgreSQL, known on Kafka, shown, pushed and told (R1, R35)."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka import TopicPartition

from adapters.simulators.crm import Crm
from adapters.simulators.engineer_app import EngineerApp
from bus.kafka.clients import make_consumer
from bus.wire.headers import header
from schemas.topics import LOG, physical
from tests.bus_under_test import TOKEN, WEBHOOK_SECRET, Bus, eventually
from tests.gateway.described import Described

ASSIGNEE = {
    "role": "现场工程师",
    "person": "王磊",
    "contact": "13900000001",
    "backup_person": "赵敏",
    "backup_contact": "13900000002",
}


async def command(bus: Bus, ticket_id: str, name: str, body: dict[str, Any], key: str | None = None) -> Any:
    async with bus.client() as http:
        headers = {"Idempotency-Key": key or uuid4().hex}
        return await http.post(f"/v1/tickets/{ticket_id}/{name}", json=body, headers=headers)


async def answers_as_described(bus: Bus, ticket_id: str) -> None:
    """Hold what the gateway reads out against the description that it serves itself."""
    of_ticket = f"/v1/tickets/{ticket_id}"
    async with bus.client() as http:
        served = (await http.get("/openapi.json")).json()
        described = Described(lambda: served)
        others = ["topics", "deadletters", "deadletters/redrives", "deliveries", "tickets?limit=500"]
        paths = [of_ticket, f"{of_ticket}/events", f"/v1/journeys/{ticket_id}", "/livez", "/readyz", "/metrics"]
        for path in (*paths, *(f"/v1/{one}" for one in others)):
            answer = await http.get(path)
            assert answer.status_code == 200, (path, answer.text)
            await described(answer)


async def test_whole_path_a_webhook_reaches_kafka_read_model_websocket_and_trace(running: Bus, tmp_path: Path) -> None:
    serial, source_no = f"SN-{uuid4().hex[:8]}", f"C-{uuid4().hex[:8]}"
    async with (
        Crm(running.url, WEBHOOK_SECRET) as crm,
        EngineerApp(running.url, TOKEN, tmp_path / "cursor", person="王磊") as app,
    ):
        arrived: list[Any] = []

        async def listen() -> None:
            async for event in app.events(["ticket.assign"]):
                arrived.append(event)  # noqa: PERF401 - each is looked at while the stream goes on

        listening = asyncio.create_task(listen())
        await asyncio.wait_for(app.connected.wait(), 120)
        receipt = await crm.tell(
            "ticket.created",
            source_no,
            incident_key={"kind": "serial", "value": serial},
            title="空调不制冷",
            type="hardware_fault",
            region="上海",
            customer={"name": "李雷", "phone": "13812345678"},
        )
        assert receipt.status == 201, receipt
        ticket_id = receipt.result["ticket_id"]
        answer = await command(running, ticket_id, "assign", {"assignee": ASSIGNEE})
        assert answer.status_code == 200, answer.text

        async def pushed() -> Any:
            return next((one for one in arrived if one["data"]["ticket_id"] == ticket_id), None)

        event = await eventually(pushed, what="ticket.assign over WebSocket")
        listening.cancel()
    assert event["ce"]["type"] == "ticket.assigned.v1"
    assert event["data"]["assignee"]["person"] == "王磊"
    await _shown_in_the_read_model(running, ticket_id)
    await _is_on_kafka_with_its_headers(running, ticket_id, receipt.trace_id)
    await _is_told_by_trace(running, ticket_id, serial)
    await answers_as_described(running, ticket_id)


async def _shown_in_the_read_model(bus: Bus, ticket_id: str) -> None:
    async def listed() -> Any:
        async with bus.client() as http:
            rows = (await http.get("/v1/tickets", params={"assignee": "王磊", "limit": 200})).json()["tickets"]
        return next((row for row in rows if row["ticket_id"] == ticket_id and row["version"] == 2), None)

    row = await eventually(listed, what="the read model")
    assert (row["state"], row["state_zh"]) == ("assigned", "已指派")
    assert row["responsibility"]["handler"] == "王磊"
    assert row["responsibility"]["creator"] == "crm"


async def _is_on_kafka_with_its_headers(bus: Bus, ticket_id: str, trace_id: str) -> None:
    consumer = make_consumer(bus.settings)
    await consumer.start()
    try:
        topic = physical(bus.settings.namespace, LOG)
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or range(6)]
        consumer.assign(partitions)
        records: list[Any] = []

        async def both() -> bool:
            for found in (await consumer.getmany(timeout_ms=200)).values():
                records.extend(one for one in found if one.key == ticket_id.encode())
            return len(records) >= 2

        await eventually(both, what="two records on ticket.events")
    finally:
        await consumer.stop()
    first = records[0]
    assert first.value[0] == 0
    assert header(first.headers, "ce_type") == "ticket.opened.v1"
    assert header(first.headers, "ticket-version") == "1"
    assert (header(first.headers, "traceparent") or "").split("-")[1] == trace_id
    async with bus.core() as core:
        assert core.codec.decode(first.value).trace_id == trace_id


async def _is_told_by_trace(bus: Bus, ticket_id: str, serial: str) -> None:
    async def told() -> Any:
        async with bus.client() as http:
            journey = (await http.get(f"/v1/journeys/{serial}")).json()
        hops = {hop["hop"] for event in journey["events"] for hop in event["hops"]}
        return journey if {"received", "committed", "published", "projected", "pushed"} <= hops else None

    journey = await eventually(told, what="all hops in the journey")
    assert journey["ticket_id"] == ticket_id
    done = await asyncio.to_thread(bus.run, "trace", serial, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ticket_id"] == ticket_id


async def test_whole_path_two_reports_of_one_device_are_one_ticket(running: Bus) -> None:
    key = {"kind": "serial", "value": f"SN-{uuid4().hex[:8]}"}
    async with Crm(running.url, WEBHOOK_SECRET) as crm:
        first, second = [
            await crm.tell("ticket.created", f"C-{uuid4().hex}", incident_key=key, title="漏水", type="hardware_fault")
            for _ in range(2)
        ]
    assert (first.status, second.status) == (201, 200)
    assert first.result["ticket_id"] == second.result["ticket_id"]


async def test_whole_path_the_same_delivery_twice_has_one_effect(running: Bus) -> None:
    async with Crm(running.url, WEBHOOK_SECRET) as crm:
        key = {"kind": "order", "value": uuid4().hex}
        message = crm.message("ticket.created", uuid4().hex, incident_key=key, title="漏水", type="hardware_fault")
        receipts = [await crm.send(message) for _ in range(2)]
    assert receipts[0].result["ticket_id"] == receipts[1].result["ticket_id"]
    async with running.client() as http:
        shown = (await http.get(f"/v1/tickets/{receipts[0].result['ticket_id']}")).json()
    assert (shown["version"], shown["reports"]) == (1, 1)


async def test_whole_path_resolving_without_a_photo_is_refused_in_chinese_and_kept(running: Bus) -> None:
    async with Crm(running.url, WEBHOOK_SECRET) as crm:
        key = {"kind": "order", "value": uuid4().hex}
        opened = await crm.tell("ticket.created", uuid4().hex, incident_key=key, title="异响", type="hardware_fault")
    ticket_id = opened.result["ticket_id"]
    for name, body in (("assign", {"assignee": ASSIGNEE}), ("accept", {}), ("start", {"substate": "on_site"})):
        assert (await command(running, ticket_id, name, body)).status_code == 200
    refused = await command(running, ticket_id, "resolve", {"summary": "换件", "root_cause": "component_failure"})
    assert refused.status_code == 422
    problem = refused.json()
    assert (problem["code"], problem["field"]) == ("missing", "photos")
    assert "照片" in problem["detail"]
    assert running.query("SELECT count(*) FROM refused_inputs WHERE ticket_id = %s", ticket_id) == [(1,)]


async def test_whole_path_a_wrong_topic_is_answered_with_the_right_one(running: Bus, tmp_path: Path) -> None:
    from adapters.simulators.engineer_app import SubscriptionRefused

    async with EngineerApp(running.url, TOKEN, tmp_path / "cursor", person="王磊") as app:
        try:
            async for _ in app.events(["ticket.assigns"]):
                raise AssertionError("an event of a topic that is not there")
        except SubscriptionRefused as refused:
            told = json.dumps(refused.args, ensure_ascii=False) + str(refused)
            assert "ticket.assign" in told


async def test_whole_path_the_stores_agree_and_the_read_models_are_what_a_rebuild_gives(running: Bus) -> None:
    async def published() -> bool:
        return running.query("SELECT count(*) FROM outbox WHERE published_at IS NULL") == [(0,)]

    await eventually(published, what="an empty outbox")
    for arguments in (("log", "verify"), ("projection", "verify")):
        done = await asyncio.to_thread(running.run, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    noted = "SELECT differences FROM log_verifications WHERE verified_at > now() - interval '5 minutes'"
    assert running.query(noted) == [(0,)], "the alert that asks for a run a day knows of it"

    async def arrived() -> bool:
        return running.query("SELECT DISTINCT source FROM source_minutes") == [("crm",)]

    await eventually(arrived, what="what the CRM sent is remembered by minute, and nobody else's")
    checked = await asyncio.to_thread(running.run, "topics", "check", "--live")
    found = [line for line in checked.stdout.splitlines() if "first-admin" not in line]  # who asked for ticket.assigns
    assert found in ([], ["10 topics stand as declared"]), checked.stdout + checked.stderr
