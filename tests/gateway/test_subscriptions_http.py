"""Subscriptions over HTTP: by those who look after the bus, with the checks of the command line."""

import asyncio

from bus.consistency.subscription_service import PostgresSubscriptionService
from bus.consistency.subscription_store import see_readers
from bus.consistency.topic_readers import ReaderKind, TopicReader
from bus.postgres.pool import Pool, connected
from tests.gateway.conftest import Gateway
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]
BI = {"client": "bi", "owner": "数据组", "contact": "bi@corp", "topics": ["ticket.assign"], "why": "报表 13800001111"}


async def test_subscriptions_http_one_is_added_once_shown_with_who_was_seen_and_removed(gateway: Gateway) -> None:
    for _ in range(2):  # the very same again is nothing new
        added = await gateway.post("/v1/subscriptions", BI, role="sre")
        assert added.status_code == 200, added.text
    (one,) = added.json()["subscriptions"]
    assert (one["client"], one["version"], one["topics"], one["added_by"]) == ("bi", "1", ["ticket.assign"], "a-sre")
    assert one["groups"] == ["t.bi", "t.subscriber.bi/*"]
    assert one["added_why"] == "报表 138****1111"
    other = await gateway.post("/v1/subscriptions", {**BI, "owner": "财务"}, role="sre")
    assert (other.status_code, other.json()["code"], other.json()["field"]) == (409, "already", "version")
    (shown,) = (await gateway.get("/v1/subscriptions/bi", "lead")).json()["subscriptions"]
    assert shown["seen"] == {"ticket.assign": "2026-11-29T03:00:00+00:00"}
    gone = await gateway.post("/v1/subscriptions/bi/remove", {"why": "换了"}, role="admin")
    assert gone.json()["subscriptions"][0]["removed_by"] == "a-admin"
    assert (await gateway.get("/v1/subscriptions")).json() == {"subscriptions": []}
    assert len((await gateway.get("/v1/subscriptions?removed=true")).json()["subscriptions"]) == 1
    same = await gateway.post("/v1/subscriptions/bi/remove", {"why": "换了"}, role="admin")
    assert (same.status_code, same.json()) == (200, gone.json()), "the answer of before, in case it was lost"
    again = await gateway.post("/v1/subscriptions/bi/remove", {"why": "别的"}, role="admin")
    assert (again.status_code, again.json()["code"]) == (404, "subscription_gone")
    assert (await gateway.get("/v1/subscriptions/nobody")).status_code == 404
    assert (await gateway.get("/v1/subscriptions?removed=maybe")).json()["field"] == "removed"


async def test_subscriptions_http_what_is_wrong_is_named_by_field_with_what_was_meant(gateway: Gateway) -> None:
    wrong = {
        "topics": ["ticket.assigns"],
        "types": ["TicketAsigned"],
        "client": "Bi!",
        "contact": "13800000001",
        "groups": ["*"],
        "why": "a\u0007",
    }
    for field, value in wrong.items():
        answer = await gateway.post("/v1/subscriptions", {**BI, field: value})
        assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    topic = await gateway.post("/v1/subscriptions", {**BI, "topics": ["ticket.assigns"]})
    assert "did you mean ticket.assign?" in topic.json()["detail_en"]
    assert (await gateway.post("/v1/subscriptions", {**BI, "topics": []})).json()["field"] == "topics"
    assert (await gateway.post("/v1/subscriptions", {**BI, "kind": "x"})).json()["code"] == "unknown_field"
    assert (await gateway.get("/v1/subscriptions?removed=true")).json() == {"subscriptions": []}


async def test_subscriptions_http_are_changed_by_those_who_look_after_the_bus(gateway: Gateway) -> None:
    for role, reads, decides in (("lead", 200, 403), ("dispatcher", 403, 403), ("subscriber", 403, 403)):
        assert (await gateway.get("/v1/subscriptions", role)).status_code == reads
        assert (await gateway.post("/v1/subscriptions", BI, role=role)).status_code == decides
        assert (await gateway.post("/v1/subscriptions/bi/remove", {"why": "x"}, role=role)).status_code == decides
    assert len(gateway.refused.kept) == 6


async def test_subscriptions_http_on_the_table(pool: Pool) -> None:
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE subscriptions, topic_readers, topic_mismatches")
    gateway = Gateway(subscribers=PostgresSubscriptionService(pool))
    async with gateway.app.router.lifespan_context(gateway.app), gateway.http:
        both = await asyncio.gather(*(gateway.post("/v1/subscriptions", BI) for _ in range(2)))
        assert [one.status_code for one in both] == [200, 200]
        assert (await gateway.post("/v1/subscriptions", {**BI, "owner": "财务"})).json()["code"] == "already"
        (shown,) = (await gateway.get("/v1/subscriptions/bi")).json()["subscriptions"]
        assert (shown["owner"], shown["seen"]) == ("数据组", {})
        async with connected(pool) as connection:
            await see_readers(connection, [TopicReader(kind=ReaderKind.STREAM, who="app", topic="ticket.sla")])
        new = (await gateway.get("/v1/readers", "lead")).json()
        assert [one["code"] for one in new["results"]] == ["no_subscription"], "bi is being started"
        async with connected(pool) as connection:
            await connection.execute("UPDATE subscriptions SET added_at = added_at - interval '10 minutes'")
        assert (await gateway.post("/v1/subscriptions", {**BI, "client": "cs", "regions": ["没有的区"]})).is_success
        found = (await gateway.get("/v1/readers", "lead")).json()
        assert [(one["who"], one["topic"], one["client"]) for one in found["readers"]] == [("app", "ticket.sla", None)]
        assert [(one["code"], one["about"]) for one in found["results"]] == [
            ("no_subscription", "app"),
            ("subscriber_never_seen", "bi"),
            ("filter_matches_nothing", "cs"),
        ]
        gone = await gateway.post("/v1/subscriptions/bi/remove", {"why": "换了"})
        assert gone.json()["subscriptions"][0]["removed_why"] == "换了"
