"""The interface as its document describes it: what that allows is well-formed, what it forbids is a problem."""

import asyncio
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core import NotSet
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from bus.gateway.http.openapi import document
from bus.gateway.http.routing import HttpRoute
from tests.fuzz.in_process import InProcess, in_process
from tests.fuzz.judge import faults
from tests.fuzz.shots import Answer, Shot
from tests.gateway.conftest import Gateway
from tests.gateway.described import Described

pytestmark = pytest.mark.usefixtures("quiet")

NOT_AS_DESCRIBED = {
    (400, "unknown_field"),
    (400, "wrong_type"),
    (400, "unknown_word"),  # with 422 it is a word that the rules do not know: those are no part of the document
    (400, "idempotency_key_missing"),
    (400, "idempotency_key_malformed"),
}
"""Refusals that nobody gets who keeps to the document."""
SERVED = [route for feature in Gateway().features() for route in feature if isinstance(route, HttpRoute)]
OPERATIONS = [
    one.ok() for one in schemathesis.openapi.from_dict(document(SERVED)).get_all_operations() if isinstance(one, Ok)
]
AS_DESCRIBED = Described(lambda: document(SERVED))


def shot_of(case: Any) -> Shot:
    """Spell a case as a request of the administrator."""
    given_headers = {name.lower(): str(value) for name, value in (case.headers or {}).items()}
    given_headers["authorization"] = "Bearer admin"
    headers = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in given_headers.items())
    match case.body:
        case bytes():
            body = case.body
        case NotSet():
            body = b""
        case value:
            body = json.dumps(_plain(value)).encode()
    query = "?" + urlencode(case.query, doseq=True, errors="replace") if case.query else ""
    target = case.operation.path.format(**(case.path_parameters or {})) + query
    return Shot(method=case.method.upper(), target=target.encode("ascii"), headers=headers, body=body)


def _plain(value: Any) -> Any:
    """Spell 2.0 as 2, as encoders do: to the document both are integers, the door wants it without a fraction."""
    match value:
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


@pytest.fixture(scope="module")
def endpoint() -> Iterator[tuple[asyncio.Runner, InProcess, str]]:
    """Run one gateway for all operations, in a loop that Hypothesis can call into; and a ticket for them."""
    with asyncio.Runner() as runner:
        context = in_process()
        one = runner.run(context.__aenter__())
        yield runner, one, runner.run(one.tickets())[0]
        runner.run(context.__aexit__(None, None, None))


@pytest.mark.parametrize("examples", [4, pytest.param(100, marks=[pytest.mark.faults, pytest.mark.timeout(900)])])
@pytest.mark.parametrize("mode", GenerationMode, ids=lambda one: one.value)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.label)
def test_the_document_and_the_door_agree(
    operation: Any, mode: GenerationMode, examples: int, endpoint: tuple[asyncio.Runner, InProcess, str], chance: Random
) -> None:
    runner, one, ticket = endpoint
    named = {"ticket_id": ticket} if "{ticket_id}" in operation.path else None

    @seed(chance.getrandbits(32))
    @given(operation.as_strategy(generation_mode=mode, path_parameters=named))
    @settings(max_examples=examples, database=None, suppress_health_check=list(HealthCheck))
    def agree(case: Any) -> None:
        shot = shot_of(case)
        answer = judge(shot, mode, lambda shot: runner.run(one.fire(shot)))
        asked = httpx2.Request(shot.method, f"http://bus{shot.target.decode()}")
        given = httpx2.Response(answer.status, headers=dict(answer.headers), content=answer.body, request=asked)
        runner.run(AS_DESCRIBED(given))

    try:
        agree()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # it takes nothing that could be wrong


def judge(shot: Shot, mode: GenerationMode, fire: Callable[[Shot], Answer]) -> Answer:
    """Hold one answer against the judge, and against what the document promises; gives the answer."""
    answer = fire(shot)
    assert faults(shot, answer) == [], shot.told()
    if mode is GenerationMode.POSITIVE:
        assert (answer.status, answer.member("code")) not in NOT_AS_DESCRIBED, (shot.told(), answer.body)
    return answer
