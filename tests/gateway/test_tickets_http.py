"""Opening tickets and running commands over HTTP."""

import asyncio
from datetime import timedelta

import pytest

from bus.domain.batch import Outcome
from bus.domain.commands import Request
from bus.domain.terms import TicketId
from bus.gateway.http.answers import ClocksAnswer
from bus.gateway.http.problems import HttpProblem
from bus.intake.dispatch import utc_now
from tests.gateway.by_role import OPENING
from tests.gateway.conftest import PERSON, Gateway
from tests.gateway.typed import type_faults

TRACE = "0af7651916cd43dd8448eb211c80319c"


async def test_tickets_http_a_ticket_is_reclassified_by_dispatchers_alone_r13(gateway: Gateway) -> None:
    ticket = (await gateway.post("/v1/tickets", OPENING)).json()["ticket_id"]
    body, path = (
        {"type": "hardware_fault", "priority": "urgent", "reason": "客户很急"},
        f"/v1/tickets/{ticket}/reclassify",
    )
    assert (await gateway.post(path, body, role="engineer")).status_code == 403
    assert (await gateway.post(path, {"type": "unheard", "reason": "?"}, role="dispatcher")).json()[
        "code"
    ] == "unknown_word"
    assert (await gateway.post(path, body, role="dispatcher")).status_code == 200
    (_, event) = (await gateway.get(f"/v1/tickets/{ticket}/events")).json()["events"]
    assert (event["event_type"], event["priority"]) == ("ticket.reclassified.v1", "urgent")


async def test_tickets_http_the_clocks_say_which_time_counted_and_are_typed_r7(gateway: Gateway) -> None:
    ticket = (await gateway.post("/v1/tickets", OPENING)).json()["ticket_id"]
    answer = await gateway.get(f"/v1/tickets/{ticket}/clocks")
    assert type_faults(ClocksAnswer, answer.json()) == []
    response, resolution = answer.json()["clocks"]
    assert (response["clock"], resolution["clock"], response["calendar"]) == ("first_response", "resolution", None)
    (stretch,) = response["stretches"]
    assert (stretch["counts"], stretch["why"], stretch["why_en"]) == (True, "全天计时", "around the clock")
    assert response["counted_s"] == stretch["seconds"] > 0
    step = answer.json()["next_step"]
    assert (step["step"], step["step_zh"], step["overdue"]) == ("assign", "分派", False)
    assert step == (await gateway.get(f"/v1/tickets/{ticket}")).json()["next_step"]
    unknown = await gateway.get("/v1/tickets/T20261122-999999/clocks")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "no_such_ticket")


async def test_tickets_http_a_report_opens_a_ticket_under_the_trace_of_its_request(gateway: Gateway) -> None:
    parent = f"00-{TRACE}-b7ad6b7169203331-01"
    answer = await gateway.post("/v1/tickets", OPENING, headers={"traceparent": parent})
    assert answer.status_code == 201
    body = answer.json()
    assert body["answer"] == "opened"
    assert body["trace_id"] == TRACE == answer.headers["ticket-trace-id"]
    assert answer.headers["location"] == f"/v1/tickets/{body['ticket_id']}"
    assert answer.headers["traceparent"].startswith(f"00-{TRACE}-")
    assert answer.headers["traceparent"] != parent


