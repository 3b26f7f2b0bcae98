"""The simulator of 纷享销客 refuses what the real one refuses, and has its limits on tokens, calls and pages."""

from typing import Any

import httpx2
import pytest

from adapters.fxiaoke_api import wire
from adapters.simulators.fxiaoke import FxiaokeSimulator
from adapters.simulators.fxiaoke_books import SAME_TOKEN_S, TOKEN_S, FxiaokeRefusal
from adapters.simulators.fxiaoke_faults import FxiaokeFault
from adapters.simulators.rehearsal import fxiaoke_line, fxiaoke_switches
from adapters.simulators.switches import Turn, switch_names
from tests.adapters.fxiaoke_calls import CASE, FOLLOW_UP, TENANT, call, simulated, target

LOGIN = {
    "appId": TENANT.app_id,
    "appSecret": TENANT.app_secret,
    "permanentCode": TENANT.permanent_code,
    "grantType": "app_secret",
}


def test_fxiaoke_simulator_a_token_is_the_same_for_6600_seconds_and_good_for_7200() -> None:
    clock = [0.0]
    crm = FxiaokeSimulator(now=lambda: clock[0])
    books, path = crm.books, wire.path(CASE, "query")
    first = books.token(LOGIN)
    clock[0] = SAME_TOKEN_S - 1
    again = books.token(LOGIN)
    assert (again["accessToken"], again["expiresIn"]) == (first["accessToken"], 601)
    clock[0] = SAME_TOKEN_S
    second = books.token(LOGIN)
    assert second["accessToken"] != first["accessToken"]
    headers = {"x-fs-ea": TENANT.company, "x-fs-userid": "1000"}
    for token, good in ((first, True), (second, True)):
        assert (books.admit(path, {**headers, "authorization": f"Bearer {token['accessToken']}"}) == "1000") is good
    clock[0] = TOKEN_S
    with pytest.raises(FxiaokeRefusal) as lost:
        books.admit(path, {**headers, "authorization": f"Bearer {first['accessToken']}"})
    assert lost.value.code == 20016


def test_fxiaoke_simulator_an_eleventh_token_of_a_minute_and_the_101st_call_are_refused() -> None:
    clock = [0.0]
    books = FxiaokeSimulator(now=lambda: clock[0]).books
    tokens = [books.token(LOGIN)["accessToken"] for _ in range(10)]
    assert refusal(lambda: books.token(LOGIN)) == 30004
    headers = {"x-fs-ea": TENANT.company, "x-fs-userid": "1000", "authorization": f"Bearer {tokens[0]}"}
    for _ in range(100):
        books.admit("/a", headers)
    assert refusal(lambda: books.admit("/a", headers)) == 30004
    books.admit("/b", headers)
    clock[0] = 20
    books.day_calls = 1
    books.admit("/a", headers)
    assert refusal(lambda: books.admit("/a", headers)) == 30002


def refusal(ask: Any) -> int:
    with pytest.raises(FxiaokeRefusal) as refused:
        ask()
    return refused.value.code


@pytest.mark.parametrize(
    ("limit", "offset", "code"), [(101, 0, 10006), (10, 5, 10006), (0, 0, 10006), (100, 10_100, 10013)]
)
def test_fxiaoke_simulator_pages_have_their_limits(limit: int, offset: int, code: int) -> None:
    asked = {"limit": limit, "offset": offset, "filters": [], "orders": []}
    assert refusal(lambda: simulated().books.query(CASE, asked)) == code


@pytest.mark.parametrize(
    ("operator", "values", "found"),
    [
        ("EQ", ["b"], ["b"]),
        ("N", ["b"], ["a", "c", None]),
        ("IN", ["a", "c"], ["a", "c"]),
        ("GT", ["a"], ["b", "c"]),
        ("GTE", ["b"], ["b", "c"]),
        ("LT", ["b"], ["a"]),
        ("LTE", ["b"], ["a", "b"]),
        ("LIKE", ["b"], []),
    ],
)
def test_fxiaoke_simulator_conditions_are_the_vendors(operator: str, values: list[str], found: list[str]) -> None:
    books = FxiaokeSimulator().books
    for kind in ("a", "b", "c", ""):
        books.create(FOLLOW_UP, {"kind__c": kind})
    asked = {"limit": 100, "offset": 0, "filters": [wire.condition("kind__c", operator, *values)], "orders": []}
    assert [one.get("kind__c") for one in books.query(FOLLOW_UP, asked)] == found


