"""Outbound messages of Salesforce at the gateway: the Ack leaves once nothing of a message needs to come again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import cast

import httpx2
import pytest
from structlog.testing import capture_logs

from adapters.mapped.read_map import read_map
from adapters.mapped.shipped import shipped
from adapters.mapped.source import MappedSource
from adapters.simulators.salesforce_messages import MessageFault, OutboundMessages
from adapters.simulators.salesforce_org import SalesforceOrg
from bus.domain.events import NoteAdded, TicketOpened
from bus.gateway.http.body_limit import body_limit
from bus.intake.dispatch import utc_now
from bus.intake.source_adapter import Source
from tests.gateway.conftest import Gateway
from tests.gateway.test_intake import take_in
from tests.mapped.vendors import environment, sample, secret_of

SECRET = secret_of("salesforce")
ADDRESS = f"/v1/sources/salesforce/webhook/{SECRET.replace(':', '%3A')}"
AGO = f"{datetime.now(UTC) - timedelta(hours=2):%Y-%m-%dT%H}".encode()
CREATED, LATER, SEVERAL = (
    sample("salesforce", name).replace(b"2026-11-22T01", AGO) for name in ("created", "comment", "several")
)
SESSION = "a-session-that-nobody-may-keep"


@pytest.fixture
async def salesforce(gateway: Gateway) -> Gateway:
    """Plug Salesforce in, calling from this machine."""
    content = shipped("salesforce").replace("networks: [", "networks: [127.0.0.0/8, ")
    for word in ("it_incident", "configuration_question"):
        content = content.replace(word, "hardware_fault")
    source = MappedSource(read_map(content), 1, environment("salesforce"))
    assert not source.trouble
    cast("dict[str, Source]", gateway.sources)["salesforce"] = source
    limit = body_limit(gateway.deps.body_bytes_max, gateway.sources, utc_now)
    gateway.app.state.deps = replace(gateway.deps, body_limit=limit)
    return gateway


async def sent(gateway: Gateway, body: bytes, address: str = ADDRESS) -> httpx2.Response:
    return await gateway.http.post(address, content=body, headers={"content-type": "text/xml; charset=UTF-8"})


def is_acknowledged(answer: httpx2.Response) -> bool:
    return answer.status_code == 200 and b"<Ack>true</Ack>" in answer.content


def effects(gateway: Gateway) -> list[type]:
    return [type(one.event) for events in gateway.store.log.values() for one in events]


async def test_outbound_messages_each_notification_is_taken_once_however_often_it_comes(salesforce: Gateway) -> None:
    answers = [
        await sent(salesforce, body) for body in (CREATED, CREATED, LATER, CREATED.replace(b"New", b"Old"), LATER)
    ]
    assert all(map(is_acknowledged, answers))
    assert answers[0].headers["content-type"].startswith("text/xml")
    assert len(salesforce.store.log) == 1
    assert effects(salesforce).count(TicketOpened) == 1
    assert effects(salesforce).count(NoteAdded) == 2
    assert salesforce.refused.kept == {}


async def test_outbound_messages_that_come_in_another_order_open_the_ticket_all_the_same(salesforce: Gateway) -> None:
    for body in (LATER, CREATED):
        assert is_acknowledged(await sent(salesforce, body))
    assert effects(salesforce).count(TicketOpened) == 1
    assert salesforce.refused.kept == {}


async def test_outbound_messages_one_that_is_refused_is_kept_and_the_others_go_on(salesforce: Gateway) -> None:
    wrong = SEVERAL.replace(b"<sf:Type>Question</sf:Type>", b"<sf:Type>Nobodys</sf:Type>", 1)
    assert is_acknowledged(await sent(salesforce, wrong))
    [kept] = salesforce.refused.kept.values()
    assert (kept.code, kept.origin_ref, kept.heard) == ("unknown_word", "04l000000000003AAA", False)  # a dead letter
    assert b'"Type":"Nobodys"' in kept.body
    assert effects(salesforce).count(TicketOpened) == 1


async def test_outbound_messages_a_command_that_the_rules_refuse_is_kept_too(salesforce: Gateway) -> None:
    late = SEVERAL.replace(AGO + b":27", b"2099-11-22T01:27")
    assert is_acknowledged(await sent(salesforce, late))
    assert {one.origin_ref.partition("#")[0] for one in salesforce.refused.kept.values()} == {"04l000000000004AAA"}


async def test_outbound_messages_a_deleted_record_is_passed_over(salesforce: Gateway) -> None:
    assert is_acknowledged(await sent(salesforce, sample("salesforce", "deleted")))
    assert (effects(salesforce), salesforce.refused.kept) == ([], {})


async def test_outbound_messages_wait_on_kafka_while_the_store_is_away_each_by_itself(salesforce: Gateway) -> None:
    salesforce.store.away = True
    assert is_acknowledged(await sent(salesforce, SEVERAL))
    assert [one.delivery_id for one in salesforce.spool.spooled] == ["04l000000000003AAA", "04l000000000004AAA"]
    salesforce.spool.away = True
    answer = await sent(salesforce, CREATED)
    assert (answer.status_code, b"<Ack>" in answer.content) == (503, False)


async def test_outbound_messages_what_is_under_way_elsewhere_is_to_come_again(salesforce: Gateway) -> None:
    async with salesforce.in_flight.claim(("salesforce", "04l000000000004AAA"), salesforce.store, []):
        assert (await sent(salesforce, SEVERAL)).status_code == 409
    assert is_acknowledged(await sent(salesforce, SEVERAL))
    assert effects(salesforce).count(NoteAdded) == 2


async def test_outbound_messages_nothing_is_acknowledged_that_cannot_be_kept(
    salesforce: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bus.domain.errors import StoreUnavailable
    from deadletter.rejected_inputs import MemoryRejectedInputs

    async def away(_self: object, _inputs: object) -> None:
        raise StoreUnavailable("away for a test")

    monkeypatch.setattr(MemoryRejectedInputs, "keep", away)
    assert (await sent(salesforce, sample("salesforce", "malformed"))).status_code == 503


async def test_outbound_messages_the_session_is_in_nothing_that_is_kept_or_logged(salesforce: Gateway) -> None:
    bodies = [CREATED, CREATED.replace(b"Problem", b"Nobodys").replace(b"001AAA</Id>\n    <s", b"9AAA</Id>\n    <s")]
    bodies += [CREATED[:-9], CREATED.decode().encode("gbk")]
    with capture_logs() as logs:
        answers = [await sent(salesforce, body) for body in bodies]
    assert [one.status_code for one in answers] == [200, 200, 400, 400]
    assert len(salesforce.refused.kept) == 3
    everything = f"{salesforce.refused.kept} {salesforce.store.log} {logs} {[one.text for one in answers]}"
    assert (SESSION in everything, SECRET in everything) == (False, False)


async def test_outbound_messages_of_nobody_we_know_are_refused(salesforce: Gateway) -> None:
    assert (await sent(salesforce, CREATED, ADDRESS[:-1])).status_code == 401
    assert (await sent(salesforce, CREATED, "/v1/sources/salesforce/webhook")).status_code == 401
    assert (salesforce.refused.kept, effects(salesforce)) == ({}, [])


async def test_outbound_messages_with_a_hundred_long_cases_are_read_of_a_proven_sender_alone(
    salesforce: Gateway,
) -> None:
    org = SalesforceOrg()
    sender = OutboundMessages(org=org, http=salesforce.http, address=ADDRESS)
    for number in range(100):
        sender.note(org.create("Case", {"Subject": f"水泵 {number}", "Description": "x" * 20_000}))
    body = sender.message([*sender.queue])
    assert len(body) > 2_000_000
    for address in (ADDRESS[:-1], "/v1/sources/salesforce/webhook", "/v1/sources/fake/webhook"):
        assert (await sent(salesforce, body, address)).status_code == 413
    assert is_acknowledged(await sent(salesforce, body))
    assert effects(salesforce).count(TicketOpened) == 100


async def test_outbound_messages_ten_megabytes_are_refused_and_not_acknowledged(salesforce: Gateway) -> None:
    assert (await sent(salesforce, CREATED.replace(b"New", b"x" * 10_000_000))).status_code == 413


async def test_outbound_messages_whatever_goes_wrong_each_case_is_one_ticket_and_each_notification_one_note(
    salesforce: Gateway,
) -> None:
    chance = Random(11)  # noqa: S311 - the same faults at every run
    org = SalesforceOrg()
    sender = OutboundMessages(org=org, http=salesforce.http, address=ADDRESS, chance=chance)
    noted, told = 0, set[str]()
    for _ in range(40):
        for _ in range(chance.randrange(4)):
            own = chance.choice(sorted(org.records)) if org.records and chance.random() < 0.6 else ""
            own = own or org.create("Case", {"Subject": f"水泵 {len(org.records)} <不转>", "SuppliedName": "王女士"})
            org.update("Case", own, {"Status": chance.choice(["New", "Working", "Escalated"])})
            sender.note(own)
            noted, told = noted + 1, told | {own}
        salesforce.store.away = chance.random() < 0.3
        salesforce.spool.away = chance.random() < 0.3
        if chance.random() < 0.5:
            sender.faults.turn_on(chance.choice([*MessageFault]), times=1)
        if sender.queue:
            await sender.send(chance.choice([1, 5, 100]))
    salesforce.store.away = salesforce.spool.away = False
    sender.faults.turn_off()
    await take_in(salesforce)
    while sender.queue:
        assert await sender.send() == 200
    assert effects(salesforce).count(TicketOpened) == len(told) == len(salesforce.store.log)
    assert effects(salesforce).count(NoteAdded) == noted
    assert sender.sent > 20
    assert {one.code for one in salesforce.refused.kept.values()} == {"not_an_outbound_message"}
    assert "a-session-of" not in f"{salesforce.refused.kept} {salesforce.store.log} {salesforce.spool.spooled}"
