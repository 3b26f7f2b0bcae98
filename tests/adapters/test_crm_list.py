"""A CRM's list is read page by page over HTTP, with what such lists do: overlap, other clocks, pages that fail."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters import webhook_signature as signature
from adapters.adapter import EnvironmentSecrets, SourceServices
from adapters.contract_suites.source_list import SourceListContract
from adapters.crm.adapter import ADAPTER, CrmWebhookOptions, ListingCrmAdapter
from adapters.crm.listed_ticket import listed_ticket
from adapters.crm.listing import ATTEMPTS, CrmList
from adapters.simulators.callback_receiver import CallbackReceiver
from adapters.simulators.rehearsal import callback_switches
from adapters.simulators.switches import Turn
from adapters.simulators.ticket_list import AHEAD, ListFault, TicketList
from adapters.simulators.webhook_sender import WebhookSender
from bus.config_file import ConfigFileInvalid
from bus.domain.errors import MalformedInput
from bus.intake.source_adapter import Source
from bus.reconcile.source_list import ListedTicket, ListingSource, ListUnavailable

SECRET = "whsec_" + "QUJD" * 12
NOW = datetime.now(UTC).replace(microsecond=0)
SINCE = NOW - timedelta(hours=2)


def created(number: int, **more: Any) -> dict[str, Any]:
    at = SINCE + timedelta(minutes=number)
    key = {"kind": "order", "value": f"O-{number}"}
    return {
        "source_no": f"C-{number}", "opened_at": at.isoformat(), "incident_key": key, "title": "漏水",
        "type": "hardware_fault", **more,
    }  # fmt: skip


class CrmSystem:
    """A CRM whose list has ten tickets on a page."""

    def __init__(self, receiver: CallbackReceiver, tickets: TicketList) -> None:
        self.tickets = tickets
        self.source = ListingCrmAdapter([SECRET], "crm", where="tests", list_url=receiver.list_url, pause_s=0.01)

    def create(self, number: str, at: datetime) -> None:
        self.tickets.keep({**created(1), "source_no": number, "opened_at": at.isoformat()}, "")

    def fail(self, times: int | None) -> None:
        self.tickets.misbehave(ListFault.LIST_PAGE_FAILS, times)


class TestCrmListKeepsTheContract(SourceListContract):
    @asynccontextmanager
    async def system(self) -> AsyncIterator[CrmSystem]:
        async with CallbackReceiver(SECRET) as receiver:
            receiver.tickets = TicketList(SECRET, page=10)
            yield CrmSystem(receiver, receiver.tickets)


@pytest.fixture
async def crm() -> AsyncIterator[CallbackReceiver]:
    """Run a CRM with 11 tickets, four on a page of its list."""
    async with CallbackReceiver(SECRET) as receiver:
        receiver.tickets = TicketList(SECRET, page=4)
        for number in range(11):
            receiver.tickets.keep(created(number), "")
        yield receiver


def list_of(crm: CallbackReceiver, secret: str = SECRET) -> CrmList:
    return CrmList(crm.list_url, [signature.secret(secret)], pause_s=0.01)


async def read(asked: CrmList, until: datetime = NOW) -> list[list[ListedTicket]]:
    return [list(page) async for page in asked.pages(SINCE, until)]


async def test_crm_list_gives_every_ticket_with_what_opens_it(crm: CallbackReceiver) -> None:
    pages = await read(list_of(crm))
    assert [len(page) for page in pages] == [4, 4, 3]
    tickets = [one for page in pages for one in page]
    assert [one.number for one in tickets] == [f"C-{number}" for number in range(11)]
    first = tickets[1]
    assert first.at == SINCE + timedelta(minutes=1)
    assert (first.fields, first.unopenable) == ({"type": "hardware_fault"}, None)
    assert first.opening
    assert (first.opening.source_no, first.opening.incident_key.value) == ("C-1", "O-1")
    assert len(await read(list_of(crm), SINCE + timedelta(minutes=2))) == 1


async def test_crm_list_a_number_of_a_ticket_is_its_text(crm: CallbackReceiver) -> None:
    assert crm.tickets
    crm.tickets.keep(created(7) | {"source_no": 4.5, "region": 20}, "")
    [numbered] = [one for page in await read(list_of(crm)) for one in page if one.number == "4.5"]
    assert numbered.fields["region"] == "20"


async def test_crm_list_with_overlap_and_another_clock_is_given_as_it_is(crm: CallbackReceiver) -> None:
    assert crm.tickets
    crm.tickets.misbehave(ListFault.LIST_OVERLAPS)
    crm.tickets.misbehave(ListFault.LIST_CLOCK_AHEAD)
    pages = await read(list_of(crm))
    assert [len(page) for page in pages] == [4, 6, 5]
    assert pages[0][0].at == SINCE + AHEAD


async def test_crm_list_a_page_that_fails_is_asked_for_again_and_for_good_there_is_no_list(
    crm: CallbackReceiver,
) -> None:
    assert crm.tickets
    crm.tickets.misbehave(ListFault.LIST_PAGE_FAILS, ATTEMPTS - 1)
    assert sum(map(len, await read(list_of(crm)))) == 11
    crm.tickets.pages_asked = 0
    crm.tickets.misbehave(ListFault.LIST_PAGE_FAILS)
    with pytest.raises(ListUnavailable, match=r"page 1 of the list did not come: HTTP 500"):
        await read(list_of(crm))
    assert crm.tickets.pages_asked == ATTEMPTS


async def test_crm_list_a_wrong_secret_is_not_tried_again(crm: CallbackReceiver) -> None:
    assert crm.tickets
    with pytest.raises(ListUnavailable, match="HTTP 401"):
        await read(list_of(crm, "whsec_" + "QUJE" * 12))
    assert crm.tickets.pages_asked == 1


async def test_crm_list_with_a_ticket_that_has_no_number_or_time_is_none(crm: CallbackReceiver) -> None:
    assert crm.tickets
    crm.tickets.tickets["C-5"] = {**created(5), "source_no": ""}
    with pytest.raises(ListUnavailable, match=r"page 2 of the list, \$\.tickets\[1\]\.source_no"):
        await read(list_of(crm))


async def test_crm_list_has_the_ticket_whose_webhook_was_lost(crm: CallbackReceiver) -> None:
    assert crm.tickets
    crm.tickets.tickets.clear()
    async with WebhookSender("http://127.0.0.1:9", SECRET) as sender:
        sender.tickets = crm.tickets
        asked = {
            "type": "ticket.created",
            "timestamp": SINCE.isoformat(),
            "data": {"source_no": "C-1"},
            "fault": "lost",
        }
        status, answer = await sender.answer("POST", orjson.dumps(asked))
    assert (status, orjson.loads(answer)["answers"]) == (200, [{"status": 500, "answer": None}])
    [[one]] = await read(list_of(crm))
    assert (one.number, one.at) == ("C-1", SINCE)


async def test_crm_list_its_switches_stand_beside_those_of_callbacks(crm: CallbackReceiver) -> None:
    switches = callback_switches(crm)
    switches.turn_by_name(Turn(fault="list-forgets"))
    switches.turn_by_name(Turn(fault="error", times=1))
    assert switches.state()["on"] == ["error", "list-forgets"]
    assert (await read(list_of(crm)))[0][0].number == "C-1"
    switches.heal()
    assert switches.state()["on"] == []


def test_crm_list_of_a_source_is_built_of_its_options_and_a_wrong_file_is_named(tmp_path: Path) -> None:
    secrets = EnvironmentSecrets(environment={"CRM_SECRET": SECRET}, where="sources.crm.options")

    def built(**options: Any) -> Source:
        return ADAPTER.build(CrmWebhookOptions(secrets=("CRM_SECRET",), **options), secrets, SourceServices(name="crm"))

    assert not isinstance(built(), ListingSource)
    assert isinstance(built(list={"url": "https://crm.example/list"}), ListingSource)
    with pytest.raises(ConfigFileInvalid, match=r"sources\.crm\.options\.list\.ca_file"):
        built(list={"url": "https://crm.example/list", "ca_file": str(tmp_path / "away.pem")})


def test_listed_ticket_states_by_their_synonyms_and_a_foreign_word_is_not_compared() -> None:
    assert listed_ticket(created(1, status="已结案"), "$").fields["state"] == "closed"
    assert listed_ticket(created(1, status="处理中", region="华东"), "$").fields == {
        "state": "in_progress", "type": "hardware_fault", "region": "华东",
    }  # fmt: skip
    assert "state" not in listed_ticket(created(1, status="跟进中"), "$").fields


def test_listed_ticket_without_a_report_cannot_be_opened_and_says_why() -> None:
    listed = listed_ticket({"source_no": "7", "opened_at": "2026-11-28T08:00:00+08:00"}, "$.tickets[3]")
    assert (listed.number, listed.opening) == ("7", None)
    assert "$.tickets[3].incident_key" in str(listed.unopenable)
    with pytest.raises(MalformedInput) as refused:
        listed_ticket({"source_no": "7", "opened_at": "2026-11-28 08:00"}, "$.tickets[3]")
    assert refused.value.field == "$.tickets[3].opened_at"
