"""Lists, journeys, topics, health and the description of the interface."""

import asyncio
import hashlib

import pytest
from starlette.requests import Request as HttpRequest

from bus.gateway.routes import health
from bus.gateway.routes.health import health_routes
from tests.gateway.by_role import OPENING
from tests.gateway.conftest import Gateway


def rows(count: int) -> list[dict[str, object]]:
    snapshot = {"creator": "crm", "assigner": "", "handler": "", "last_at": None, "last_action": "ticket.opened"}
    row = {"assignee": "", "responsibility": snapshot}
    return [
        {**row, "ticket_id": f"T20261122-{n:06d}", "state": "pending" if n % 2 else "closed"}
        for n in range(1, count + 1)
    ]


async def test_reads_http_pages_follow_each_other_without_loss_or_repeat(gateway: Gateway) -> None:
    gateway.tickets.rows = rows(25)
    seen: list[str] = []
    params = {"limit": "10"}
    while True:
        page = (await gateway.get("/v1/tickets", params=params)).json()
        seen += [one["ticket_id"] for one in page["tickets"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert seen == sorted((str(row["ticket_id"]) for row in gateway.tickets.rows), reverse=True)


async def test_reads_http_a_filter_takes_chinese_and_english_states(gateway: Gateway) -> None:
    gateway.tickets.rows = rows(4)
    for word in ("closed", "已关闭"):
        found = (await gateway.get("/v1/tickets", params={"state": word})).json()["tickets"]
        assert [one["state"] for one in found] == ["closed", "closed"]


@pytest.mark.parametrize(
    ("query", "status", "code", "nearest"),
    [
        ({"state": "跟进中"}, 422, "unknown_state", "in_progress"),
        ({"state": "clsoed"}, 422, "unknown_state", "closed"),
        ({"limit": "0"}, 400, "out_of_range", None),
        ({"limit": "x"}, 400, "out_of_range", None),
        ({"cursor": "§"}, 400, "cursor_malformed", None),
        ({"cursor": "AAAA"}, 400, "cursor_malformed", None),
        ({"asignee": "x"}, 400, "unknown_field", "assignee"),
        ({"assignee": "a\0"}, 400, "nul", None),
    ],
)
async def test_reads_http_filters_that_will_not_do_are_refused(
    gateway: Gateway, *, query: dict[str, str], status: int, code: str, nearest: str | None
) -> None:
    answer = await gateway.get("/v1/tickets", params=query)
    assert (answer.status_code, answer.json()["code"], answer.json().get("nearest")) == (status, code, nearest)


async def test_reads_http_journeys_and_topics_are_shown(gateway: Gateway) -> None:
    shown = (await gateway.get("/v1/journeys/known?cursor=7&limit=9")).json()
    assert (shown["title"], shown["ticket_id"]) == ("9 events after 7", None)
    assert (await gateway.get("/v1/journeys/unknown")).status_code == 404
    topics = {one["name"]: one for one in (await gateway.get("/v1/topics")).json()}
    assigned = ["TicketAssigned", "TicketReturned", "AssignmentAccepted", "CollaboratorAdded", "CollaboratorRemoved"]
    assert topics["ticket.assign"]["event_types"] == assigned


async def test_readiness_costs_nothing_however_often_it_is_asked() -> None:
    asked = 0

    async def probe() -> None:
        nonlocal asked
        asked += 1

    ready = health_routes({"postgres": probe})[1]
    answers = await asyncio.gather(*(ready.run(HttpRequest({"type": "http", "headers": []})) for _ in range(100)))
    assert ({answer.status_code for answer in answers}, asked) == ({200}, 1)


async def test_readiness_says_what_is_up_and_one_store_is_enough(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PROBE_EVERY_S", -1.0)
    assert (await gateway.http.get("/livez")).status_code == 200
    assert (await gateway.http.get("/readyz")).json() == {"ready": True, "postgres": "up", "kafka": "up"}
    gateway.store.away = True
    answer = await gateway.http.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "postgres": "down", "kafka": "up"})
    gateway.log.away = True
    answer = await gateway.http.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert answer.headers["retry-after"]


async def test_reads_are_503_while_the_store_is_away(gateway: Gateway) -> None:
    ticket = await gateway.opened()
    gateway.store.away = True
    answer = await gateway.get(f"/v1/tickets/{ticket}")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"]


async def test_reads_http_the_description_names_every_command_and_the_page_fetches_nothing_from_elsewhere(
    gateway: Gateway,
) -> None:
    document = (await gateway.http.get("/openapi.json")).json()
    assign = document["paths"]["/v1/tickets/{ticket_id}/assign"]["post"]
    schema = assign["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["assignee"]["properties"]["backup_contact"]
    assert "$ref" not in str(schema)
    assert assign["parameters"][0]["name"] == "Idempotency-Key"
    page = await gateway.http.get("/docs")
    assert "://" not in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]


async def test_reads_http_swagger_ui_is_the_one_that_is_pinned_and_a_browser_guesses_no_type(gateway: Gateway) -> None:
    kinds = {
        "/openapi.json": "application/json",
        "/docs": "text/html; charset=utf-8",
        "/docs/start.js": "text/javascript; charset=utf-8",
        "/docs/files/swagger-ui.css": "text/css; charset=utf-8",
        "/docs/files/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    }
    hashes = dict[str, str]()
    for path, kind in kinds.items():
        answer = await gateway.http.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind), path
        assert answer.headers["x-content-type-options"] == "nosniff", path
        hashes[path] = hashlib.sha256(answer.content).hexdigest()
    assert hashes["/docs/files/swagger-ui.css"] == "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d"
    assert (
        hashes["/docs/files/swagger-ui-bundle.js"] == "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2"
    )


async def test_reads_http_a_phone_finds_a_journey_by_its_body_and_stands_in_no_address(gateway: Gateway) -> None:
    in_address = await gateway.get("/v1/journeys/138-0000-1111")
    assert (in_address.status_code, in_address.json()["code"]) == (400, "phone_in_address")
    abroad = await gateway.get("/v1/journeys/%2B852%202123%204567")
    assert (abroad.status_code, abroad.json()["code"]) == (400, "phone_in_address")
    unknown = await gateway.post("/v1/journeys", {"any": "13800001111"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "no_such_journey")
    assert "13800001111" not in unknown.text
    ticket_id = (await gateway.post("/v1/tickets", OPENING)).json()["ticket_id"]
    gateway.known_by = {"13800001111": [ticket_id]}
    shown = await gateway.post("/v1/journeys", {"any": "13800001111"})
    assert (shown.status_code, shown.json()["ticket_id"]) == (200, ticket_id)
    for body in ({}, {"any": 7}, {"any": " "}):
        missing = await gateway.post("/v1/journeys", body)
        assert (missing.status_code, missing.json()["code"], missing.json()["field"]) == (400, "missing", "any")
