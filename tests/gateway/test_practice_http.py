"""Practice over HTTP: the real rules on a virtual ticket of one's own, and who would have heard of it (R47)."""

import asyncio
from typing import Any

from bus.delivery.targets_config import TargetConfig, TargetsConfig
from bus.domain.terms import State, TicketId
from bus.gateway.auth.binding import Binding, Client
from bus.gateway.auth.roles import Role
from bus.gateway.read.practice_view import PracticeList
from schemas.catalogue import EVENT_NAMES
from tests.gateway.conftest import PERSON, Gateway
from tests.gateway.typed import type_faults

PATH = "/v1/practice"


def targets() -> TargetsConfig:
    """Give a CRM of real tickets and a test ERP that hears of virtual ones, too."""
    made = {
        "crm": TargetConfig(adapter="crm-callback", events=frozenset(EVENT_NAMES)),
        "test-erp": TargetConfig(adapter="sap", events=frozenset({"TicketAssigned"}), synthetic=True),
    }
    return TargetsConfig(targets=made)


async def begun(gateway: Gateway, role: str = "engineer", key: str | None = None) -> str:
    answer = await gateway.post(PATH, {}, role=role, key=key)
    assert answer.status_code in {200, 201}, answer.text
    return str(answer.json()["ticket_id"])


async def shown(gateway: Gateway, number: str, role: str = "engineer") -> Any:
    answer = await gateway.get(f"{PATH}/{number}", role)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_practice_http_r47_the_bus_plays_each_step_that_is_next_until_it_is_closed(gateway: Gateway) -> None:
    number = await begun(gateway, key="k-1")
    assert await begun(gateway, key="k-1") == number, "the same key is the same ticket"
    assert number.startswith("V")
    own = (await gateway.get(PATH, "engineer")).json()
    assert type_faults(PracticeList, own) == []
    assert [(one["ticket_id"], one["next"], one["role"]) for one in own["practices"]] == [
        (number, "assign", "dispatcher")
    ]
    assert (await gateway.get(PATH, "dispatcher")).json() == {"practices": []}, "another's is not there"
    taken = []
    while (practice := await shown(gateway, number))["next"]:
        taken.append(practice["next"])
        answer = await gateway.post(f"{PATH}/{number}/play", {"role": "engineer"}, role="engineer")
        assert answer.status_code == 200, answer.text
    assert taken == [one["command"] for one in practice["steps"]]
    assert (practice["state"], all(one["done"] for one in practice["steps"])) == ("closed", True)
    actors = [one["actor"] for one in practice["events"]]
    assert actors[:3] == ["a-engineer", "演练调度员", "a-engineer"], "one's own steps are played under one's own name"
    over = await gateway.post(f"{PATH}/{number}/play", {"role": "engineer"}, role="engineer")
    assert (over.status_code, over.json()["code"]) == (409, "practice_over")
    assert (await gateway.post(f"{PATH}/{number}/end", {}, role="engineer")).status_code == 409


async def test_practice_http_r47_a_step_is_refused_by_the_real_rules_and_kept_nowhere(gateway: Gateway) -> None:
    number = await begun(gateway)
    path = f"{PATH}/{number}"
    refused = await gateway.post(f"{path}/assign", {"assignee": {**PERSON, "backup_contact": ""}}, role="engineer")
    assert (refused.status_code, refused.json()["field"]) == (422, "assignee.backup_contact")
    early = await gateway.post(f"{path}/accept", {}, role="engineer")
    assert (early.status_code, early.json()["code"]) == (409, "not_now")
    assert gateway.refused.kept == {}
    for command, body in [
        ("assign", {"assignee": PERSON}), ("accept", {}), ("start", {"substate": "on_site"}),
    ]:  # fmt: skip
        assert (await gateway.post(f"{path}/{command}", body, role="engineer")).status_code == 200, command
    ticket = gateway.store._tickets[TicketId(number)]
    assert (ticket.state, ticket.assignee.person, ticket.source) == (State.IN_PROGRESS, "王工", "sandbox")
    ended = await gateway.post(f"{path}/end", {}, role="engineer")
    assert ended.status_code == 200, ended.text
    assert (await shown(gateway, number))["state"] == "closed"


