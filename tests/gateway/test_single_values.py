"""What has one value and comes twice is refused by name; one key is one key, however it is spelled."""

import re
from collections.abc import Sequence

import orjson
import pytest
from starlette.routing import Route, WebSocketRoute
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from bus.gateway.http.routing import HttpRoute
from tests.gateway.by_role import OPENING
from tests.gateway.conftest import Gateway

WHO = ("Authorization", "Bearer admin")


@pytest.mark.parametrize("name", ["Idempotency-Key", "webhook-id", "webhook-timestamp", "webhook-signature"])
async def test_single_values_a_header_that_comes_twice_is_refused_by_its_name(served: Gateway, name: str) -> None:
    key = [] if name == "Idempotency-Key" else [("Idempotency-Key", "k")]
    answer = await served.http.post("/v1/tickets", json=OPENING, headers=[WHO, *key, (name, "a"), (name.lower(), "b")])
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "repeated_header", name)
    assert served.store.log == {}


async def test_single_values_two_tokens_are_refused(served: Gateway) -> None:
    answer = await served.http.get("/v1/topics", headers=[WHO, ("authorization", "Bearer lead")])
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/tickets?state=pending&state=closed", "state"),
        ("/v1/tickets?limit=1&limit=2", "limit"),
        ("/v1/tickets/T20261122-000001/events?cursor=a&cursor=a", "cursor"),
        ("/v1/journeys/x?limit=1&limit=1", "limit"),
        ("/v1/deadletters?target=a&target=b", "target"),
    ],
)
async def test_single_values_a_query_parameter_that_comes_twice_is_refused_by_its_name(
    gateway: Gateway, path: str, field: str
) -> None:
    answer = await gateway.get(path)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "repeated_parameter", field)


@pytest.mark.parametrize(
    ("path", "code", "field"),
    [
        ("/v1/tickets?foo=1", "unknown_field", "foo"),
        ("/v1/tickets/T20261122-000001?foo=1", "unknown_field", "foo"),
        ("/v1/tickets/T20261122-000001/events?foo=1", "unknown_field", "foo"),
        ("/v1/journeys/x?foo=1", "unknown_field", "foo"),
        ("/v1/topics?foo=1", "unknown_field", "foo"),
        ("/v1/deadletters?foo=1", "unknown_field", "foo"),
        ("/v1/deadletters/7?foo=1", "unknown_field", "foo"),
        ("/v1/deadletters/redrives?foo=1", "unknown_field", "foo"),
        ("/v1/deliveries?foo=1", "unknown_field", "foo"),
        ("/v1/tickets?state=", "missing", "state"),
        ("/v1/tickets?assignee=%20", "missing", "assignee"),
        ("/v1/tickets?limit=", "missing", "limit"),
        ("/v1/deadletters?target=", "missing", "target"),
    ],
)
async def test_single_values_an_unknown_or_empty_query_parameter_is_refused_by_its_name(
    gateway: Gateway, path: str, code: str, field: str
) -> None:
    answer = await gateway.get(path)
    assert (answer.status_code, answer.json().get("code"), answer.json().get("field")) == (400, code, field)


async def test_single_values_every_route_refuses_a_query_parameter_that_it_does_not_know(gateway: Gateway) -> None:
    routes = [one.endpoint for one in gateway.app.router.routes if isinstance(one, Route)]
    ours = [one for one in routes if isinstance(one, HttpRoute) and not one.stray]
    sockets = {"/v1/engineer/pushes"}  # asked without a handshake: that alone is said
    pages = {
        "/close/{token:path}",
        "/t/{token:path}",
        "/e/",
        "/e/{token}",
        "/e/{token}/",
    }  # messengers add to the address of a link
    free = {"/v1/sources/{source}/webhook", "/v1/sources/{source}/webhook/{secret}", "/livez", "/readyz"}
    free |= sockets | pages
    assert {one.path for one in ours if one.query is None} == free
    walked = [one for one in ours if one.query is not None]
    assert {"/v1/tickets", "/openapi.json"} <= {one.path for one in walked}
    for route in walked:
        path = re.sub(r"\{[^}]*\}", "7", route.path)
        for query, code in (("nobody_knows=1", "unknown_field"), ("a=1&a=2", "repeated_parameter")):
            answer = await gateway.http.request(route.method, f"{path}?{query}", headers=dict([WHO]))
            field = query.partition("=")[0]
            found = (answer.status_code, answer.json().get("code"), answer.json().get("field"))
            assert found == (400, code, field), (route.method, route.path)
        for name in route.query or ():
            answer = await gateway.http.request(route.method, f"{path}?{name}=", headers=dict([WHO]))
            assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "missing", name)
    assert gateway.store.log == {}


async def test_single_values_a_webhook_is_taken_whatever_the_query_of_its_address(gateway: Gateway) -> None:
    answer = await gateway.http.post(
        "/v1/sources/fake/webhook?token=&tenant=7", content=b"open", headers={"signed": "yes", "webhook-id": "d9"}
    )
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("path", "role"), [("stream?topics=ticket.assign&", "subscriber"), ("engineer/pushes?", "engineer")]
)
async def test_single_values_a_stream_refuses_a_query_parameter_that_it_does_not_know(
    served: Gateway, path: str, role: str
) -> None:
    assert len([one for one in served.app.router.routes if isinstance(one, WebSocketRoute)]) == 3  # and of no stream
    url, headers = f"{served.url}/v1/{path}curser=x", {"Authorization": f"Bearer {role}"}
    try:
        async with connect(url, additional_headers=headers, proxy=None) as ws:
            problem = orjson.loads(await ws.recv())
    except InvalidStatus as denied:
        problem = orjson.loads(denied.response.body)
    assert (problem["status"], problem["code"], problem["field"]) == (400, "unknown_field", "curser")


async def test_single_values_a_header_of_a_source_that_comes_twice_proves_nothing(gateway: Gateway) -> None:
    headers: Sequence[tuple[str, str]] = [("signed", "no"), ("signed", "yes"), ("webhook-id", "d1")]
    answer = await gateway.http.post("/v1/sources/fake/webhook", content=b"open", headers=list(headers))
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_signature")


@pytest.mark.parametrize("key", ["k" * 255, "8e03978e-40d5-43e8-bc93-6894a57f9324", 'a"b\\c'])
async def test_single_values_a_key_quoted_or_bare_is_the_same_key(gateway: Gateway, key: str) -> None:
    quoted = '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
    first = await gateway.post("/v1/tickets", OPENING, key=key)
    again = await gateway.post("/v1/tickets", OPENING, key=quoted)
    assert (first.status_code, again.status_code, again.headers.get("idempotent-replayed")) == (201, 201, "true")


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("k" * 256, "idempotency_key_malformed"),
        ('""', "idempotency_key_missing"),
        ('"a b"', "idempotency_key_malformed"),
    ],
)
async def test_single_values_a_key_that_is_none_is_refused(gateway: Gateway, key: str, code: str) -> None:
    answer = await gateway.post("/v1/tickets", OPENING, key=key)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, code, "Idempotency-Key")


async def test_single_values_a_refusal_is_kept_once_for_a_key_quoted_or_bare(gateway: Gateway) -> None:
    for key in ("k1", '"k1"'):
        await gateway.post("/v1/tickets", {**OPENING, "type": "nonsense"}, key=key)
    assert len(gateway.refused.kept) == 1
