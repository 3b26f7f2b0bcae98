"""The page of the contract of events: open to all, a subscriber's own when signed in, the same as files."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest

from bus.consistency.subscriptions import Subscription
from bus.gateway.http.asyncapi import Hosts, document
from console.contract_view import contract_view
from console.page import ROOT
from console.pages.contract import static_pages
from schemas.catalogue import EVENT_NAMES
from schemas.since import load_since
from schemas.topics import load_contract
from tests.console.conftest import Visitor
from tests.gateway.fake_subscriptions import FakeSubscriptionService

CONTRACT = load_contract()
WHOLE = document(CONTRACT, Hosts())
BI = Subscription(
    client="bi",
    owner="数据组",
    contact="bi@example.com",
    topics=("ticket.sla",),
    types=("SlaBreached",),
    regions=("上海", "苏州"),
    groups=("bi",),
)


@pytest.fixture(scope="module")
def view() -> Mapping[str, Any]:
    """Give the view of the whole bus's document."""
    return contract_view(WHOLE, CONTRACT, load_since())


async def test_contract_page_is_open_and_chinese_first(visitor: Visitor) -> None:
    short = await visitor.http.get("/asyncapi?client=")
    assert (short.status_code, short.headers["location"]) == (307, f"{ROOT}/asyncapi")
    shown = await visitor.get("/asyncapi")
    assert shown.status_code == 200
    assert '<h3 id="SlaBreached">SLA 超时 SlaBreached</h3>' in shown.text
    assert "sign-out" not in shown.text
    await visitor.http.post(
        f"{ROOT}/language/en", data={"back": "/asyncapi"}, headers={"Origin": "http://console.test"}
    )
    assert '<h3 id="SlaBreached">SlaBreached</h3>' in (await visitor.get("/asyncapi")).text


async def test_contract_page_of_a_subscriber_is_for_who_is_signed_in_and_has_what_it_reads_alone(
    visitor: Visitor,
) -> None:
    assert isinstance(visitor.gateway.subscribers, FakeSubscriptionService)
    await visitor.gateway.subscribers.add(BI, by="a-sre", why="reports")
    leads = await visitor.get("/asyncapi?client=bi")
    assert (leads.status_code, "sign-in" in leads.headers["location"]) == (303, True)
    await visitor.sign_in("sre")
    own = await visitor.get("/asyncapi?client=bi")
    assert own.status_code == 200, own.text
    assert "订阅者 bi 自己的契约" in own.text
    assert "://bus.example:8080</code>" in own.text
    assert ".invalid" not in own.text
    assert "<code>regions</code> 上海, 苏州" in own.text
    assert "<code>^(bi)$</code>" in own.text
    assert 'id="SlaBreached"' in own.text
    assert 'id="TicketOpened"' not in own.text
    elsewhere = Visitor(url="")  # without TICKETBUS_URL: where the reader's browser found it
    assert isinstance(elsewhere.gateway.subscribers, FakeSubscriptionService)
    await elsewhere.gateway.subscribers.add(BI, by="a-sre", why="reports")
    await elsewhere.sign_in("sre")
    own = await elsewhere.get("/asyncapi?client=bi")
    assert "://console.test</code>" in own.text
    assert ".invalid" not in own.text
    unknown = await visitor.get("/asyncapi?client=<script>")
    assert (unknown.status_code, "<script>" in unknown.text.split("<main")[1]) == (404, False)


