"""Times, digests, addresses and quantities that cannot be meant are refused by the field and how to spell it."""

from datetime import timedelta

import pytest

from bus.domain.errors import CommandRefused
from bus.domain.terms import TicketId
from bus.gateway.http.request_models import read
from bus.gateway.routes.practice import PlayStep
from tests.gateway.by_role import OPENING
from tests.gateway.conftest import PERSON, Gateway

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize("field", ["at", "opened_at"])
@pytest.mark.parametrize("number", [1_700_000_000, "1700000000", 1_700_000_000_000, "1700000000000", 0, "", True, []])
async def test_values_http_a_number_of_seconds_is_no_time(gateway: Gateway, field: str, number: object) -> None:
    answer = await gateway.post("/v1/tickets", {**OPENING, field: number})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "wrong_type", field)
    assert "+08:00" in answer.json()["detail"]


async def test_values_http_a_number_of_seconds_is_no_expected_time(gateway: Gateway) -> None:
    ticket = await gateway.opened()
    await gateway.post(f"/v1/tickets/{ticket}/assign", {"assignee": PERSON})
    answer = await gateway.post(f"/v1/tickets/{ticket}/depart", {"expected_at": 1_700_000_000})
    assert (answer.status_code, answer.json()["field"]) == (400, "expected_at")


async def test_values_http_a_report_that_comes_before_what_it_reports_is_refused(gateway: Gateway) -> None:
    now = gateway.deps.now()
    at = now.replace(microsecond=0) - timedelta(minutes=2)
    for ahead, status in ((timedelta(seconds=1), 422), (timedelta(milliseconds=900), 201), (timedelta(), 200)):
        times = {"at": at.isoformat(), "opened_at": (at + ahead).isoformat()}
        answer = await gateway.post("/v1/tickets", {**OPENING, **times})
        assert answer.status_code == status, answer.text
        if status == 422:
            assert (answer.json()["code"], answer.json()["field"]) == ("after_at", "opened_at")
    clock_ahead = {"opened_at": (now + timedelta(seconds=30)).isoformat()}  # without `at`: the source's clock is ahead
    assert (await gateway.post("/v1/tickets", {**OPENING, **clock_ahead})).status_code == 200


@pytest.mark.parametrize(
    ("uri", "sha256", "field"),
    [
        ("s3:", "", "uri"),
        ("s3://", "", "uri"),
        ("photo:", "", "uri"),
        ("mailto:a@a.cn", "", "uri"),
        ("https://a.cn/1.jpg", "abc", "sha256"),
        ("https://a.cn/1.jpg", "g" * 64, "sha256"),
        ("https://a.cn/1.jpg", HEX + "0", "sha256"),
        ("https://a.cn/1.jpg", HEX[1:] + "\uff11", "sha256"),
        ("https://a.cn/1.jpg", HEX[:32] + "\n" + HEX[32:], "sha256"),
    ],
)
async def test_values_http_evidence_names_an_address_and_a_digest_that_are_ones(
    gateway: Gateway, uri: str, sha256: str, field: str
) -> None:
    ticket = await gateway.opened()
    answer = await gateway.post(f"/v1/tickets/{ticket}/add-evidence", {"kind": "photo", "uri": uri, "sha256": sha256})
    assert (answer.status_code // 100, answer.json()["field"]) == (4, field)


async def test_values_http_evidence_that_can_be_one_is_taken_its_digest_in_lower_case(gateway: Gateway) -> None:
    ticket = await gateway.opened()
    for uri, sha256 in (("https://a.cn/%E5%9B%BE/图.jpg?x=1#y", HEX.upper()), ("s3://b/k", ""), ("oss://b/k", HEX)):
        body = {"kind": "photo", "uri": uri, "sha256": sha256}
        assert (await gateway.post(f"/v1/tickets/{ticket}/add-evidence", body)).status_code == 200, uri
    digests = [getattr(one.event, "sha256", None) for one in gateway.store.log[TicketId(ticket)][1:]]
    assert digests == [HEX, "", HEX]


async def test_values_http_a_value_of_a_wrong_type_is_answered_with_the_type_that_is_wanted(gateway: Gateway) -> None:
    ticket = await gateway.opened()
    bi = {"client": "bi", "owner": "数据组", "contact": "bi@corp", "topics": ["ticket.assign"]}
    for path, body, zh, en in (
        (f"tickets/{ticket}/request-parts", {"parts": [{"part_no": "p", "quantity": "1"}]}, "整数", "a whole number"),
        (f"tickets/{ticket}/request-parts", {"parts": 1}, "列表", "a list"),
        (f"tickets/{ticket}/note", {"text": 3}, "文本", "a text"),
        (f"tickets/{ticket}/assign", {"assignee": "王工"}, "对象(名称和值)", "an object"),
        ("subscriptions", {**bi, "rate": "viel"}, "数字", "a number"),
        ("subscriptions", {**bi, "owner": 3}, "文本", "a text"),
        ("subscriptions", {**bi, "topics": "ticket.assign"}, "列表", "a list"),
    ):
        problem = (await gateway.post(f"/v1/{path}", body)).json()
        assert problem["code"] == "wrong_type", problem
        assert problem["detail"] == f"“{problem['field']}”须为{zh}"
        assert problem["detail_en"].startswith(f"{problem['field']} must be {en}")
    with pytest.raises(CommandRefused) as refused:
        read(PlayStep, {"ticket_id": ticket, "role": "leed"})
    assert refused.value.zh == "“role”只能用:dispatcher、engineer、lead、customer"
    below = await gateway.post("/v1/subscriptions", {**bi, "rate": -5})
    assert (below.json()["code"], below.json()["field"]) == ("out_of_range", "rate")


@pytest.mark.parametrize("quantity", [0, -1, 1_000_000, 1_000_001, 2**40])
async def test_values_http_a_quantity_has_one_limit(gateway: Gateway, quantity: int) -> None:
    ticket = await gateway.opened()
    body = {"parts": [{"part_no": "p", "quantity": quantity}]}
    answer = await gateway.post(f"/v1/tickets/{ticket}/request-parts", body)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (
        400, "out_of_range", "parts.quantity"
    )  # fmt: skip
    assert "1 至 999999" in answer.json()["detail"]
