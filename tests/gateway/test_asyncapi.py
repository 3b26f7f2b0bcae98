"""The AsyncAPI document: every reference leads somewhere, every Avro schema parses, a subscriber has its own."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import fastavro
import pytest

from bus.consistency.subscriptions import Subscription
from bus.gateway.http.asyncapi import Hosts, document
from schemas.catalogue import EVENT_NAMES
from schemas.topics import load_contract
from tests.gateway.conftest import Gateway
from tests.gateway.fake_subscriptions import FakeSubscriptionService

CONTRACT = load_contract()
BI = Subscription(
    client="bi",
    owner="数据组",
    contact="bi@example.com",
    topics=("ticket.assign", "ticket.status"),
    types=("TicketAssigned", "TicketOpened"),
    groups=("bi", "mes-*"),
)


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def at(whole: dict[str, Any], reference: str) -> Any:
    found: Any = whole
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


@pytest.mark.parametrize(
    "whole", [document(CONTRACT, Hosts()), document(CONTRACT, Hosts(secure=False), client="bi", of=[BI])]
)
def test_asyncapi_references_lead_somewhere_and_avro_schemas_parse(whole: dict[str, Any]) -> None:
    found = [*references(whole)]
    assert len(found) > 20
    for reference in found:
        at(whole, reference)
    avro = [one for one in whole["components"]["messages"].values() if "schemaFormat" in one["payload"]]
    assert avro
    for one in avro:
        fastavro.parse_schema(one["payload"]["schema"])


def test_asyncapi_has_every_public_topic_with_all_its_events_and_how_long_they_are_kept() -> None:
    channels = document(CONTRACT, Hosts(namespace="north"))["channels"]
    assert {*CONTRACT.public(), "ticket.commands", "stream"} == {*channels}
    assert [*channels["ticket.events"]["messages"]] == [*EVENT_NAMES]
    kafka = channels["ticket.assign"]["bindings"]["kafka"]
    assert (kafka["topic"], kafka["partitions"]) == ("north.ticket.assign", 6)
    assert kafka["topicConfiguration"]["retention.ms"] == 30 * 86_400_000
    assert channels["ticket.events"]["bindings"]["kafka"]["topicConfiguration"]["retention.ms"] == -1


def test_asyncapi_of_a_subscriber_says_what_it_does_on_which_topics_in_which_groups() -> None:
    canary = replace(BI, topics=("ticket.sla",), types=(), version="2", groups=("bi2",), assignees=("张伟",))
    whole = document(CONTRACT, Hosts(), client="bi", of=[BI, canary])
    assert {*whole["channels"]} == {"ticket.assign", "ticket.status", "ticket.sla", "stream"}
    assert {one["action"] for one in whole["operations"].values()} == {"receive"}
    assert [*whole["channels"]["ticket.assign"]["messages"]] == ["TicketAssigned"]
    assert [*whole["channels"]["ticket.status"]["messages"]] == ["TicketOpened", "TicketAssigned"]
    first, second = (whole["operations"][name] for name in ("receive.ticket.assign.v1", "receive.ticket.sla.v2"))
    assert first["bindings"]["kafka"]["groupId"]["pattern"] == "^(bi|mes-.*)$"
    assert second["summary"] == "version 2 of the subscription"
    frames = whole["components"]["messages"]["Event"]["payload"]["properties"]
    told = {"TicketOpened", "TicketAssigned", *CONTRACT.topics["ticket.sla"].event_names}
    assert {one["$ref"].rpartition("/")[2] for one in frames["data"]["oneOf"]} == told
    assert {*whole["components"]["schemas"]} & {*EVENT_NAMES} == told
    assert second["x-filter"] == {"assignees": ["张伟"]}
    assert not [one for one in references(first) if one.endswith("ticket.assign/messages/TicketOpened")]


async def test_asyncapi_is_open_and_a_subscribers_own_is_for_it_and_who_reads_subscriptions(gateway: Gateway) -> None:
    whole = await gateway.http.get("/asyncapi.json")
    assert (whole.status_code, whole.json()["servers"]["kafka"]["host"]) == (200, "kafka.example:9094")
    assert isinstance(gateway.subscribers, FakeSubscriptionService)
    await gateway.subscribers.add(BI, by="a-sre", why="reports")
    unknown = await gateway.http.get("/asyncapi.json?client=bi")
    assert unknown.status_code == 401
    assert (await gateway.get("/asyncapi.json?client=bi", role="engineer")).status_code == 403
    own = await gateway.get("/asyncapi.json?client=bi", role="sre")
    assert (own.status_code, own.json()["id"]) == (200, "urn:ticketbus:client:bi")
    none = await gateway.get("/asyncapi.json?client=mes", role="sre")
    assert (none.status_code, none.json()["field"]) == (404, "client")
    assert (await gateway.http.get("/asyncapi.json?klient=bi")).status_code == 400
