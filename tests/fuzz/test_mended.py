"""What garbage has found once, told by name."""

import time

import orjson
import pytest

from bus.domain.errors import MalformedInput
from bus.domain.terms import TraceId
from bus.domain.text import Text
from bus.gateway.http.problems import TEXT_CHARS_MAX, HttpProblem, body_of
from bus.intake.command_requests import opening_request
from bus.wire.json_body import NAME_CHARS_SHOWN, read_object
from tests.fuzz.in_process import in_process
from tests.fuzz.shots import Shot
from tests.gateway.by_role import OPENING
from tests.schemas.codecs import NOW


def test_depth_that_only_a_reader_of_another_encoding_sees_is_no_json() -> None:
    with pytest.raises(MalformedInput, match="not_utf8"):
        read_object('["嬢",'.encode("utf-16-le") + "[".encode("utf-16-le") * 3000)


def test_a_long_text_is_looked_through_in_runs() -> None:
    body = orjson.dumps({"description": "界" * 80_000, "more": [[]] * 40})
    began = time.process_time()
    for _ in range(20):
        read_object(body)
    assert time.process_time() - began < 1.0  # byte by byte it took 0.1 s each, while nobody else was served


@pytest.mark.parametrize(("name", "field"), [("", "''"), ("n" * 200_000, "n" * NAME_CHARS_SHOWN)])
def test_a_field_that_is_not_there_is_named_in_few_words(name: str, field: str) -> None:
    body = orjson.dumps({**OPENING, name: 1})
    with pytest.raises(MalformedInput) as refused:
        opening_request(
            source="crm",
            client="c",
            headers={"idempotency-key": "k"},
            body=body,
            received_at=NOW,
            trace_id=TraceId("ab" * 16),
        )
    assert (refused.value.code, refused.value.field) == ("unknown_field", field)


def test_a_problem_is_never_longer_than_anybody_reads() -> None:
    told = body_of(HttpProblem(404, "x", "f" * 9999, Text("长" * 9999, "l" * 9999)), "ab" * 16)
    assert max(len(told["field"]), len(told["detail"]), len(told["detail_en"])) <= TEXT_CHARS_MAX + 1


@pytest.mark.parametrize("limit", ["000000001" + "9" * 5000, "0000000019999999", "0", "501", "²"])
async def test_a_limit_is_a_small_number_however_it_is_spelled(limit: str) -> None:
    async with in_process() as one:
        target = f"/v1/tickets?limit={limit}".encode("ascii", "replace")
        answer = await one.fire(Shot(method="GET", target=target, headers=((b"authorization", b"Bearer admin"),)))
        assert (answer.status, answer.member("field")) == (400, "limit")
