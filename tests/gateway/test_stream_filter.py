"""What a subscription declares and an address asks for, applied to the stream over both transports."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bus.consistency.subscriptions import Subscription
from bus.domain.errors import StoreUnavailable
from bus.domain.terms import TicketId
from bus.gateway.stream import progress
from bus.gateway.stream.event_filter import DeclaredSubscriptions
from schemas.catalogue import NAME_BY_CE_TYPE
from tests.gateway.by_role import OPENING
from tests.gateway.conftest import PERSON, Gateway
from tests.gateway.subscriber import Frame, frames, subscribed, until_closed
from tests.gateway.test_server_sent import bodies, following, refusal, taken

OTHER = {**PERSON, "person": "李工", "backup_person": "赵工"}
EVENTS = "topics=ticket.events"


@pytest.fixture(autouse=True)
def no_frames_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep frames that tell the place alone, which a slow machine would see, from between the events."""
    monkeypatch.setattr(progress, "EVERY_S", 3600.0)


async def declare(gateway: Gateway, client: str = "a-subscriber", **conditions: Any) -> None:
    given = {"topics": ["ticket.events"], "version": "1", **conditions}
    added = await gateway.post(
        "/v1/subscriptions", {"client": client, "owner": "数据组", "contact": "bi@corp", **given}
    )
    assert added.status_code == 200, added.text


async def opened_in(gateway: Gateway, region: str, serial: str) -> str:
    body = {**OPENING, "region": region, "incident_key": {"kind": "serial", "value": serial}}
    return str((await gateway.post("/v1/tickets", body)).json()["ticket_id"])


async def assigned(gateway: Gateway, ticket: str, assignee: dict[str, Any]) -> None:
    answer = await gateway.post(
        f"/v1/tickets/{ticket}/assign", {"assignee": assignee, "reason": "换人"}, role="dispatcher"
    )
    assert answer.status_code == 200, answer.text


def named(got: Sequence[Frame]) -> list[tuple[str, int, str]]:
    return [(one["ce"]["subject"], one["ticket_version"], NAME_BY_CE_TYPE[one["ce"]["type"]]) for one in got]


async def test_stream_filter_by_type_region_and_person_goes_by_the_ticket_at_each_event(served: Gateway) -> None:
    await declare(served, regions=["上海", "苏州"])
    await declare(served, client="a-lead", types=["TicketAssigned"])
    await declare(served, client="a-dispatcher", assignees=["王工"])
    async with (
        subscribed(served, EVENTS) as by_region,
        following(served, EVENTS, role="lead") as by_type,
        subscribed(served, EVENTS, role="dispatcher") as by_person,
        subscribed(served, EVENTS, role="sre") as whole,
    ):
        [ready] = await frames(by_region, 1)
        assert ready["filters"] == [
            {"version": "1", "topics": ["ticket.events"], "types": [], "regions": ["上海", "苏州"], "assignees": []}
        ]
        assert "filters" not in (await frames(whole, 1))[0]
        await frames(by_person, 1)
        await taken(by_type, 1)
        east, north = await opened_in(served, "上海", "SN-1"), await opened_in(served, "北京", "SN-2")
        await assigned(served, east, OTHER)
        await assigned(served, north, PERSON)
        await served.post(f"/v1/tickets/{north}/note", {"text": "x"})
        await assigned(served, north, OTHER)
        await served.post(f"/v1/tickets/{north}/note", {"text": "not his any more"})
        await served.post(f"/v1/tickets/{east}/note", {"text": "x"})
        moved = {"region": "北京", "reason": "客户搬迁"}
        assert (await served.post(f"/v1/tickets/{east}/reclassify", moved, role="dispatcher")).status_code == 200
        await served.post(f"/v1/tickets/{east}/note", {"text": "not there any more"})
        assert len(await frames(whole, 10)) == 10
        got_region = named(await frames(by_region, 4))
        got_type = named(bodies(await taken(by_type, 3)))
        got_person = named(await frames(by_person, 3))
    lived = ("TicketOpened", "TicketAssigned", "NoteAdded", "TicketReclassified")
    assert got_region == [(east, version, name) for version, name in enumerate(lived, start=1)]
    assert sorted(got_type) == sorted(
        (ticket, version, "TicketAssigned") for ticket, version in ((east, 2), (north, 2), (north, 4))
    )
    assert got_person == [(north, 2, "TicketAssigned"), (north, 3, "NoteAdded"), (north, 4, "TicketAssigned")]
    noted = {(one.client, one.ticket_id, one.version) for one in served.pushes.noted}
    assert ("a-subscriber", north, 1) not in noted  # what was not sent is not said to be
    for role, got in (("subscriber", got_region), ("dispatcher", got_person), ("lead", got_type)):
        async with following(served, f"{EVENTS}&cursor=start", role=role) as again:
            assert sorted(named(bodies((await taken(again, 1 + len(got)))[1:]))) == sorted(got)


