"""What is asked of the dead-letter room and cannot be: each refusal names its field, and nothing is ordered."""

from collections.abc import Mapping
from typing import Any

import pytest

from bus.gateway.routes.deadletter_requests import LETTERS_MAX, EditLetter, FreezeRedrive, RunRedrive
from tests.gateway.conftest import Gateway
from tests.gateway.fake_deadletters import FakeDeadLetters

WHY = {"why": "物料已建档"}
ERP = {"target": "erp", **WHY}
RETRY, FREEZE, EDIT = "deadletters/retry", "deadletters/redrives", "deadletters/7/edit"
ASKED = [
    (RETRY, {"letters": [], **WHY}, "out_of_range", "letters"),
    (RETRY, {"letters": [*range(1, LETTERS_MAX + 2)], **WHY}, "out_of_range", "letters"),
    (RETRY, {"letters": [1, 0], **WHY}, "out_of_range", "letters.1"),
    (RETRY, {"letters": [2**63], **WHY}, "out_of_range", "letters.0"),
    (RETRY, {"letters": [True], **WHY}, "wrong_type", "letters.0"),
    (RETRY, {"letters": ["1"], **WHY}, "wrong_type", "letters.0"),
    (RETRY, {"letters": 1, **WHY}, "wrong_type", "letters"),
    (RETRY, WHY, "missing", "letters"),
    (RETRY, {"letters": [1]}, "missing", "why"),
    (RETRY, {"letters": [1], "why": " \t"}, "missing", "why"),
    (RETRY, {"letters": [1], "why": "x" * 501}, "out_of_range", "why"),
    (RETRY, {"letters": [1], "by": "somebody", **WHY}, "unknown_field", "by"),
    (EDIT, WHY, "missing", "changes"),
    (EDIT, {"changes": {"text": "x"}, "body": "x", **WHY}, "missing", "changes"),
    (EDIT, {"changes": {}, **WHY}, "out_of_range", "changes"),
    (EDIT, {"letter": 8, "changes": {"text": "x"}, **WHY}, "unknown_field", "letter"),
    (FREEZE, WHY, "missing", "target"),
    (FREEZE, {**ERP, "target": ""}, "missing", "target"),
    (FREEZE, {**ERP, "rate_per_s": 0}, "out_of_range", "rate_per_s"),
    (FREEZE, {**ERP, "rate_per_s": -1}, "out_of_range", "rate_per_s"),
    (FREEZE, {**ERP, "rate_per_s": 1e300}, "out_of_range", "rate_per_s"),
    (FREEZE, {**ERP, "rate_per_s": "NaN"}, "wrong_type", "rate_per_s"),
    (FREEZE, {**ERP, "canary": 0}, "out_of_range", "canary"),
    (FREEZE, {**ERP, "canary": 2**31}, "out_of_range", "canary"),
    (FREEZE, {**ERP, "canary": 2.5}, "wrong_type", "canary"),
    (FREEZE, {**ERP, "watch_s": -1}, "out_of_range", "watch_s"),
    (FREEZE, {**ERP, "watch_s": 1e300}, "out_of_range", "watch_s"),
    (FREEZE, {**ERP, "knid": "rejected"}, "unknown_field", "knid"),
    ("deadletters/redrives/3/run", WHY, "unknown_field", "why"),
    ("deadletters/redrives/3/stop", {}, "missing", "why"),
    ("deliveries/erp/pause", {}, "missing", "why"),
    ("deliveries/erp/resume", {"target": "erp"}, "unknown_field", "target"),
]


@pytest.mark.parametrize(("path", "body", "code", "field"), ASKED)
async def test_deadletters_asked_an_order_that_cannot_be_is_refused_and_the_field_named(
    gateway: Gateway, *, path: str, body: Mapping[str, Any], code: str, field: str
) -> None:
    answer = await gateway.post(f"/v1/{path}", body, role="sre")
    told = answer.json()
    assert (answer.status_code, told["code"], told["field"]) == (422, code, field)
    assert told["detail"] != told["detail_en"]
    assert ordered(gateway) == []