async def test_practice_http_r47_shows_topics_and_targets_that_a_real_ticket_s_events_go_to(gateway: Gateway) -> None:
    gateway.targets = targets()
    number = await begun(gateway)
    await gateway.post(f"{PATH}/{number}/play", {"role": "lead"}, role="engineer")
    opened, assigned = (await shown(gateway, number))["events"]
    assert (opened["event_type"], opened["targets"], opened["reached"]) == ("ticket.opened.v1", ["crm"], [])
    assert (assigned["targets"], assigned["reached"]) == (["crm", "test-erp"], ["test-erp"])
    assert assigned["topics"][:2] == ["ticket.events", "ticket.assign"]
    assert "ticket.probe" not in assigned["topics"]


async def test_practice_http_r47_nobody_practises_on_a_real_ticket_nor_on_another_s(gateway: Gateway) -> None:
    real, number = await gateway.opened(), await begun(gateway)
    for ticket, role in [(real, "admin"), (number, "dispatcher"), ("V20260101-000009", "engineer"), ("x", "lead")]:
        for answer in (
            await gateway.get(f"{PATH}/{ticket}", role),
            await gateway.post(f"{PATH}/{ticket}/play", {"role": "lead"}, role=role),
            await gateway.post(f"{PATH}/{ticket}/assign", {"assignee": PERSON}, role=role),
            await gateway.post(f"{PATH}/{ticket}/end", {}, role=role),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "no_such_ticket"), answer.url
    for role in ("lead", "dispatcher", "admin"):  # nor where real tickets are worked
        answer = await gateway.post(f"/v1/tickets/{number}/assign", {"assignee": PERSON}, role=role)
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (403, "not_yours", "ticket_id")
    for role in ("source", "subscriber", "host"):
        assert (await gateway.post(PATH, {}, role=role)).status_code == 403
    assert [gateway.store._tickets[TicketId(one)].version for one in (real, number)] == [1, 1]
    bad = await gateway.post(f"{PATH}/{number}/play", {"role": "boss"}, role="engineer")
    assert (bad.status_code, bad.json()["field"]) == (422, "role")


async def test_practice_http_r47_plays_the_step_that_is_meant_once_however_many_ask(gateway: Gateway) -> None:
    number = await begun(gateway)
    path = f"{PATH}/{number}/play"

    async def play(step: str, key: str | None = None) -> Any:
        return await gateway.post(path, {"role": "dispatcher", "step": step}, role="engineer", key=key)

    for step in ("assign", "accept", "start"):
        assert (await play(step, step)).status_code == 200
    late = await play("start")
    assert (late.status_code, late.json()["code"], late.json()["field"]) == (409, "step_done", "step")
    assert "更改" in late.json()["detail"]
    at_once = await asyncio.gather(*(play("reclassify", f"r-{one}") for one in range(3)))
    assert sorted(one.status_code for one in at_once) == [200, 409, 409]
    again = await play("start", "start")
    assert (again.status_code, again.json()["version"]) == (200, 4), "the same key is the same step"
    kinds = [one["event_type"] for one in (await shown(gateway, number))["events"]]
    assert (len(kinds), kinds.count("ticket.reclassified.v1")) == (5, 1)


async def test_practice_http_r47_is_of_the_region_and_person_that_a_token_is_bound_to(gateway: Gateway) -> None:
    east = Binding(bound=True, person="张调度", regions=("华东",))
    gateway.clients.known["east"] = Client(name="east", role=Role.DISPATCHER, binding=east)
    gateway.clients.known["wang"] = Client(name="wang", role=Role.ENGINEER, binding=Binding(bound=True, person="王工"))
    number = await begun(gateway, "east")
    ticket = gateway.store._tickets[TicketId(number)]
    assert (ticket.region, ticket.creator) == ("华东", "张调度")
    assert (await shown(gateway, number, "east"))["readable"]
    own = await begun(gateway, "wang")
    assert not (await shown(gateway, own, "wang"))["readable"], "nobody has it yet"
    await gateway.post(f"{PATH}/{own}/play", {"role": "engineer"}, role="wang")
    assert (await shown(gateway, own, "wang"))["readable"], "it is theirs now"
