"""What a token speaks for: as whom it acts, and whose tickets it reaches; nobody acts or reads for others."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest
from prometheus_client import REGISTRY

from bus.domain.commands import OUTSIDE, Command
from bus.domain.errors import CommandRefused, MalformedInput
from bus.domain.scope import Scope
from bus.domain.terms import TicketId
from bus.domain.values import Assignee
from bus.gateway.auth.binding import Binding, Client, check_binding, may
from bus.gateway.auth.clients import _binding
from bus.gateway.auth.roles import GRANTS, Access, Role
from bus.intake.from_raw_request import requests_of
from tests.domain.given import given
from tests.domain.people import OPEN
from tests.gateway.by_role import OPENING
from tests.gateway.conftest import PERSON, Gateway

CRM, ERP = "crm", "erp"
TICKET = replace(given(OPEN).ticket, source=CRM, region="east", assignee=Assignee(person="王工", backup_person="李工"))
CLIENTS: Mapping[str, Client] = {
    "crm": Client(name="crm-api", role=Role.SOURCE, binding=Binding(bound=True, source=CRM)),
    "erp": Client(name="erp-api", role=Role.SOURCE, binding=Binding(bound=True, source=ERP)),
    "all": Client(name="etl", role=Role.SOURCE, binding=Binding(bound=True, all_sources=True)),
    "wang": Client(name="wang", role=Role.ENGINEER, binding=Binding(bound=True, person="王工")),
    "zhao": Client(name="zhao", role=Role.ENGINEER, binding=Binding(bound=True, person="赵工")),
    "app": Client(name="app", role=Role.ENGINEER, binding=Binding(bound=True, on_behalf=True)),
    "east": Client(name="east", role=Role.DISPATCHER, binding=Binding(bound=True, regions=("east",))),
    "west": Client(name="west", role=Role.LEAD, binding=Binding(bound=True, regions=("west",))),
    "anywhere": Client(name="desk", role=Role.DISPATCHER, binding=Binding(bound=True)),
    "ops": Client(name="ops", role=Role.SRE, binding=Binding(bound=True)),
    "li": Client(name="li", role=Role.SRE, binding=Binding(bound=True, person="李工")),
    "old": Client(name="old", role=Role.ENGINEER),
}
REACHES = {
    "crm": True,
    "erp": False,
    "all": True,
    "wang": True,
    "zhao": False,
    "east": True,
    "west": False,
    "anywhere": True,
    "ops": True,
    "li": True,
    "old": True,
}


@pytest.mark.parametrize("name", REACHES)
@pytest.mark.parametrize("wanted", [*OUTSIDE, *Access])
def test_bindings_role_scope_command_and_whose_ticket(name: str, wanted: type[Command] | Access) -> None:
    client = CLIENTS[name]
    granted = wanted in GRANTS[client.role].commands or wanted in GRANTS[client.role].accesses
    narrow = (client.role is Role.ENGINEER and client.binding.person) or client.binding.regions
    of_all = wanted in (Access.STREAM, Access.INSIGHT) and bool(narrow)  # everybody's tickets
    decided = {one for one in Access if one.name.startswith("DECIDE_")} | {Access.ACK_ESCALATIONS}
    nameless = wanted in decided and name in ("ops", "west")  # a person decides
    assert may(client, wanted) is (granted and not of_all and not nameless)
    scope = client.scope(client.binding.person or client.name)
    assert (scope is None or scope.reaches(TICKET)) is REACHES[name]


def test_bindings_a_source_reaches_what_it_reported_on_and_the_backup_what_is_theirs() -> None:
    assert not Scope(source=ERP).reaches(TICKET)
    assert Scope(source=ERP).reaches(TICKET, reported=True)
    assert Scope(person="李工").reaches(TICKET)
    assert not Scope(person="李工", regions=("west",)).reaches(TICKET)
    assert Scope().reaches(TICKET)


def test_bindings_who_acts_is_the_person_bound_or_named_by_an_app() -> None:
    assert CLIENTS["wang"].acts_as(None) == CLIENTS["wang"].acts_as("王工") == "王工"
    with pytest.raises(CommandRefused, match="speaks for '王工' alone"):
        CLIENTS["wang"].acts_as("赵工")
    assert CLIENTS["app"].acts_as("赵工") == "赵工"
    with pytest.raises(MalformedInput, match="for whom"):
        CLIENTS["app"].acts_as(None)
    for who in ("crm", "all", "east", "west", "anywhere", "ops"):  # nobody said that they speak for persons
        client = CLIENTS[who]
        assert client.acts_as(None) == client.acts_as(client.name) == client.name
        with pytest.raises(CommandRefused, match=f"speaks for '{client.name}' alone"):
            client.acts_as("王工")
    assert (CLIENTS["old"].acts_as("谁"), CLIENTS["old"].acts_as(None), CLIENTS["old"].scope("谁")) == (
        "谁",
        "old",
        None,
    )


@pytest.mark.parametrize(
    ("role", "binding", "fits"),
    [
        (Role.ENGINEER, Binding(), False),
        (Role.ENGINEER, Binding(person="王工"), True),
        (Role.ENGINEER, Binding(person="王工", on_behalf=True), False),
        (Role.ENGINEER, Binding(on_behalf=True), True),
        (Role.ENGINEER, Binding(person="王工", source=CRM), False),
        (Role.SOURCE, Binding(source=CRM), True),
        (Role.SOURCE, Binding(source=CRM, all_sources=True), False),
        (Role.SOURCE, Binding(on_behalf=True), False),
        (Role.DISPATCHER, Binding(regions=("east",)), True),
        (Role.SUBSCRIBER, Binding(regions=("east",)), False),
        (Role.ADMIN, Binding(), True),
    ],
)
def test_bindings_a_token_is_made_for_what_its_role_speaks_for(role: Role, binding: Binding, fits: bool) -> None:
    assert (check_binding(role, binding) is None) is fits


@pytest.fixture
def bound(gateway: Gateway) -> Gateway:
    """Give a gateway that knows the bound clients, too."""
    gateway.clients.known = {**gateway.clients.known, **CLIENTS}
    return gateway


async def assigned(gateway: Gateway, person: str, role: str = "crm", serial: str = "SN-1") -> str:
    opening = {**OPENING, "incident_key": {"kind": "serial", "value": serial}}
    ticket = (await gateway.post("/v1/tickets", opening, role=role)).json()["ticket_id"]
    assignee = {**PERSON, "person": person}
    assert (await gateway.post(f"/v1/tickets/{ticket}/assign", {"assignee": assignee}, role="admin")).status_code == 200
    return str(ticket)


async def test_bindings_commands_reach_ones_own_tickets_alone(bound: Gateway) -> None:
    ticket = await assigned(bound, "王工")
    for who, path, body in (
        ("zhao", "accept", {}),
        ("erp", "note", {"text": "x"}),
        ("west", "note", {"text": "x"}),
        ("app", "accept", {"actor": "赵工"}),
    ):
        refused = await bound.post(f"/v1/tickets/{ticket}/{path}", body, role=who)
        assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (403, "not_yours", "ticket_id")
        assert "ticket_trace_id" not in refused.json()
    for who, path, body in (
        ("crm", "note", {"text": "x"}),
        ("east", "note", {"text": "x"}),
        ("app", "accept", {"actor": "王工"}),
        ("wang", "start", {}),
    ):
        answer = await bound.post(f"/v1/tickets/{ticket}/{path}", body, role=who)
        assert answer.status_code == 200, answer.text
    events = (await bound.get(f"/v1/tickets/{ticket}/events")).json()["events"]
    assert [(one["source"], one["actor"]) for one in events[-4:]] == [
        ("crm", "crm-api"), ("east", "east"), ("app", "王工"), ("wang", "王工"),
    ]  # fmt: skip


async def test_bindings_a_forged_actor_is_403_and_kept(bound: Gateway) -> None:
    ticket = await assigned(bound, "王工")
    before = len(bound.refused.kept)
    forged = await bound.post(f"/v1/tickets/{ticket}/accept", {"actor": "赵工"}, role="wang")
    assert (forged.status_code, forged.json()["code"], forged.json()["field"]) == (403, "not_yours", "actor")
    nobody = await bound.post(f"/v1/tickets/{ticket}/accept", {}, role="app")
    assert (nobody.status_code, nobody.json()["code"], nobody.json()["field"]) == (400, "missing", "actor")
    assert len(bound.refused.kept) == before + 2
    outside = await bound.post("/v1/tickets", {**OPENING, "region": "north"}, role="east")
    assert (outside.status_code, outside.json()["field"]) == (403, "region")


@pytest.mark.parametrize("who", ["crm", "east", "anywhere", "wang"])
async def test_bindings_a_person_named_by_who_speaks_for_none_is_403_and_kept(bound: Gateway, who: str) -> None:
    ticket = await assigned(bound, "王工")
    for name in ("王磊", " 王磊\u3164"):
        forged = await bound.post(f"/v1/tickets/{ticket}/note", {"text": "x", "actor": name}, role=who, key=f"k-{who}")
        assert (forged.status_code, forged.json()["code"], forged.json()["field"]) == (403, "not_yours", "actor")
    (kept,) = [one for one in bound.refused.kept.values() if one.code == "not_yours"]
    assert (kept.heard, kept.source, b"actor" in kept.body) == (True, CLIENTS[who].source, True)


async def test_bindings_what_a_role_may_not_is_403_and_kept(bound: Gateway) -> None:
    ticket = await assigned(bound, "王工")
    asked = (
        ("wang", f"/v1/tickets/{ticket}/escalate", {"to": "team_lead"}),
        ("zhao", "/v1/tickets", OPENING),
        ("ops", "/v1/deadletters/retry", {"letters": [1], "why": "x"}),
        ("wang", "/v1/deadletters/discard", {"letters": [1], "why": "x"}),
    )
    for number, (who, path, body) in enumerate(asked, 1):
        answer = await bound.post(path, body, role=who)
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (403, "not_allowed", "role")
        kept = list(bound.refused.kept.values())
        assert len(kept) == number, path
        last = kept[-1]
        assert (last.code, last.kind, last.heard, last.origin) == ("not_allowed", "refused", True, "http")
        assert (last.headers[":path"], last.headers[":client"], orjson.loads(last.body)) == (
            path,
            CLIENTS[who].name,
            body,
        )


def test_bindings_of_an_earlier_version_have_their_person_in_its_one_spelling() -> None:
    assert _binding((True, "", False, " 王工\u3164", False, [])).person == "王工"


async def test_bindings_a_read_that_is_403_is_counted(bound: Gateway) -> None:
    def counted() -> float:
        labels = {"method": "GET", "route": "/v1/tickets/{ticket_id}", "status": "403"}
        return REGISTRY.get_sample_value("ticketbus_http_requests_total", labels) or 0

    before, ticket = counted(), await assigned(bound, "王工")
    assert (await bound.get(f"/v1/tickets/{ticket}?person=赵工", "wang")).status_code == 403
    assert counted() == before + 1
    assert not bound.refused.kept


async def test_bindings_a_source_that_joined_reaches_the_ticket_and_its_note_is_taken(bound: Gateway) -> None:
    ticket = await assigned(bound, "王工")
    assert (await bound.get(f"/v1/tickets/{ticket}", "erp")).status_code == 404
    joined = await bound.post("/v1/tickets", OPENING, role="erp")
    assert joined.json()["ticket_id"] == ticket
    assert (await bound.get(f"/v1/tickets/{ticket}", "erp")).status_code == 200
    assert (await bound.post(f"/v1/tickets/{ticket}/note", {"text": "x"}, role="erp")).status_code == 200


async def test_bindings_reads_show_ones_own_tickets_alone(bound: Gateway) -> None:
    ticket = await assigned(bound, "王工")
    reads: list[tuple[str, str, int]] = [
        ("wang", "", 200), ("zhao", "", 404), ("crm", "", 200), ("erp", "", 404), ("east", "", 200), ("west", "", 404),
        ("app", "?person=王工", 200), ("app", "?person=赵工", 404), ("app", "", 400), ("wang", "?person=赵工", 403),
        ("old", "", 200), ("subscriber", "", 200),
    ]  # fmt: skip
    for who, query, status in reads:
        for path in (f"/v1/tickets/{ticket}", f"/v1/tickets/{ticket}/events", f"/v1/tickets/{ticket}/clocks"):
            assert (await bound.get(f"{path}{query}", who)).status_code == status, (who, query, path)
    assert (await bound.get("/v1/journeys/known", "zhao")).status_code == 404
    row: dict[str, Any] = {
        "ticket_id": ticket,
        "state": "assigned",
        "assignee": "王工",
        "source": CRM,
        "region": "east",
    }
    snapshot = {"creator": "", "assigner": "", "handler": "", "last_at": None, "last_action": ""}
    bound.tickets.rows = [{**row, "responsibility": snapshot}]
    for who, seen in REACHES.items():
        listed = (await bound.get("/v1/tickets", who)).json()["tickets"]
        assert bool(listed) is seen, who


async def test_bindings_a_journey_by_a_shared_name_is_of_ones_own_ticket_also_where_a_newer_one_has_it(
    bound: Gateway,
) -> None:
    newest = await assigned(bound, "赵工", serial="SN-9")
    own, other = await assigned(bound, "王工"), await assigned(bound, "钱工", serial="SN-8")
    bound.known_by = {"SN-1": [newest, own, other], own: [own]}
    for who, seen in (("wang", [own]), ("zhao", [newest]), ("subscriber", [newest, own, other])):
        shown = (await bound.get("/v1/journeys/SN-1", who)).json()
        assert [shown["ticket_id"], *shown["also"]] == seen, who
    assert (await bound.get("/v1/journeys/SN-1", "erp")).status_code == 404


async def test_bindings_hold_for_openings_that_waited_on_kafka(bound: Gateway) -> None:
    desk = Client(name="desk-li", role=Role.DISPATCHER, binding=Binding(bound=True, person="李调度"))
    bound.clients.known = {**bound.clients.known, "desk": desk}
    bound.store.away = True
    for who in ("crm", "desk"):
        assert (await bound.post("/v1/tickets", OPENING, role=who)).status_code == 202
    bound.store.away = False
    crm, own = (requests_of(received, {})[0] for received in bound.spool.spooled)
    assert (crm.source, crm.actor, own.source, own.actor) == ("crm", "crm-api", "desk-li", "李调度")


async def test_bindings_who_does_not_reach_a_ticket_learns_nothing_of_it(bound: Gateway) -> None:
    ticket = await assigned(bound, "王工")
    malformed = await bound.post(f"/v1/tickets/{ticket}/note", {"txt": 1}, role="erp")
    assert (malformed.status_code, "ticket_trace_id" in malformed.json()) == (400, False)
    mine = await bound.post(f"/v1/tickets/{ticket}/note", {"txt": 1}, role="crm")
    assert mine.json()["ticket_trace_id"]
    joined = await bound.post("/v1/tickets", {**OPENING, "region": "west"}, role="west")
    assert (joined.status_code, joined.json()["code"], joined.json()["field"]) == (403, "not_yours", "incident_key")
    assert ticket not in joined.text
    assert len(bound.store.log[TicketId(ticket)]) == 2