@pytest.mark.parametrize(
    ("path", "body", "headers", "code"),
    [
        ("/cgi/crm/v2/data/query", wire.query(CASE, []), {"authorization": ""}, 20017),
        ("/cgi/crm/v2/data/query", wire.query(CASE, []), {"authorization": "Bearer x"}, 20016),
        ("/cgi/crm/v2/data/query", wire.query(CASE, []), {"x-fs-ea": "x"}, 20016),
        ("/cgi/crm/v2/data/query", wire.query(CASE, []), {"x-fs-userid": "7"}, 10006),
        ("/cgi/crm/v2/data/query", wire.query(FOLLOW_UP, []), {}, 10006),
        ("/cgi/crm/custom/v2/data/query", wire.query(CASE, []), {}, 10006),
        ("/cgi/crm/v2/data/create", {"data": {"dataObjectApiName": CASE, "object_data": {}}}, {}, 10006),
        ("/cgi/crm/v2/data/query", {"data": {"object_data": {"dataObjectApiName": CASE}}}, {}, 10006),
        ("/cgi/crm/v2/data/remove", {"data": {"dataObjectApiName": CASE}}, {}, 10006),
        ("/cgi/crm/v2/data/get", {"data": {"dataObjectApiName": CASE, "objectDataId": "case-1"}}, {}, 0),
    ],
)
async def test_fxiaoke_simulator_what_stands_in_the_wrong_place_is_refused_with_200(
    path: str, body: Any, headers: dict[str, str], code: int
) -> None:
    crm = simulated()
    good = {"authorization": f"Bearer {crm.books.token(LOGIN)['accessToken']}", "x-fs-ea": TENANT.company}
    async with crm.serving(), httpx2.AsyncClient(trust_env=False) as http:
        sent = {name: one for name, one in {**good, "x-fs-userid": "1000", **headers}.items() if one}
        answer = await http.post(crm.url + wire.traced(path), json=body, headers=sent)
        assert (answer.status_code, answer.json()["errorCode"]) == (200, code)
        answer = await http.post(crm.url + path, json=body, headers=sent)
        assert answer.json()["errorCode"] == 10006, "without an id of its own"


async def test_fxiaoke_simulator_flows_begin_unless_they_are_switched_off_and_a_line_shows_no_text() -> None:
    crm, lines = simulated(), list[str]()
    crm.seen = lambda service, body, fault: lines.append(fxiaoke_line(service, body, fault))
    async with crm.serving(), target(crm) as built, httpx2.AsyncClient(trust_env=False) as http:
        await built.send(call())
        assert crm.books.flows_started == 0
        headers = {
            "authorization": f"Bearer {crm.books.token(LOGIN)['accessToken']}",
            "x-fs-ea": TENANT.company,
            "x-fs-userid": "1000",
        }
        body = {"data": {"object_data": {"dataObjectApiName": CASE}}}
        await http.post(crm.url + wire.traced(wire.path(CASE, "create")), json=body, headers=headers)
        assert crm.books.flows_started == 2
    assert lines == ["token", f"create {FOLLOW_UP}", f"create {CASE}"]
    assert fxiaoke_line("query", b"<", "empty") == "query ? → 开关 switch: empty"


def test_fxiaoke_simulator_every_switch_can_be_turned_and_is_shown() -> None:
    crm = simulated()
    for fault in switch_names(FxiaokeFault):
        fxiaoke_switches(crm).turn_by_name(Turn(fault=fault))
    state = fxiaoke_switches(crm).state()
    assert state["on"] == [*switch_names(FxiaokeFault)]
    assert state["records"] == [{"object": CASE, "id": "case-1", "created": 1}]
