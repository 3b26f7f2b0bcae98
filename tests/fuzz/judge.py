"""The one judge of every door: what may be answered to garbage, and what may stand in the log afterwards."""

from collections.abc import Iterable

import orjson

from bus.intake.command_ids import command_id, spelled_key
from tests.fuzz.shots import Answer, Shot

PROBLEM_BYTES_MAX = 16 * 1024
MEMBERS = {"type", "title", "status", "code", "field", "detail", "detail_en", "trace_id"}
SECRET_WORD = "绝密"
PERSONAL = (SECRET_WORD, "13812345678", "13912345678")
"""What the valid bodies hold of persons, and what must not reach a log."""
CRASHES = ("Traceback", '"exc_info"', '"exception"', "request failed", "an invariant is broken")


NOT_KEPT = {
    "not_authenticated", "not_allowed", "no_such_path", "no_such_command", "no_such_source",
    "method_not_allowed", "body_too_large",
    "content_encoding", "in_flight", "not_http", "head_too_large", "idempotency_key_missing",
    "idempotency_key_malformed", "missing_header", "bad_signature",
    "stale_delivery", "repeated_header", "timestamp_not_seconds", "bad_timestamp", "secret_not_set",
}  # fmt: skip
"""Refusals of what has no proven sender, no key or no body worth keeping: they leave an answer and a log line only."""


def faults(shot: Shot, answer: Answer) -> list[str]:
    """Say what is wrong with an answer; nothing when it is as it should be. Pure."""
    if answer.status < 400:
        return [] if 200 <= answer.status < 300 else [f"answered {answer.status}"]
    if answer.status >= 500:
        return [f"answered {answer.status}: {answer.body[:300]!r}"]
    if shot.method == "HEAD":
        return []
    if answer.headers.get("content-type") != "application/problem+json":
        return [f"no problem: {answer.status} {answer.headers.get('content-type')} {answer.body[:200]!r}"]
    return _problem_faults(answer)


def _problem_faults(answer: Answer) -> list[str]:
    try:
        told = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return [f"no JSON: {answer.body[:200]!r}"]
    if missing := MEMBERS - set(told):
        return [f"without {missing}"]
    found = []
    if told["status"] != answer.status:
        found.append(f"says {told['status']}, is {answer.status}")
    if not told["field"]:
        found.append(f"{told['code']} names no field")
    if not told["detail"] or not told["detail_en"] or told["detail"] == told["detail_en"]:
        found.append(f"{told['code']} is not told in two languages")
    if told["trace_id"] not in answer.headers.get("traceparent", ""):
        found.append("the trace is not that of the answer")
    if len(answer.body) > PROBLEM_BYTES_MAX:
        found.append(f"{told['code']} is told in {len(answer.body)} bytes: it echoes what it was sent")
    if b"Traceback" in answer.body or b'File \\"' in answer.body:
        found.append("tells a stack trace")
    return found


def kept_as(shot: Shot, answer: Answer, client: str) -> set[str]:
    """Say under which reference a refusal is kept, if it is to be. Pure."""
    if answer.status < 400 or not shot.seed or answer.member("code") in (None, *NOT_KEPT):
        return set()
    given = dict(reversed(shot.headers))  # of equal ones the first counts
    if b"/v1/sources" in shot.target:  # the id of a mapped source's may be a digest, or a field of the body
        return {given[b"webhook-id"].decode()} if b"webhook-id" in given else set()
    return {str(command_id(client, spelled_key({"idempotency-key": given[b"idempotency-key"].decode()})))}


def log_faults(lines: Iterable[str]) -> list[str]:
    """Find in a program's log what must not stand there: crashes, and persons. Pure."""
    return [f"{word}: {line[:600]}" for line in lines for word in (*CRASHES, *PERSONAL) if word in line]
