"""The pages of subscriptions: what is declared beside what was seen, added and removed with a reason."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bus.consistency.consumer_store import all_consumers
from bus.consistency.mismatch_store import read_mismatches
from bus.consistency.shown_names import shown
from bus.consistency.subscription_service import PostgresSubscriptionService
from bus.kafka.clients import make_consumer, stop_consumer
from bus.postgres.pool import connected
from console.page import ROOT
from console.pages.subscriptions import Undeclared, body_of, subscribed, to_declare
from tests.bus_under_test import eventually
from tests.consistency.consumer_histories import judged
from tests.console.conftest import Visitor
from tests.programs.watching import Watched, watched
from tests.store.conftest import database, pool

__all__ = ["database", "pool", "watched"]
AT = datetime(2026, 11, 29, 3, tzinfo=UTC)
ASSIGN, STATUS = "ticket.assign", "ticket.status"
FORM = {"client": "bi", "owner": "数据组", "contact": "bi@corp", "topics": f"{ASSIGN}, {STATUS}", "why": "报表"}
MARKUP = "<img src=x onerror=alert(2)>"


def row(client: str, *topics: str, **more: Any) -> dict[str, Any]:
    """Make a subscription as HTTP gives it."""
    given = {"client": client, "version": "1", "owner": "数据组", "contact": "bi@corp", "topics": [*topics]}
    return {"number": 1, "groups": [client], **given, **more}


def seen(who: str, topic: str, ago_s: int, kind: str = "group", client: str | None = None) -> dict[str, Any]:
    """Make a reader as HTTP gives it."""
    last_at = (AT - timedelta(seconds=ago_s)).isoformat()
    return {"kind": kind, "who": who, "topic": topic, "client": client, "members": [], "last_at": last_at}


def test_subscriptions_page_puts_who_never_read_first_then_the_worst_verdict() -> None:
    groups = [
        {"consumer": "slow", "topic": f"east.{ASSIGN}", "verdict": "slow"},
        {"consumer": "well", "topic": ASSIGN, "verdict": "ok"},
        {"consumer": "well", "topic": STATUS, "verdict": "slow"},  # it did not subscribe to that
    ]
    rows = [row(name, ASSIGN) for name in ("never", "slow", "stream", "well")]
    readers = [seen("well", ASSIGN, 30), seen("slow", ASSIGN, 90), seen("stream", ASSIGN, 5, "stream")]
    never, slow, well, stream = subscribed(rows[::-1], readers, groups, AT)
    assert [one["client"] for one in (never, slow, well, stream)] == ["never", "slow", "well", "stream"]
    assert [(one["seen"][0]["reads"], one["seen"][0]["last_at"] is None) for one in (never, slow, well)] == [
        (False, True),
        (False, False),
        (True, False),
    ]
    assert [one["consumer"] for one in slow["seen"][0]["groups"]] == ["slow"]
    (misled,) = subscribed(
        [row("never", ASSIGN)], [], [], AT, undeclared=[Undeclared("never", "ticket.assigns", ASSIGN)]
    )
    assert [one.topic for one in misled["seen"][0]["instead"]] == ["ticket.assigns"]
    assert stream["seen"][0]["streams"] == ["stream"]
    assert subscribed([row("well", ASSIGN, STATUS)], readers, groups, AT)[0]["lines"] == 2


def test_subscriptions_form_is_read_as_lists_and_what_is_empty_is_left_out() -> None:
    typed = {
        **FORM,
        "topics": f" {ASSIGN},{STATUS} ticket.sla、",
        "assignees": "Li Wei, 张伟",
        "rate": "1.5",
        "groups": " ",
    }
    body = body_of(typed)
    assert body["topics"] == [ASSIGN, STATUS, "ticket.sla"]
    assert (body["assignees"], body["rate"]) == (["Li Wei", "张伟"], 1.5)
    assert {"groups", "types", "regions"}.isdisjoint(body)
    assert body_of({})["topics"] == [], "the gateway says that it is missing"
    rates = {"-5": -5, "-0.5": -0.5, "5": 5, "viel": "viel", "-": "-", "--5": "--5"}
    assert {typed: body_of({"rate": typed})["rate"] for typed in rates} == rates


def test_subscriptions_page_offers_the_form_filled_in_to_who_reads_without_one() -> None:
    readers = [
        seen("x", ASSIGN, 1),
        seen("x", STATUS, 1),
        seen("app", ASSIGN, 1, "stream"),
        seen("y", ASSIGN, 1, "group", "y"),
    ]
    assert to_declare(readers) == {
        "x": f"{ROOT}/subscriptions?topics=ticket.assign%2C+ticket.status&groups=x",
        "app": f"{ROOT}/subscriptions?topics=ticket.assign&client=app",
    }


async def test_subscriptions_are_added_refused_at_the_field_and_removed_with_a_reason(visitor: Visitor) -> None:
    await visitor.sign_in("sre")
    wrong = await visitor.send("/subscriptions", "/subscriptions/add", **{**FORM, "topics": "ticket.assigns"})
    assert wrong.status_code == 422
    field = wrong.text.split('id="add-topics"')[1].split("</p>")[0]
    assert 'value="ticket.assigns" aria-invalid="true"' in field
    assert "是否指 ticket.assign" in field.split("field-error")[1]
    assert 'value="数据组"' in wrong.text, "what was typed stays"
    rate = await visitor.send("/subscriptions", "/subscriptions/add", **{**FORM, "rate": "viel"})
    assert "“预期每小时事件数(可空)”须为数字" in rate.text, "as the form calls it"
    added = await visitor.send("/subscriptions", "/subscriptions/add", **FORM)
    assert added.headers["location"] == f"{ROOT}/subscriptions/bi"
    page = (await visitor.get("/subscriptions/bi")).text
    for wanted in (
        "报表",
        "a-sre",
        "t.subscriber.bi/1",
        "subscription sample bi python",
        "/asyncapi?client=bi#TicketAssigned",
    ):
        assert wanted in page, wanted
    removed = await visitor.send("/subscriptions/bi", "/subscriptions/bi/remove", why="换了")
    assert removed.status_code == 303
    page = (await visitor.get("/subscriptions/bi")).text
    assert "换了" in page
    assert ("/remove" in page, 'id="document"' in page) == (False, False)
    assert (await visitor.get("/subscriptions/nobody")).status_code == 404


async def test_subscriptions_pages_show_markup_as_text(visitor: Visitor) -> None:
    await visitor.gateway.post("/v1/subscriptions", {**FORM, "topics": [ASSIGN], "owner": MARKUP, "why": MARKUP})
    visitor.gateway.consumers = [replace(judged([(500, 600, 1)] * 8), consumer=f"t.subscriber.bi/{MARKUP}")]
    await visitor.sign_in()
    for path in ("/subscriptions", "/subscriptions/bi"):
        page = (await visitor.get(path)).text
        assert "&lt;img src=x" in page
        assert "<img" not in page


@pytest.mark.parametrize(("role", "status", "decides"), [
    ("admin", 200, True), ("sre", 200, True), ("lead", 200, False),
    ("dispatcher", 403, False), ("engineer", 403, False), ("subscriber", 403, False),
])  # fmt: skip
async def test_subscriptions_are_shown_and_changed_as_the_gateway_allows(
    visitor: Visitor, role: str, status: int, decides: bool
) -> None:
    await visitor.gateway.post("/v1/subscriptions", {**FORM, "topics": [ASSIGN]})
    await visitor.sign_in(role)
    for path, form in (("/subscriptions", "subscriptions/add"), ("/subscriptions/bi", "bi/remove")):
        page = await visitor.get(path)
        assert (page.status_code, f'action="{ROOT}' in page.text and form in page.text) == (status, decides)
    answer = await visitor.gateway.get("/v1/readers", role)
    assert answer.status_code == status


async def test_subscriptions_page_shows_the_incident_at_a_glance_on_real_groups(watched: Watched) -> None:
    namespace, store = watched.watch.settings.namespace, watched.watch.pool
    async with connected(store) as connection:
        await connection.execute("TRUNCATE subscriptions, topic_readers, topic_mismatches, consumers CASCADE")
    visitor = Visitor(parts={"subscribers": PostgresSubscriptionService(store), "namespace": namespace})
    async with visitor.gateway.group.running(), visitor.http:
        await visitor.sign_in("sre")
        await visitor.send("/subscriptions", "/subscriptions/add", **{**FORM, "topics": ASSIGN})
        new = (await visitor.get("/subscriptions")).text
        assert "刚添加,尚未见到读取" in new
        assert "从未" not in new
        async with connected(store) as connection:
            await connection.execute("UPDATE subscriptions SET added_at = added_at - interval '10 minutes'")
        await watched.write(ASSIGN, 3)
        stranger = f"{namespace}-stranger"
        misled = make_consumer(watched.watch.settings, group_id=f"{namespace}.bi")
        await misled.start()
        async with watched.joined(stranger, ASSIGN), watched.joined(f"{namespace}.subscriber.bi/2", STATUS):
            misled.subscribe([watched.topic("ticket.assigns")])  # the incident: one letter too many, and no error

            async def noted() -> bool:
                await watched.rounds(1)
                async with connected(store) as connection:
                    return bool(await read_mismatches(connection))

            await eventually(noted)
        await stop_consumer(misled)
        async with connected(store) as connection:
            visitor.gateway.consumers = await all_consumers(connection)
        page = (await visitor.get("/subscriptions")).text
    cards = re.findall(r'<li class="card">.*?</li>', page, re.DOTALL)
    codes = [re.search(r"<code>(\w+)</code>", one) for one in cards]
    assert [one and one[1] for one in codes] == [
        "undeclared",
        "subscriber_never_seen",
        "no_subscription",
        "no_subscription",
        "unwritten",
    ]
    undeclared, never, *others = cards
    assert f"{shown(f'{namespace}.ticket.assigns')}" in undeclared
    assert f"是否指 <code>{namespace}.ticket.assign</code>" in undeclared
    assert "数据组" in undeclared, "whom to ask"
    assert "从未读取 ticket.assign" in never
    without = next(one for one in others if shown(stranger) in one)
    assert 'href="/console/subscriptions?topics=ticket.assign&amp;groups=' in without
    assert "从未见到读取" in page.split("谁读什么")[1]
    assert f"{shown(f'{namespace}.bi')} 在读 {shown(f'{namespace}.ticket.assigns')}" in page.split("谁读什么")[1]
