"""The judge itself: a good problem passes, and each thing that must not be is found."""

from typing import Any

import orjson
import pytest

from tests.fuzz.judge import SECRET_WORD, faults, log_faults
from tests.fuzz.shots import Answer, Shot

SHOT = Shot(method="POST", target=b"/v1/tickets", body=b"{")
TOLD: dict[str, Any] = {
    "type": "urn:x", "title": "t", "status": 400, "code": "missing", "field": "title", "detail": "缺",
    "detail_en": "missing",
    "trace_id": "ab" * 16,
}  # fmt: skip
HEADERS = {"content-type": "application/problem+json", "traceparent": f"00-{'ab' * 16}-b7ad6b7169203331-01"}


def judged(answered: int = 400, kind: str = "application/problem+json", **members: Any) -> list[str]:
    told = {name: value for name, value in {**TOLD, **members}.items() if value is not ...}
    return faults(SHOT, Answer(status=answered, headers={**HEADERS, "content-type": kind}, body=orjson.dumps(told)))


def test_a_good_problem_and_a_good_answer_pass() -> None:
    assert judged() == []
    assert faults(SHOT, Answer(status=201, headers={}, body=b"{}")) == []


@pytest.mark.parametrize("members", [
    {"status": 422}, {"field": ""}, {"code": "not_json", "field": ""}, {"field": ...}, {"detail_en": ""},
    {"detail": "missing"}, {"trace_id": "cd" * 16},
    {"detail": "x" * 20_000}, {"detail": "Traceback (most recent call last)"}, {"code": ...},
])  # fmt: skip
def test_a_problem_that_says_too_little_or_too_much_is_found(members: dict[str, Any]) -> None:
    assert judged(**members) != []


def test_a_failure_of_ours_and_what_is_no_problem_are_found() -> None:
    assert judged(500, status=500) != []
    assert judged(503, status=503) != []
    assert judged(302, status=302) != []
    assert judged(kind="text/plain") != []
    assert faults(SHOT, Answer(status=400, headers=HEADERS, body=b"{")) != []


def test_crashes_and_persons_in_a_log_are_found() -> None:
    assert log_faults(['{"event": "request_refused", "field": "title"}']) == []
    assert len(log_faults(["Traceback (most recent call last):", f"{SECRET_WORD}女士", "13912345678"])) == 3
