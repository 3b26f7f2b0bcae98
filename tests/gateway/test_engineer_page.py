"""The page of an engineer without our app: whom its link lets in, and what it sends becomes the ticket's (R18, R19)."""

import json
from datetime import timedelta
from typing import Any

import httpx2

from bus.domain.closing_events import TicketResolved
from bus.domain.closure_proof import code_of
from bus.domain.engineer_link import ENDS_AFTER
from bus.domain.engineer_link_events import EngineerLinkRevoked
from bus.domain.terms import ENGINEER_PAGE, State, Tick, TicketId
from bus.gateway.auth.roles import Role, allows
from bus.gateway.engineer.page_view import PAGE_COMMANDS
from bus.gateway.http.routing import without_secret
from bus.intake.dispatch import utc_now
from tests.gateway.conftest import PERSON, Gateway
from tests.gateway.customer_pages import CLOSURE_KEY
from tests.gateway.test_ticket_page import STEPS, take, ticket_of

OTHER = PERSON | {"person": "赵工"}


async def _assigned(gateway: Gateway, value: str = "SN-1", **person: str) -> tuple[TicketId, str]:
    """Give a ticket with an assignee, and the path of its page."""
    ticket_id = TicketId(await gateway.opened(value))
    return ticket_id, await _handed_to(gateway, ticket_id, PERSON | person)


async def _handed_to(gateway: Gateway, ticket_id: TicketId, assignee: dict[str, str]) -> str:
    body = {"assignee": assignee, "reason": "改派"}
    assert (await gateway.post(f"/v1/tickets/{ticket_id}/assign", body)).status_code == 200
    shown = (await gateway.get(f"/v1/tickets/{ticket_id}/engineer-link", "dispatcher")).json()
    assert (shown["assignee"], shown["link"].startswith("https://t.example.com/e/")) == (assignee["person"], True)
    return str(shown["link"]).removeprefix("https://t.example.com")


async def _act(gateway: Gateway, page: str, command: object, key: str | None = None, **own: Any) -> httpx2.Response:
    body = {"command": command, "at": utc_now().isoformat(), **own}
    headers = {"Idempotency-Key": key or f"page-{gateway.keys()}"}
    return await gateway.http.post(f"{page}/actions", json=body, headers=headers)


async def test_engineer_page_goes_through_a_ticket_once_each_in_the_name_of_its_assignee_r18_r19(
    gateway: Gateway,
) -> None:
    ticket_id, page = await _assigned(gateway)
    shown = (await gateway.http.get(f"{page}/ticket")).json()
    assert (shown["ticket_id"], shown["assignee"], shown["state"]) == (ticket_id, PERSON["person"], "assigned")
    assert {step["command"] for step in shown["steps"]["assigned"]} == {
        "accept", "depart", "arrive", "start", "note", "add-evidence",
    }  # fmt: skip
    assert len(shown["words"]["root_cause"]) == 23
    earlier, key = utc_now() - timedelta(hours=2), "made-offline"
    for _ in range(2):  # the answer of the first was lost
        answer = await _act(gateway, page, "accept", key, at=earlier.isoformat(), fields={"note": "在路上"})
        assert answer.status_code == 200, answer.text
    assert answer.headers["idempotent-replayed"] == "true"
    photo = {"kind": "photo", "uri": "https://p/1.jpg"}
    resolving = {"summary": "换风扇", "root_cause": "fan"}
    for name, fields in (("arrive", {}), ("add-evidence", photo), ("resolve", resolving), ("request-closure", {})):
        assert (await _act(gateway, page, name, fields=fields)).status_code == 200
    events = (await gateway.store.events(ticket_id))[2:]
    assert {(one.source, one.actor) for one in events} == {(ENGINEER_PAGE, PERSON["person"])}
    assert (len(events), events[0].occurred_at) == (5, earlier)
    assert any(isinstance(one.event, TicketResolved) for one in events)
    ticket = await gateway.store.ticket(ticket_id)
    assert ticket
    assert (ticket.state, ticket.photos) == (State.RESOLVED, ("https://p/1.jpg",))


