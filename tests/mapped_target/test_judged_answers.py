"""What answers mean by a target's map: the first failure that fits, then success, and what is left as usual."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.mapped_target.judged_answers import judge_confirmed, judge_sent, with_answer
from adapters.mapped_target.options import ConfirmMap, Criterion, FailureRule
from adapters.outbound_http import HttpResponse
from bus.delivery.target import DeliveryFailed, FailureKind

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
DOCUMENT: dict[str, Any] = {"key": "key-1", "event": {"text": "x"}, "ticket": {"source_no": "7"}}
FAILURES = [
    {"status": [400, 409], "when": "answer.code == 'busy'", "kind": "unavailable"},
    {"status": 400, "kind": "unauthorized"},
    {"when": "answer.code == 'slow'", "kind": "throttled"},
    {"when": "starts_with(answer.code, 'E')", "kind": "rejected"},
    {"status": 404, "kind": "unknown"},
]
RULES = [(f"failures.{number}", FailureRule.model_validate(one)) for number, one in enumerate(FAILURES)]
CONFIRM = ConfirmMap.model_validate(
    {
        "path": "/x",
        "found": "answer.total > `0` && answer.ref == key",
        "not_found": {"status": [200, 404], "when": "answer.total == `0`"},
    }
)


def http(status: int, body: Any, **headers: str) -> HttpResponse:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return HttpResponse(status=status, headers={"content-type": "application/json", **headers}, body=content)


def sent(answer: HttpResponse, success: object = None) -> FailureKind | None:
    rule = Criterion.model_validate(success) if success else None
    try:
        judge_sent(answer, with_answer(DOCUMENT, answer), success=rule, failures=RULES, now=NOW)
    except DeliveryFailed as failed:
        return failed.kind
    return None


def confirmed(answer: HttpResponse) -> bool | FailureKind:
    try:
        return judge_confirmed(answer, with_answer(DOCUMENT, answer), confirm=CONFIRM, failures=RULES, now=NOW)
    except DeliveryFailed as failed:
        return failed.kind


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"code": "busy"}, FailureKind.UNAVAILABLE),
        (409, {"code": "busy"}, FailureKind.UNAVAILABLE),
        (400, {"code": "other"}, FailureKind.UNAUTHORIZED),
        (400, b"<html>", FailureKind.UNAUTHORIZED),
        (200, {"code": "slow"}, FailureKind.THROTTLED),
        (201, {"code": "E17"}, FailureKind.REJECTED),
        (404, {"code": 7}, FailureKind.UNKNOWN),  # starts_with() takes no number: that rule does not hold
        (422, {"code": 7}, FailureKind.REJECTED),
        (500, {"code": "x"}, FailureKind.UNKNOWN),
        (200, {"code": 0}, None),
        (200, {"code": 17}, FailureKind.UNKNOWN),
    ],
)
def test_mapped_target_answers_the_first_failure_that_fits_counts_and_the_rest_is_as_usual(
    status: int, body: Any, kind: FailureKind | None
) -> None:
    assert sent(http(status, body)) is kind


@pytest.mark.parametrize(
    ("success", "status", "body", "kind"),
    [
        ({"when": "answer.errcode == '0'"}, 200, {"errcode": "0"}, None),
        ({"when": "answer.errcode == '0'"}, 200, {"errcode": 0}, FailureKind.UNKNOWN),
        ({"when": "answer.errcode == '0'"}, 200, {}, FailureKind.UNKNOWN),
        ({"when": "answer.errcode == '0'"}, 500, {"errcode": "0"}, FailureKind.UNKNOWN),
        ({"when": "answer.code == `1`"}, 200, {"code": 1}, None),  # which by itself would be a failure
        ({"when": "answer == 'OK'"}, 200, b"OK", None),
        ({"when": "headers.location"}, 201, b"", FailureKind.UNKNOWN),
        ({"status": 201}, 201, b"", None),
        ({"status": 201}, 200, b"", FailureKind.UNKNOWN),
        ({"status": [200, 409]}, 409, {"error": "already there"}, None),
        ({"status": [200, 409]}, 200, {"error": "locked"}, FailureKind.UNKNOWN),
        ({"status": 409, "when": "answer.same"}, 409, {"same": True}, None),
        ({"status": 409, "when": "answer.same"}, 409, {"same": False}, FailureKind.UNAVAILABLE),
    ],
)
def test_mapped_target_answers_success_is_what_the_map_says(
    success: dict[str, Any], status: int, body: Any, kind: FailureKind | None
) -> None:
    assert sent(http(status, body), success) is kind


def test_mapped_target_answers_one_that_came_in_part_is_no_success() -> None:
    answer = HttpResponse(status=200, headers={}, body=b'{"errcode": "0"}', cut="cut")
    assert sent(answer, {"when": "status == `200`"}) is FailureKind.UNKNOWN
    assert confirmed(HttpResponse(status=200, headers={}, body=b'{"total":0}', cut="cut")) is FailureKind.UNAVAILABLE


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (200, {"total": 1, "ref": "key-1"}, True),
        (200, {"total": 1, "ref": "key-2"}, FailureKind.UNAVAILABLE),
        (200, {"total": 0}, False),
        (404, {"total": 0}, FailureKind.UNAVAILABLE),  # of `failures`, which are looked at first
        (200, {}, FailureKind.UNAVAILABLE),
        (200, b"<html>", FailureKind.UNAVAILABLE),
        (200, {"code": "slow"}, FailureKind.THROTTLED),
        (401, {}, FailureKind.UNAUTHORIZED),
        (500, {"total": 0}, FailureKind.UNAVAILABLE),
    ],
)
def test_mapped_target_answers_a_question_is_answered_by_found_or_not_found_alone(
    status: int, body: Any, found: bool | FailureKind
) -> None:
    assert confirmed(http(status, body)) is found


def test_mapped_target_answers_a_failure_has_what_the_other_side_asked_for_and_its_words() -> None:
    answer = http(200, {"code": "slow", "message": "请稍后"}, **{"retry-after": "7"})
    with pytest.raises(DeliveryFailed) as failed:
        judge_sent(answer, with_answer(DOCUMENT, answer), success=None, failures=RULES, now=NOW)
    assert (failed.value.retry_after_s, failed.value.status, failed.value.message) == (7.0, 200, "请稍后")
    assert "failures.2" in failed.value.detail


@settings(max_examples=40)
@given(
    st.integers(100, 599),
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
        lambda each: st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(["code", "total", "ref", "x"]), each),
    ).map(orjson.dumps),
    st.booleans(),
)
def test_mapped_target_answers_whatever_comes_is_judged(status: int, body: bytes, cut: bool) -> None:
    answer = HttpResponse(status=status, headers={}, body=body, cut="cut" if cut else "")
    assert isinstance(sent(answer, {"when": "answer.code == `0`"}), FailureKind | None)
    assert isinstance(confirmed(answer), bool | FailureKind)
