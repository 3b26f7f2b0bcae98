"""Signed webhooks, and intake while PostgreSQL is away."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import cast

import httpx2
import orjson
import pytest
from structlog.testing import capture_logs

from adapters.crm.adapter import CrmAdapter
from adapters.webhook_signature import secret, sign
from bus.domain.errors import IntakeStopped
from bus.domain.text import Text
from bus.gateway import metrics
from bus.intake.dispatch_handler import DispatchHandler
from bus.intake.intake_topic import INTAKE_HANDLER, IntakeTranslator
from bus.intake.source_adapter import Source
from bus.postgres.pool import Connection
from bus.wire.record import Record
from bus.wire.record_reader import nothing_more
from tests.gateway.by_role import OPENING
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import CODEC

SECRET = "whsec_" + "QUJD" * 12
NO_CONNECTION = cast("Connection", object())  # the handler commits on its own


async def take_in(gateway: Gateway) -> None:
    """Run the intake stage over what was spooled, as one batch."""
    handler = DispatchHandler(
        name=INTAKE_HANDLER,
        translator=IntakeTranslator(codec=CODEC, sources=gateway.sources),
        dispatcher=gateway.dispatcher,
        refused=gateway.refused,
        know=nothing_more,
    )
    values = [CODEC.encode_record(one) for one in gateway.spool.spooled]
    records = [
        Record(topic="ticket.intake", partition=0, offset=n, key=b"", value=value, headers=(), timestamp_ms=0)
        for n, value in enumerate(values)
    ]
    await handler.handle(NO_CONNECTION, records)


async def deliver(
    gateway: Gateway, words: str, *, delivery: str = "d1", signed: str = "yes", source: str = "fake"
) -> httpx2.Response:
    headers = {"signed": signed, "webhook-id": delivery, "webhook-signature": "v1,secret"}
    return await gateway.http.post(f"/v1/sources/{source}/webhook", content=words, headers=headers)


async def test_intake_a_delivery_opens_a_ticket_and_is_applied_once(gateway: Gateway) -> None:
    first = await deliver(gateway, "open note")
    assert first.status_code == 201
    assert [one["answer"] for one in first.json()["results"]] == ["opened", "changed"]
    assert first.headers["ticket-trace-id"] == first.json()["results"][0]["trace_id"]
    again = await deliver(gateway, "open note")
    assert again.json()["results"] == first.json()["results"]
    assert again.headers["idempotent-replayed"] == "true"
    assert (await deliver(gateway, "note", delivery="d2")).status_code == 200
    assert (await deliver(gateway, "", delivery="d3")).json()["results"] == []
    [events] = gateway.store.log.values()
    assert len(events) == 3


async def test_intake_fifty_repeats_of_a_delivery_that_is_done_are_all_told_the_same(gateway: Gateway) -> None:
    first = await deliver(gateway, "open note")
    answers = await asyncio.gather(*(deliver(gateway, "open note") for _ in range(50)))
    assert [(one.status_code, one.json()) for one in answers] == [(201, first.json())] * 50
    assert [len(events) for events in gateway.store.log.values()] == [2]
    at_once = await asyncio.gather(*(deliver(gateway, "bad", delivery="d2") for _ in range(3)))
    assert {one.json()["code"] for one in at_once} == {"unknown_type"}


async def test_intake_an_unproven_delivery_is_401_and_an_unknown_source_404_with_the_nearest(gateway: Gateway) -> None:
    answer = await deliver(gateway, "open", signed="no")
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_signature")
    unknown = await gateway.http.post("/v1/sources/fakee/webhook", content=b"", headers={"signed": "no"})
    known = await gateway.http.post("/v1/sources/fake/webhook", content=b"", headers={"signed": "no"})
    told = [{name: one.json()[name] for name in ("status", "code", "field", "detail")} for one in (unknown, known)]
    assert told[0] == told[1]  # nobody learns names without a secret
    answer = await deliver(gateway, "open", source="fakee")
    assert (answer.status_code, answer.json()["nearest"]) == (404, "fake")
    assert gateway.refused.kept == {}


async def test_intake_what_is_refused_is_422_or_400_and_kept_once_without_its_signature(gateway: Gateway) -> None:
    for _ in range(2):
        answer = await deliver(gateway, "note")
        assert (answer.status_code, answer.json()["code"]) == (422, "no_such_ticket")
    answer = await deliver(gateway, "bad", delivery="d2")
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "unknown_type", "type")
    answer = await deliver(gateway, "nul", delivery="d3")
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "nul", "command.text")
    kept = gateway.refused.kept
    assert list(kept) == [("webhook:fake", "d1"), ("webhook:fake", "d2"), ("webhook:fake", "d3")]
    assert kept["webhook:fake", "d1"].body == b"note"
    assert not any("secret" in str(one.headers) for one in kept.values())


async def test_intake_of_a_delivery_half_refused_the_accepted_half_stands_and_the_other_is_told(
    gateway: Gateway,
) -> None:
    answer = await deliver(gateway, "open reopen note")
    assert (answer.status_code, answer.json()["code"]) == (422, "not_now")
    assert [one["answer"] for one in answer.json()["results"]] == ["opened", "refused", "changed"]
    [kept] = gateway.refused.kept.values()
    assert (kept.origin_ref, kept.ticket_id) == ("d1#1", answer.json()["results"][0]["ticket_id"])


@pytest.mark.parametrize("away", [False, True])
async def test_intake_of_a_full_disk_is_refused_and_not_spooled_around(gateway: Gateway, away: bool) -> None:
    def check() -> None:
        raise IntakeStopped(Text("磁盘已到停写线", "the disk is at its floor"))

    gateway.check, gateway.store.away = check, away
    answers = [
        await deliver(gateway, "open"),
        await gateway.post("/v1/tickets", OPENING),
        await gateway.post("/v1/tickets/T20261122-000001/note", {"text": "x"}),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, "disk_floor")
        assert (answer.json()["detail"], answer.headers["retry-after"]) == ("磁盘已到停写线", "30")
    assert (gateway.spool.spooled, gateway.store.log) == ([], {})


async def test_intake_while_postgres_is_away_intake_goes_to_kafka_and_is_dispatched_later_under_its_trace(
    gateway: Gateway,
) -> None:
    gateway.store.away = True
    webhook = await deliver(gateway, "open")
    opening = await gateway.post("/v1/tickets", OPENING, key="later")
    for answer in (webhook, opening):
        assert (answer.status_code, answer.json()["answer"]) == (202, "spooled")
    other = await gateway.post("/v1/tickets/T20261122-000001/note", {"text": "x"})
    assert (other.status_code, other.json()["code"]) == (503, "unavailable")
    assert other.headers["retry-after"]

    gateway.store.away = False
    for _ in range(2):  # the intake topic may be read twice
        await take_in(gateway)
    assert gateway.store.transactions == 2
    assert [len(events) for events in gateway.store.log.values()] == [1, 1]
    traces = {events[0].trace_id for events in gateway.store.log.values()}
    assert traces == {webhook.json()["trace_id"], opening.json()["trace_id"]}
    again = await gateway.post("/v1/tickets", OPENING, key="later")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert gateway.refused.kept == {}


async def test_intake_a_spooled_request_that_is_refused_later_is_kept_under_the_door_it_came_by(
    gateway: Gateway,
) -> None:
    gateway.store.away = True
    await deliver(gateway, "note")
    await gateway.post("/v1/tickets", {**OPENING, "type": "nonsense"}, key="k")
    gateway.store.away = False
    await take_in(gateway)
    assert {(one.origin, one.code) for one in gateway.refused.kept.values()} == {
        ("webhook:fake", "no_such_ticket"),
        ("http", "unknown_word"),
    }


async def test_intake_a_malformed_report_is_refused_at_once_even_while_postgres_is_away(gateway: Gateway) -> None:
    gateway.store.away = True
    answer = await gateway.post("/v1/tickets", {**OPENING, "titel": "x"})
    assert (answer.status_code, answer.json()["nearest"]) == (400, "title")
    assert gateway.spool.spooled == []


async def test_intake_when_both_stores_are_away_intake_is_503(gateway: Gateway) -> None:
    gateway.store.away = gateway.spool.away = True
    for answer in (await deliver(gateway, "open"), await gateway.post("/v1/tickets", OPENING)):
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.headers["retry-after"] == "5"


async def test_intake_a_note_does_not_overtake_the_opening_that_still_waits_on_kafka(gateway: Gateway) -> None:
    gateway.store.away = True
    await deliver(gateway, "open")
    gateway.store.away, gateway.spool.waiting = False, {"fake"}
    assert (await deliver(gateway, "note", delivery="d2")).json()["answer"] == "spooled"
    assert (await deliver(gateway, "bad", delivery="d3")).status_code == 400  # what is no delivery is told at once
    await take_in(gateway)
    [events] = gateway.store.log.values()
    assert [one.version for one in events] == [1, 2]
    assert [one.code for one in gateway.refused.kept.values()] == ["unknown_type"]
    gateway.spool.waiting = set()
    assert (await deliver(gateway, "note", delivery="d4")).status_code == 200


async def test_intake_nobody_outside_speaks_under_the_bus_s_own_name(gateway: Gateway) -> None:
    for actor in ("ticketbus", "bus", " TicketBus "):
        answer = await gateway.post("/v1/tickets", {**OPENING, "actor": actor})
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "reserved_name", "actor")
    assert gateway.store.log == {}


async def crm(gateway: Gateway, delivery: str, content: Mapping[str, object]) -> httpx2.Response:
    body = orjson.dumps(content)
    headers = sign(secret(SECRET), delivery, gateway.deps.now(), body)
    return await gateway.http.post("/v1/sources/crm/webhook", content=body, headers=headers)


def ignored(what: str) -> float:
    return float(metrics.INTAKE_IGNORED.labels("crm", what)._value.get())


@pytest.fixture
async def with_crm(gateway: Gateway) -> Gateway:
    cast("dict[str, Source]", gateway.sources)["crm"] = CrmAdapter([SECRET])
    return gateway


async def test_intake_a_webhook_id_that_came_before_is_named_whether_it_is_done_or_under_way(with_crm: Gateway) -> None:
    at = with_crm.deps.now().isoformat()
    data: list[dict[str, object]] = [{**OPENING, "source_no": "7", "title": title} for title in "ab"]
    first, other = ({"type": "ticket.created", "timestamp": at, "data": one} for one in data)
    assert (await crm(with_crm, "w1", first)).status_code == 201
    refused = (await crm(with_crm, "w1", other)).json()
    assert (refused["code"], refused["field"]) == ("idempotency_key_reused", "webhook-id")
    assert "webhook-id" in refused["detail"]
    async with with_crm.in_flight.claim(("crm", "w2"), with_crm.store, []):
        under_way = (await crm(with_crm, "w2", other)).json()
    assert (under_way["code"], under_way["field"]) == ("in_flight", "webhook-id")


async def test_intake_a_ping_is_taken_without_effect_counted_and_logged_once(with_crm: Gateway) -> None:
    before = ignored("delivery")
    with capture_logs() as logs:
        answers = [await crm(with_crm, f"p{n}", {"type": "customer.created", "data": None}) for n in range(3)]
    for answer in answers:
        content = answer.json()
        assert (answer.status_code, content["answer"], content["results"]) == (200, "ignored", [])
        assert (content["code"], content["field"], content["nearest"]) == ("unknown_type", "$.type", "")
    assert ignored("delivery") == before + 3
    assert [one["what"] for one in logs if one["event"] == "intake_ignored"] == ["delivery"]
    assert with_crm.refused.kept == {}
    assert with_crm.store.log == {}


@pytest.mark.parametrize(
    ("word", "code"), [("ticket.craeted", "misspelled_type"), ("ticket.opened", "unknown_type"), ("x", "unknown_type")]
)
async def test_intake_a_ticket_of_no_type_of_ours_is_refused_kept_with_its_bytes_and_counted(
    with_crm: Gateway, word: str, code: str
) -> None:
    before = ignored(code)
    content: dict[str, object] = {"type": word, "data": {**OPENING, "source_no": "7"}}
    answer = await crm(with_crm, "m1", content)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (400, code, "$.type")
    assert problem["nearest"] == ("" if word == "x" else "ticket.created")
    [kept] = with_crm.refused.kept.values()
    assert (kept.code, kept.body, kept.heard) == (code, orjson.dumps(content), False)  # a dead letter
    assert ignored(code) == before + 1


@pytest.mark.parametrize("away", [False, True])
async def test_intake_a_refusal_of_the_domain_names_the_field_that_the_crm_wrote(
    with_crm: Gateway, *, away: bool
) -> None:
    at = with_crm.deps.now()
    blank: dict[str, object] = {"incident_key": {"kind": "serial", "value": "N/A"}}
    wrong: dict[str, tuple[str, dict[str, object]]] = {
        "$.data.incident_key.value": (at.isoformat(), blank),
        "$.data.opened_at": (at.isoformat(), {"opened_at": (at + timedelta(hours=2)).isoformat()}),
        "$.data.type": (at.isoformat(), {"type": "nonsense"}),
        "$.timestamp": ((at + timedelta(hours=2)).isoformat(), {}),
    }
    with_crm.store.away = away
    for n, (field, (sent_at, added)) in enumerate(wrong.items()):
        data = {**OPENING, "source_no": str(n), **added}
        answer = await crm(with_crm, f"r{n}", {"type": "ticket.created", "timestamp": sent_at, "data": data})
        assert answer.status_code == (202 if away else 422)
        assert away or answer.json()["field"] == answer.json()["results"][0]["field"] == field
    with_crm.store.away = False
    if away:
        await take_in(with_crm)
    assert {one.field for one in with_crm.refused.kept.values()} == set(wrong)


async def test_intake_a_field_that_a_crm_added_is_taken_counted_and_logged_once(with_crm: Gateway) -> None:
    before = ignored("field")
    data = {**OPENING, "source_no": 7, "region": None, "added_in_v9": {"x": 1}}
    with capture_logs() as logs:
        for n, status in enumerate((201, 200)):
            at = with_crm.deps.now().isoformat()
            answer = await crm(with_crm, f"f{n}", {"type": "ticket.created", "timestamp": at, "data": data})
            assert (answer.status_code, answer.json()["ignored"]) == (status, ["$.data.added_in_v9"])
    assert ignored("field") == before + 2
    assert [one["field"] for one in logs if one["event"] == "intake_ignored"] == ["$.data.added_in_v9"]