async def test_engineer_page_confirms_by_the_customer_s_code_alone_r20(gateway: Gateway) -> None:
    ticket_id, page = await _assigned(gateway)
    await take(gateway, ticket_id, *STEPS[State.IN_PROGRESS], *STEPS[State.RESOLVED])
    shown = (await gateway.http.get(f"{page}/ticket")).json()
    assert "confirm-closure" in {step["command"] for step in shown["steps"]["resolved"]}, "customers are sent codes"
    yes = {"confirmed_by": "李女士", "ticks": [one.value for one in Tick]}
    alone = await _act(gateway, page, "confirm-closure", fields=yes)
    assert (alone.status_code, alone.json()["field"]) == (422, "code"), "who works on it speaks by the code alone"
    asked = (await ticket_of(gateway, ticket_id)).closure
    assert asked
    for off, status in ((1, 422), (0, 200)):
        code = f"{(int(code_of(CLOSURE_KEY, ticket_id, asked.version)) + off) % 10**6:06}"
        assert (await _act(gateway, page, "confirm-closure", fields={**yes, "code": code})).status_code == status
    assert (await ticket_of(gateway, ticket_id)).state is State.CLOSED


async def test_engineer_page_what_is_refused_says_why_in_chinese_and_is_kept_once_r19(gateway: Gateway) -> None:
    ticket_id, page = await _assigned(gateway)
    before = len(await gateway.store.events(ticket_id))
    for _ in range(2):
        refused = await _act(gateway, page, "resolve", "too-early", fields={"summary": "好了"})
        assert (refused.status_code, refused.json()["code"]) == (409, "not_now")
    assert "已指派" in refused.json()["detail"]
    [letter] = gateway.refused.kept.values()
    assert (letter.source, letter.ticket_id) == (ENGINEER_PAGE, ticket_id)
    tomorrow = (utc_now() + timedelta(days=1)).isoformat()
    for own, code in (
        ({"at": tomorrow}, "in_future"),
        ({"at": None}, "wrong_type"),
        ({"fields": []}, "wrong_type"),
        ({"fields": {"note": 1}}, "wrong_type"),
        ({"fields": {"actor": "别人"}}, "not_yours"),
        ({"device_at": 1}, "wrong_type"),
        ({"when": 1}, "unknown_field"),
        ({"command": "acept"}, "no_such_command"),
        ({"command": "assign"}, "no_such_command"),
        ({"command": {}}, "no_such_command"),
    ):
        answer = await _act(gateway, page, own.pop("command", "accept"), **own)
        assert answer.json()["code"] == code, (own, answer.text)
    keyless = await gateway.http.post(f"{page}/actions", json={"command": "accept", "at": utc_now().isoformat()})
    assert keyless.json()["code"] == "idempotency_key_missing"
    assert len(await gateway.store.events(ticket_id)) == before


def test_engineer_page_every_command_of_it_is_one_of_the_role_r18() -> None:
    assert [name for name, cls in PAGE_COMMANDS.items() if not allows(Role.ENGINEER, cls)] == []


