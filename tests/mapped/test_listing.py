"""The own list of a source by its map: the contract of lists, and what the map makes of a document that it reads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from adapters.contract_suites.source_list import SourceListContract
from adapters.mapped.listing import ListedSource
from adapters.mapped.read_map import SourceMapInvalid, read_map
from adapters.simulators.salesforce import QUERY, TOKEN, SalesforceSimulator
from adapters.simulators.salesforce_faults import SalesforceFault
from bus.reconcile.source_list import ListedTicket, ListUnavailable
from tests.mapped_target.salesforce_calls import SECRETS, VARIABLE
from ticketbus.testing import ListedSystem

MAP = """
source: salesforce
transport: {{body: salesforce-outbound-message}}
proof: {{kind: path, secrets: [SALESFORCE_PATH_SECRET], networks: [203.0.113.0/24]}}
when: "Kind != 'internal'"
listing:
  url: {url}/services/data/v62.0/query
  private_addresses: true
  calls_per_minute: 6000
  since:
    query: q
    text: >-
      SELECT Id, Subject, Kind, CreatedDate FROM Case
      WHERE CreatedDate >= {{since}} AND CreatedDate < {{until}}
  documents: records
  next: {{kind: url, from: nextRecordsUrl}}
  opened_at: CreatedDate
  login:
    kind: oauth-jwt-bearer
    token_url: {url}/services/oauth2/token
    client_id: 3MVG9-consumer-key-of-ticketbus
    subject: ticketbus@quan.example
    audience: https://login.salesforce.com
    private_key: SALESFORCE_PRIVATE_KEY
number: Id
at: CreatedDate
commands:
  - command: open-ticket
    fields:
      incident_key: {{kind: {{value: order}}, value: "join('-', ['salesforce', Id])"}}
      title: Subject
      type: {{value: hardware_fault}}
"""
AT = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)


@dataclass(kw_only=True)
class Organization:
    """A Salesforce organization as the contract drives it."""

    org: SalesforceSimulator
    source: ListedSource

    def create(self, number: str, at: datetime, **fields: str) -> None:
        """Create a case there."""
        own = self.org.books.create("Case", {"Subject": "水泵不转", **fields})
        record = self.org.books.records.pop(own)
        self.org.books.records[number] = record | {"Id": number, "CreatedDate": f"{at:%Y-%m-%dT%H:%M:%S}.000+0000"}

    def fail(self, times: int | None) -> None:
        """Fail at the next queries."""
        self.org.fail(SalesforceFault.ERROR, times=times, only=[QUERY])


@asynccontextmanager
async def organization(pause_s: float = 0.01) -> AsyncIterator[Organization]:
    """Run one, ten records a page."""
    simulator = SalesforceSimulator()
    simulator.books.page = 10
    async with simulator.serving() as org:
        source = ListedSource(read_map(MAP.format(url=org.url)), 1, SECRETS, pause_s=pause_s)
        yield Organization(org=org, source=source)


class TestMappedListing(SourceListContract):
    def system(self) -> AbstractAsyncContextManager[ListedSystem]:
        return organization()


async def listed(system: Organization) -> list[ListedTicket]:
    pages = system.source.listed(AT - timedelta(hours=1), AT + timedelta(hours=1))
    return [one async for page in pages for one in page]


async def test_listing_an_expired_session_is_replaced_once_and_the_list_goes_on() -> None:
    async with organization() as system:
        for number in range(15):
            system.create(f"N-{number}", AT)
        assert len(await listed(system)) == 15
        system.org.books.sessions.clear()
        assert len(await listed(system)) == 15
    assert system.org.calls.count(TOKEN) == 2


async def test_listing_what_the_map_passes_over_is_none_and_what_lacks_something_says_what() -> None:
    async with organization() as system:
        system.create("N-1", AT, Kind="internal")
        system.create("N-2", AT, Subject="")
        [ticket] = await listed(system)
    assert (ticket.number, ticket.opening) == ("N-2", None)
    assert ticket.unopenable is not None
    assert "Subject" in ticket.unopenable.en


@pytest.mark.parametrize("fault", [SalesforceFault.PAGE, SalesforceFault.EMPTY, SalesforceFault.THROTTLED])
async def test_listing_what_is_no_list_is_never_taken_for_an_empty_one(fault: SalesforceFault) -> None:
    async with organization() as system:
        system.org.fail(fault, only=[QUERY])
        with pytest.raises(ListUnavailable):
            await listed(system)
        assert system.org.calls.count(QUERY) == 5  # a few attempts


async def test_listing_a_client_that_is_not_let_in_or_has_no_key_is_said_without_its_secret() -> None:
    async with organization() as system:
        system.org.books.account.subject = "somebody-else"
        with pytest.raises(ListUnavailable, match="token_url"):
            await listed(system)
        keyless = ListedSource(read_map(MAP.format(url=system.org.url)), 1, {}, pause_s=0)
        with pytest.raises(ListUnavailable, match=VARIABLE):
            _ = [page async for page in keyless.listed(AT, AT)]


def test_listing_a_document_without_its_time_judges_nothing() -> None:
    async def timeless() -> None:
        async with organization() as system:
            system.source = ListedSource(
                read_map(MAP.format(url=system.org.url).replace("opened_at: CreatedDate", "opened_at: Kind")),
                1,
                SECRETS,
            )
            system.create("N-1", AT)
            with pytest.raises(ListUnavailable):
                await listed(system)

    asyncio.run(timeless())


def test_listing_an_address_inside_is_refused_unless_the_map_allows_it() -> None:
    with pytest.raises(SourceMapInvalid, match="private_addresses"):
        read_map(MAP.format(url="http://127.0.0.1:9").replace("private_addresses: true", "private_addresses: false"))