async def test_stream_filter_of_an_address_narrows_what_is_declared_and_no_more(served: Gateway) -> None:
    await declare(served, types=["TicketOpened", "NoteAdded"])
    await declare(served, version="2", topics=["ticket.status"], types=["TicketOpened"], regions=["上海"])
    async with subscribed(served, f"{EVENTS}&types=NoteAdded&assignee=王工") as ws:
        [ready] = await frames(ws, 1)
        assert ready["filters"][-1] == {
            "topics": ["ticket.events"], "types": ["NoteAdded"], "regions": [], "assignees": ["王工"]
        }  # fmt: skip
        ticket = await opened_in(served, "上海", "SN-1")
        await served.post(f"/v1/tickets/{ticket}/note", {"text": "nobody's yet"})
        await assigned(served, ticket, PERSON)
        await served.post(f"/v1/tickets/{ticket}/note", {"text": "his"})
        assert named(await frames(ws, 1)) == [(ticket, 4, "NoteAdded")]
    for query, code, field in (
        ("types=TicketAssigned", "beyond_subscription", "types"),
        ("types=TicketAsigned", "unknown_type", "types"),
        ("regions=", "missing", "regions"),
        ("assignee=,", "missing", "assignee"),
    ):
        problem = await refusal(served, f"{EVENTS}&{query}")
        assert (problem["status"], problem["code"], problem["field"]) == (400, code, field)
    assert "TicketAssigned?" in (await refusal(served, f"{EVENTS}&types=TicketAsigned"))["detail_en"]
    async with subscribed(served, "topics=ticket.status&regions=北京") as beyond:
        [error], closed, _ = await until_closed(beyond)
    assert (error["code"], closed) == ("beyond_subscription", 4400)
    assert "上海" in error["detail"]
    async with subscribed(served, "topics=ticket.assign&regions=北京") as undeclared:  # of which nothing is said
        assert (await frames(undeclared, 1))[0]["kind"] == "ready"


async def test_stream_filter_versions_of_a_subscription_add_to_one_another(served: Gateway) -> None:
    await declare(served, regions=["上海"])
    await declare(served, version="2", types=["TicketOpened"])
    async with subscribed(served, EVENTS) as ws:
        await frames(ws, 1)
        east, north = await opened_in(served, "上海", "SN-1"), await opened_in(served, "北京", "SN-2")
        for ticket in (north, east):
            await served.post(f"/v1/tickets/{ticket}/note", {"text": "x"})
        got = named(await frames(ws, 3))
    assert sorted(got) == sorted([(east, 1, "TicketOpened"), (north, 1, "TicketOpened"), (east, 2, "NoteAdded")])


async def test_stream_filter_what_cannot_be_judged_is_passed_on(served: Gateway) -> None:
    await declare(served, regions=["上海"])
    await served.caught_up()
    async with subscribed(served, EVENTS) as ws:
        await frames(ws, 1)
        ticket = await opened_in(served, "北京", "SN-2")
        await served.post(f"/v1/tickets/{ticket}/note", {"text": "x"})
        recorded = served.store.log[TicketId(ticket)].pop()
        served.store.log[TicketId(ticket)].clear()
        served.log.put(replace(recorded, version=7), ["ticket.events"])
        assert named(await frames(ws, 1)) == [(ticket, 7, "NoteAdded")]


async def test_stream_filter_those_known_last_serve_while_postgresql_is_away() -> None:
    one = Subscription(client="bi", owner="数据组", contact="bi@corp", topics=("ticket.events",), regions=("上海",))
    answers: list[Sequence[Subscription] | None] = [None, [one], None]

    async def read() -> Sequence[Subscription]:
        if (answer := answers.pop(0)) is None:
            raise StoreUnavailable("away")
        return answer

    declared = DeclaredSubscriptions(read)
    with pytest.raises(StoreUnavailable):
        await declared.of("bi")
    assert [await declared.of("bi"), await declared.of("bi")] == [[one], [one]]