async def test_contract_page_is_all_that_a_subscriber_s_token_opens(visitor: Visitor) -> None:
    service = visitor.gateway.subscribers
    assert isinstance(service, FakeSubscriptionService)
    await service.add(replace(BI, client="a-subscriber"), by="a-sre", why="reports")
    begun = await visitor.sign_in("subscriber")
    assert (begun.status_code, begun.headers["location"]) == (303, ROOT)
    assert (await visitor.get("")).headers["location"] == f"{ROOT}/asyncapi"
    shown = (await visitor.get("/asyncapi")).text
    assert f'href="{ROOT}/asyncapi?client=a-subscriber"' in shown
    assert (shown.count("<li><a href"), "tickets/find" in shown) == (1, False)
    own = await visitor.get("/asyncapi?client=a-subscriber")
    assert (own.status_code, 'id="TicketOpened"' in own.text) == (200, False)
    for path in ("/now", "/tickets", "/live?page=/console/now"):
        refused = await visitor.get(path)
        assert (refused.status_code, "订阅者的令牌只能看事件契约" in refused.text) == (403, True)
    await visitor.send("/asyncapi", "/sign-out")
    assert (await visitor.get("/now")).status_code == 303


def test_contract_page_has_every_public_topic_event_and_field(view: Mapping[str, Any]) -> None:
    assert [one["name"] for one in view["topics"]] == [*CONTRACT.public(), "ticket.commands"]
    records = {one["name"]: one for one in view["records"]}
    assert set(EVENT_NAMES) < set(records)
    begin = [one["name"] for one in view["begin"]]
    assert begin[:3] == ["event_id", "ticket_id", "version"]
    assigned = {one["name"]: one for one in records["TicketAssigned"]["fields"]}
    assert {"assignee", "assignee.person", "reason"} < set(assigned)
    schema = WHOLE["components"]["messages"]["TicketAssigned"]["payload"]["schema"]
    own = [one["name"] for one in schema["fields"]]
    assert [*begin, *(name for name in assigned if "." not in name)] == own
    assert {one["name"]: one for one in records["TicketOpened"]["fields"]}["customer.phone"]["personal"]
    assert (records["PersonalDataErased"]["since"], records["TicketOpened"]["oldest"]) == ("0.3.0", True)
    assert [name for name in EVENT_NAMES if records[name]["title"].zh == name] == []


def test_contract_page_says_what_will_go_until_when_and_what_to_read_instead() -> None:
    whole = json.loads(json.dumps(WHOLE))
    going = {"what": "SlaWarned.limit_s", "until": "2027-06-01", "instead": "due_at", "why": "<b>"}
    whole["components"]["messages"]["SlaWarned"]["x-deprecated"] = [going]
    whole["channels"]["ticket.parts"]["x-deprecated"] = [{**going, "what": "ticket.parts", "until": "2027-07-01"}]
    chinese, english = static_pages(whole).values()
    section = english.split('<h3 id="SlaWarned">')[1].split("</section>")[0]
    assert "<code>SlaWarned.limit_s</code> stays until 2027-06-01; instead: due_at (&lt;b&gt;)" in section
    assert "保留到 2027-07-01" in chinese.split(">ticket.parts<", 1)[1].split("</tr>")[0]
    assert chinese.count("已弃用") == english.count("deprecated</span>") == 2


def test_contract_page_has_the_stream_with_its_query_and_the_addresses() -> None:
    chinese, _ = static_pages(WHOLE).values()
    part = chinese.split('<h2 id="stream">')[1].split('<h2 id="headers">')[0]
    query = WHOLE["channels"]["stream"]["bindings"]["ws"]["query"]["properties"]
    assert [one for one in query if f"<code>{one}</code>" not in part] == []
    assert [one for one in WHOLE["servers"].values() if f"://{one['host']}" not in part] == []


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_contract_page_has_an_example_that_the_streams_schema_takes(view: Mapping[str, Any], name: str) -> None:
    [record] = [one for one in view["records"] if one["name"] == name]
    schema = {"$ref": f"#/components/schemas/{name}", "components": WHOLE["components"]}
    jsonschema_rs.validator_for(schema).validate(json.loads(record["sample"]))


def test_contract_page_as_files_needs_nothing_but_what_lies_beside_them() -> None:
    pages = static_pages(WHOLE)
    assert [*pages] == ["index.html", "en.html"]
    for text in pages.values():
        assert "<script" not in text
        assert 'href="console.css"' in text
        assert "/console/" not in text