async def test_deadletters_asked_a_field_that_is_none_is_told_with_the_nearest(gateway: Gateway) -> None:
    answer = await gateway.post(f"/v1/{FREEZE}", {**ERP, "knid": "rejected"})
    assert answer.json()["nearest"] == "kind"
    listing = await gateway.get("/v1/deadletters?targte=erp")
    assert (listing.status_code, listing.json()["code"], listing.json()["nearest"]) == (400, "unknown_field", "target")


async def test_deadletters_asked_a_body_that_is_no_json_a_nul_and_a_missing_key_are_refused_as_everywhere(
    gateway: Gateway,
) -> None:
    for content, code in (
        (b'{"rate_per_s": NaN}', "not_json"),
        (b"[]", "not_an_object"),
        (rb'{"why":"\u0000"}', "nul"),
    ):
        answer = await gateway.post(f"/v1/{FREEZE}", content=content)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
    for headers, code in (({}, "idempotency_key_missing"), ({"Idempotency-Key": "a b"}, "idempotency_key_malformed")):
        for path in (RETRY, FREEZE, "deliveries/erp/resume"):
            answer = await gateway.http.post(f"/v1/{path}", headers={"Authorization": "Bearer sre", **headers})
            assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert (await gateway.get("/v1/deadletters?origin=a%00b")).json()["code"] == "nul"
    assert (await gateway.post("/v1/deliveries/%00/resume", content=b"{}")).json()["code"] == "nul"
    assert ordered(gateway) == []


@pytest.mark.parametrize("path", ["x", "0", "-1", "3.0", "9223372036854775808"])
async def test_deadletters_asked_a_path_that_names_nothing_is_not_found(gateway: Gateway, path: str) -> None:
    for where, body, code in (
        (f"deadletters/{path}/edit", {"body": "x", **WHY}, "letter_gone"),
        (f"deadletters/redrives/{path}/run", {}, "redrive_gone"),
    ):
        answer = await gateway.post(f"/v1/{where}", body)
        assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert ordered(gateway) == []


async def test_deadletters_asked_what_is_left_out_has_the_commands_defaults_and_the_path_is_part_of_the_order(
    gateway: Gateway,
) -> None:
    await gateway.post(f"/v1/{FREEZE}", ERP)
    await gateway.post("/v1/deadletters/redrives/3/run")
    await gateway.post(f"/v1/{EDIT}", {"body": "{}", **WHY}, role="sre")
    assert ordered(gateway) == [
        FreezeRedrive(target="erp", canary=5, watch_s=10.0, rate_per_s=10.0, why=WHY["why"]),
        RunRedrive(redrive=3),
        EditLetter(letter=7, body="{}", why=WHY["why"]),
    ]
    assert isinstance(gateway.dead_letters, FakeDeadLetters)
    assert [deed.by for _, deed in gateway.dead_letters.done] == ["a-admin", "a-admin", "a-sre"]


async def test_deadletters_asked_the_description_says_what_the_room_takes(gateway: Gateway) -> None:
    paths = (await gateway.http.get("/openapi.json")).json()["paths"]
    described = {path: one for path, one in paths.items() if path.startswith(("/v1/deadletters", "/v1/deliveries"))}
    assert sum(len(methods) for methods in described.values()) == 17
    freeze = described["/v1/deadletters/redrives"]["post"]
    schema = freeze["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["rate_per_s"]["minimum"] == 0.01
    assert schema["additionalProperties"] is False
    assert "sre, admin" in freeze["description"]
    resume = described["/v1/deliveries/{target}/resume"]["post"]
    assert [freeze["requestBody"]["required"], resume["requestBody"]["required"]] == [True, False]
    edit = described["/v1/deadletters/{letter}/edit"]["post"]
    assert "letter" not in edit["requestBody"]["content"]["application/json"]["schema"]["properties"]
    operations = [one["operationId"] for methods in paths.values() for one in methods.values() if "operationId" in one]
    assert len(operations) == len(set(operations))


def ordered(gateway: Gateway) -> list[object]:
    """Give the orders that came through."""
    assert isinstance(gateway.dead_letters, FakeDeadLetters)
    return [order for order, _ in gateway.dead_letters.done]