async def test_tickets_http_fifty_parallel_reports_with_one_key_make_one_master_and_49_joins(gateway: Gateway) -> None:
    answers = await asyncio.gather(*(gateway.post("/v1/tickets", {**OPENING, "title": f"{n}"}) for n in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]
    assert len({answer.json()["master"] for answer in answers}) == 1
    [events] = gateway.store.log.values()
    assert len(events) == 50


async def test_tickets_http_the_same_key_and_body_get_the_same_answer_and_nothing_happens_twice(
    gateway: Gateway,
) -> None:
    first = await gateway.post("/v1/tickets", OPENING, key="once")
    again = await gateway.post("/v1/tickets", dict(reversed(OPENING.items())), key="once")
    assert again.status_code == 201
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    other = await gateway.post("/v1/tickets", {**OPENING, "title": "other"}, key="once")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (await gateway.post("/v1/tickets", OPENING, key="once", role="source")).json()["answer"] == "joined"


async def test_tickets_http_a_request_without_a_key_is_refused(gateway: Gateway) -> None:
    answer = await gateway.http.post("/v1/tickets", json=OPENING, headers={"Authorization": "Bearer admin"})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")
    answer = await gateway.post("/v1/tickets", OPENING, key="with space")
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_malformed")


async def test_tickets_http_a_key_in_flight_is_answered_409(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    go = asyncio.Event()
    submit = gateway.group.submit

    async def held(requests: list[Request]) -> list[Outcome]:
        await go.wait()
        return await submit(requests)

    monkeypatch.setattr(type(gateway.group), "submit", lambda _self, requests: held(requests))
    first = asyncio.create_task(gateway.post("/v1/tickets", OPENING, key="k"))
    while not gateway.in_flight._claimed:
        await asyncio.sleep(0)
    second = await gateway.post("/v1/tickets", OPENING, key="k")
    go.set()
    assert (second.status_code, second.json()["code"], second.headers["retry-after"]) == (409, "in_flight", "1")
    assert (await first).status_code == 201


async def test_tickets_http_fifty_repeats_of_what_is_done_are_all_told_the_same(gateway: Gateway) -> None:
    first = await gateway.post("/v1/tickets", OPENING, key="long-ago")
    other = {**OPENING, "title": "other"}
    bodies = [OPENING] * 50 + [other] * 3
    before = gateway.store.transactions
    answers = await asyncio.gather(*(gateway.post("/v1/tickets", body, key="long-ago") for body in bodies))
    assert [(one.status_code, one.json()) for one in answers[:50]] == [(201, first.json())] * 50
    assert {(one.status_code, one.json()["code"]) for one in answers[50:]} == {(422, "idempotency_key_reused")}
    assert gateway.store.transactions - before < 6  # asked once for all, decided in a few batches
    assert [len(events) for events in gateway.store.log.values()] == [1]


async def test_tickets_http_the_store_is_asked_for_a_key_only_while_another_request_holds_it(gateway: Gateway) -> None:
    for number in range(3):
        await gateway.post("/v1/tickets", OPENING, key=f"one-by-one-{number // 2}")
    assert gateway.store.transactions == 3


async def test_tickets_http_a_key_in_flight_while_the_store_is_away_is_answered_409(gateway: Gateway) -> None:
    gateway.store.away = True
    async with gateway.in_flight.claim("k", gateway.store, []):
        with pytest.raises(HttpProblem, match="in_flight"):
            async with gateway.in_flight.claim("k", gateway.store, []):
                raise AssertionError("nobody can tell that it is done")


async def test_ticket_is_worked_to_its_end_and_read_back_at_once(gateway: Gateway) -> None:
    ticket = await gateway.opened()
    opened_at = utc_now() - timedelta(seconds=5)
    steps = [
        ("dispatcher", "assign", {"assignee": PERSON}),
        ("engineer", "accept", {"actor": "王工", "at": opened_at.isoformat()}),
        ("engineer", "depart", {"expected_at": (utc_now() + timedelta(hours=1)).isoformat()}),
        ("engineer", "arrive", {"place": "上海"}),
        ("engineer", "add-evidence", {"kind": "photo", "uri": "s3://b/a.jpg"}),
        ("engineer", "resolve", {"summary": "换风扇", "root_cause": "fan"}),
        ("engineer", "request-closure", {}),
        ("source", "confirm-closure",
         {"confirmed_by": "张", "ticks": ["fully_solved", "no_side_risk", "no_follow_up"]}),
    ]  # fmt: skip
    for role, command, body in steps:
        answer = await gateway.post(f"/v1/tickets/{ticket}/{command}", body, role=role)
        assert answer.status_code == 200, answer.text
        shown = (await gateway.get(f"/v1/tickets/{ticket}", "subscriber")).json()
        assert shown["version"] == answer.json()["version"]
    assert (shown["state"], shown["state_zh"], shown["assignee"]) == ("closed", "已关闭", "王工")
    assert shown["responsibility"] == {
        "creator": "a-admin",
        "assigner": "a-dispatcher",
        "handler": "王工",
        "last_at": shown["closed_at"],
        "last_action": "closure.confirmed",
    }
    events = (await gateway.get(f"/v1/tickets/{ticket}/events")).json()["events"]
    assert [one["version"] for one in events] == list(range(1, 10))
    assert events[2]["actor"] == "王工"
    assert events[0]["event_type"] == "ticket.opened.v1"
    cursor, read = "0", list[dict[str, object]]()
    while cursor:
        page = (await gateway.get(f"/v1/tickets/{ticket}/events?cursor={cursor}&limit=4")).json()
        assert len(page["events"]) <= 4
        read, cursor = read + page["events"], page["next"]
    assert read == events
    for query in ("cursor=x", "cursor=-1", "limit=0", "limit=501", "after=1"):
        refused = await gateway.get(f"/v1/tickets/{ticket}/events?{query}")
        assert (refused.status_code, refused.json()["field"]) == (400, query.split("=")[0])


async def test_tickets_http_what_the_domain_refuses_is_told_in_two_languages_and_kept_once(gateway: Gateway) -> None:
    ticket = await gateway.opened()
    for _ in range(2):
        answer = await gateway.post(f"/v1/tickets/{ticket}/resolve", {"summary": "x"}, key="r")
        body = answer.json()
        assert answer.status_code == 409
        assert answer.headers["content-type"] == "application/problem+json"
        assert (body["code"], body["field"], body["status"]) == ("not_now", "state", 409)
        assert "待分派" in body["detail"]
        assert "pending" in body["detail_en"]
        assert body["trace_id"] in answer.headers["traceparent"]
        assert "assign" in body["legal"]
        assert answer.headers["ticket-trace-id"] == gateway.store.log[TicketId(ticket)][0].trace_id
    [kept] = gateway.refused.kept.values()
    assert (kept.origin, kept.code, kept.ticket_id, kept.body) == ("http", "not_now", ticket, b'{"summary":"x"}')


@pytest.mark.parametrize(
    ("command", "body", "status", "code", "field"),
    [
        ("assign", {"assignee": {**PERSON, "backup_contact": ""}}, 422, "missing", "assignee.backup_contact"),
        ("assign", {"assignee": {**PERSON, "departement": "IT"}}, 400, "unknown_field", "assignee.departement"),
        ("assign", {"asignee": PERSON}, 400, "unknown_field", "asignee"),
        ("assign", {}, 400, "missing", "assignee"),
        ("assign", {"assignee": "王工"}, 400, "wrong_type", "assignee"),
        ("start", {"substate": "remote"}, 400, "unknown_word", "substate"),
        ("note", {"text": "a\0b"}, 400, "nul", "text"),
        ("note", {"text": "x", "at": "2026-11-22T10:00:00"}, 400, "no_offset", "at"),
        ("note", {"text": "x", "at": "yesterday"}, 400, "wrong_type", "at"),
        ("note", {"text": "x", "at": "0001-01-01T00:00:00+14:00"}, 400, "out_of_range", "at"),
        ("note", {"text": "x", "at": "2027-11-22T10:00:00Z"}, 422, "in_future", "at"),
        ("note", {"text": "x", "actor": 3}, 400, "wrong_type", "actor"),
        ("note", {"text": "x", "changed": ["y" * 501]}, 400, "too_long", "changed"),
        ("request-parts", {"parts": [{"part_no": "p", "quantity": 10**12}]}, 400, "out_of_range", "parts.quantity"),
        ("request-parts", {"parts": [{"part_no": "p", "quantity": "1"}]}, 400, "wrong_type", "parts.0.quantity"),
    ],
)
async def test_tickets_http_bodies_that_will_not_do_are_refused_by_the_name_of_the_field(
    gateway: Gateway, *, command: str, body: dict[str, object], status: int, code: str, field: str
) -> None:
    ticket = await gateway.opened()
    answer = await gateway.post(f"/v1/tickets/{ticket}/{command}", body)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (status, code, field)
    assert problem["detail"] != problem["detail_en"]
    assert len(gateway.refused.kept) == 1


async def test_tickets_http_an_unknown_field_and_command_are_answered_with_the_nearest(gateway: Gateway) -> None:
    ticket = await gateway.opened()
    answer = await gateway.post(f"/v1/tickets/{ticket}/assign", {"asignee": PERSON})
    assert answer.json()["nearest"] == "assignee"
    answer = await gateway.post(f"/v1/tickets/{ticket}/acept", {})
    assert (answer.status_code, answer.json()["nearest"]) == (404, "accept")
    answer = await gateway.post(f"/v1/tickets/{ticket}/breach-sla", {"clock": "resolution"})
    assert answer.status_code == 404


@pytest.mark.parametrize("number", ["T20260101-999999", "nonsense", "T%00", "..%2f", "工单"])
async def test_ticket_that_is_not_there_is_404(gateway: Gateway, number: str) -> None:
    for answer in (
        await gateway.post(f"/v1/tickets/{number}/note", {"text": "x"}),
        await gateway.get(f"/v1/tickets/{number}"),
        await gateway.get(f"/v1/tickets/{number}/events"),
    ):
        assert answer.status_code == 404
        assert answer.json()["code"] in {"no_such_ticket", "no_such_path"}
