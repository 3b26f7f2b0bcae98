"""The page on Salesforce: its targets file, taken from its text alone, writes cases there as the page says."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from adapters.mapped.listing import mapped_source
from adapters.mapped.read_map import read_map
from adapters.mapped.shipped import shipped
from adapters.mapped_target.options import MappedTargetOptions
from adapters.mapped_target.shipped import shipped_target
from adapters.registry import TARGETS
from adapters.simulators.salesforce import SalesforceSimulator
from adapters.simulators.salesforce_faults import STATUSES, SalesforceFault
from adapters.simulators.switches import switch_names
from bus.delivery.target import Effect
from bus.delivery.targets_config import load_targets_config
from bus.reconcile.source_list import ListingSource
from tests.history.uci import ROOT
from tests.mapped_target.calls import call, target_of
from tests.mapped_target.salesforce_calls import SECRETS

PAGE = (ROOT / "docs" / "salesforce.md").read_text(encoding="utf-8")
LISTING, FILE = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


async def test_salesforce_page_its_targets_file_writes_a_case(tmp_path: Path) -> None:
    async with SalesforceSimulator().serving() as org:
        file = tmp_path / "targets.yaml"
        content = FILE.replace("https://quan.my.salesforce.com", org.url)
        content = content.replace("3MVG9-your-consumer-key", org.books.account.client_id)
        content = content.replace("      proof:", "      private_addresses: true\n      proof:", 1)
        file.write_text(content, encoding="utf-8")
        assert isinstance(load_targets_config(file, TARGETS).targets["salesforce"].options, MappedTargetOptions)
        async with target_of(yaml.safe_load(content)["targets"]["salesforce"]["options"], SECRETS) as target:
            assert isinstance(await target.send(call()), Effect)
    [case] = org.books.records.values()
    assert (case["Subject"], case["Ticket_State__c"]) == ("李女士的洗衣机", "Working")


def test_salesforce_page_shows_the_map_that_comes_with_the_bus() -> None:
    assert yaml.safe_load(FILE)["targets"]["salesforce"]["options"] == yaml.safe_load(shipped_target("salesforce"))


def test_salesforce_page_names_every_code_and_no_switch_that_is_none() -> None:
    codes = {code for _, body in STATUSES.values() for code in re.findall(r'"errorCode":"(\w+)"', body.decode())}
    assert codes - {"UNKNOWN_EXCEPTION", "INSUFFICIENT_ACCESS_OR_READONLY"} <= set(re.findall(r"`([A-Z_]+)`", PAGE))
    rehearsed = PAGE[PAGE.index("## Rehearse it") :]
    named = {
        one
        for row in re.findall(r"^\| (`[^|]+) \|", rehearsed, re.MULTILINE)
        for one in re.findall(r"`([a-z-]+)`", row)
    }
    assert named
    assert named <= set(switch_names(SalesforceFault))


async def test_salesforce_page_its_list_names_a_case_that_never_came() -> None:
    async with SalesforceSimulator().serving() as org:
        account = org.books.account
        own = org.books.create("Case", {"Subject": "水泵不转", "Type": "Problem", "Priority": "High"})
        org.books.create("Case", {"Subject": "由总线建立", "Origin": "Ticketbus"})
        content = shipped("salesforce") + LISTING.replace("https://quan.my.salesforce.com", org.url)
        content = content.replace("3MVG9-your-consumer-key", account.client_id) + "  private_addresses: true\n"
        source = mapped_source(read_map(content), 1, SECRETS)
        assert isinstance(source, ListingSource)
        now = datetime.now(UTC)
        pages = source.listed(now - timedelta(hours=1), now + timedelta(hours=1))
        [ticket] = [one async for page in pages for one in page]
        none = [one async for page in source.listed(now - timedelta(hours=2), now - timedelta(hours=1)) for one in page]
    assert (ticket.number, none) == (own, [])
    assert ticket.opening is not None
    assert (ticket.opening.title, ticket.opening.type, ticket.opening.priority) == ("水泵不转", "it_incident", "高")
    assert ticket.opening.source_no == own