async def test_engineer_page_a_link_that_is_wrong_over_or_anothers_learns_nothing_r18(gateway: Gateway) -> None:
    ticket_id, page = await _assigned(gateway)
    other_id, other = await _assigned(gateway, "SN-2", person="钱工")
    mark, mac = page.split("."), other.split(".")
    mixed = ".".join((*mark[:-1], mac[-1]))
    customers = page.replace("/e/", "/close/")
    handed_on = await _handed_to(gateway, ticket_id, OTHER)
    assert handed_on != page
    unknown = []
    for wrong in (page, mixed, page[:-1] + ("A" if page[-1] != "A" else "B"), "/e/x", "/e/" + "x" * 3000):
        gateway.opener.tries.by_address._left.clear()
        for answer in (
            await gateway.http.get(f"{wrong}/ticket"),
            await _act(gateway, wrong, "accept"),
            await gateway.http.post(f"{wrong}/photos", content=b"\xff\xd8\xff"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (410, "link_gone"), wrong
            assert not any(secret in answer.text for secret in (ticket_id, other_id, *PERSON.values(), "赵工"))
            unknown.append({**answer.json(), "trace_id": ""})
    assert all(one == unknown[0] for one in unknown)
    assert (await gateway.http.get(customers)).status_code == 410
    assert (await gateway.http.get(f"{handed_on}/ticket")).json()["assignee"] == "赵工"
    assert await _handed_to(gateway, ticket_id, PERSON) == page
    shells = {(await gateway.http.get(one)).text for one in (page, "/e/x", "/e/", f"{page}/")}
    assert len(shells) == 1  # the page itself knows nothing of any ticket


async def test_engineer_page_a_link_that_is_revoked_ends_for_the_same_person_too_r18(gateway: Gateway) -> None:
    ticket_id, page = await _assigned(gateway)
    path = f"/v1/tickets/{ticket_id}/revoke-engineer-link"
    assert (await gateway.post(path, {"reason": "手机丢了"}, role="engineer")).status_code == 403
    assert (await gateway.post(path, {}, role="lead")).json()["field"] == "reason"
    links = [page]
    for number in (1, 2):
        assert (await gateway.post(path, {"reason": "手机丢了"}, role="lead")).status_code == 200
        last = (await gateway.store.events(ticket_id))[-1].event
        assert last == EngineerLinkRevoked(number=number, reason="手机丢了")
        shown = (await gateway.get(f"/v1/tickets/{ticket_id}/engineer-link", "dispatcher")).json()["link"]
        links.append(shown.removeprefix("https://t.example.com"))
        assert [(await gateway.http.get(f"{one}/ticket")).status_code for one in links] == [410] * number + [200]
    assert await _handed_to(gateway, ticket_id, OTHER) not in links
    assert await _handed_to(gateway, ticket_id, PERSON) == links[-1]


async def test_engineer_page_ends_a_month_after_closing_and_wrong_links_are_rare_r18(gateway: Gateway) -> None:
    ticket_id, page = await _assigned(gateway)
    for name, body in (
        ("start", {}),
        ("resolve", {"photos": ["https://p/1.jpg"], "summary": "好了", "root_cause": "fan"}),
        ("request-closure", {}),
        ("confirm-closure", {"confirmed_by": "陈女士", "ticks": ["fully_solved", "no_side_risk", "no_follow_up"]}),
    ):
        assert (await gateway.post(f"/v1/tickets/{ticket_id}/{name}", body)).status_code == 200
    assert (await gateway.http.get(f"{page}/ticket")).json()["customer"] == {"name": "", "phone": "", "address": ""}
    for later, status in ((ENDS_AFTER - timedelta(minutes=1), 200), (ENDS_AFTER + timedelta(minutes=1), 410)):
        gateway.now = lambda later=later: utc_now() + later  # type: ignore[misc]  # each its own
        assert (await gateway.http.get(f"{page}/ticket")).status_code == status
    tries = [(await gateway.http.get(f"{page}/ticket")) for _ in range(12)]
    assert {one.status_code for one in tries} == {410, 429}
    assert int(tries[-1].headers["retry-after"]) > 0


async def test_engineer_page_links_are_for_who_assigns_r18(gateway: Gateway) -> None:
    ticket_id = TicketId(await gateway.opened())
    path = f"/v1/tickets/{ticket_id}/engineer-link"
    nobody = await gateway.get(path, "lead")
    assert (nobody.status_code, nobody.json()["code"]) == (409, "not_assigned")
    await _handed_to(gateway, ticket_id, PERSON)
    for role, status in (("dispatcher", 200), ("lead", 200), ("engineer", 403), ("source", 403), ("subscriber", 403)):
        assert (await gateway.get(path, role)).status_code == status, role


async def test_engineer_page_files_come_with_a_strict_policy_and_the_worker_is_looked_for_anew_r19(
    gateway: Gateway,
) -> None:
    worker = await gateway.http.get("/e/worker.js")
    assert (worker.headers["content-type"].partition(";")[0], worker.headers["cache-control"]) == (
        "text/javascript", "no-cache",
    )  # fmt: skip
    assert "DIGEST" not in worker.text
    page = await gateway.http.get("/e/x")
    policy = page.headers["content-security-policy"]
    assert ("unsafe" in policy, "default-src 'none'" in policy) == (False, True)
    assert [one for one in ("onclick", "<style", "<script>") if one in page.text] == []
    kept = json.loads(worker.text.partition("[PAGE, ...")[2].partition(".map")[0])
    assert {"app.js", "sync.js", "page.css"} <= {*kept}
    for name in kept:
        assert (await gateway.http.get(f"/e/static/{name}")).status_code == 200
    assert without_secret("/e/T20261122-000001.m.abc/actions") == "/e/…"
