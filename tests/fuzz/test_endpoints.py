"""Ten thousand mutations a door: each is taken, or refused with a problem that says what is wrong, and kept once."""

from collections import Counter
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any
from unittest.mock import AsyncMock

import pytest

from tests.fuzz.endpoints import METHODS, PATHS, Endpoint, HttpEndpoint, WebhookEndpoint
from tests.fuzz.in_process import InProcess, in_process
from tests.fuzz.judge import faults, kept_as
from tests.fuzz.shots import Shot

pytestmark = pytest.mark.usefixtures("quiet")

SHOTS_PER_CAST = 250


def often(test: Callable[..., Coroutine[None, None, None]]) -> Any:
    """Run a test with ten thousand shots, and where faults are looked for with ten times as many."""
    many = pytest.param(100_000, marks=[pytest.mark.faults, pytest.mark.timeout(1800)])
    return pytest.mark.parametrize("shots", [10_000, many])(test)


async def bombard(
    one: InProcess, endpoint: Endpoint, shots: int, *, new_casts: bool = True
) -> tuple[list[str], Counter[str], set[str]]:
    """Fire; gives what was wrong, what was answered how often, and what is to be kept of what was refused."""
    wrong, met, to_keep = [], Counter[str](), set[str]()
    for number in range(shots):
        if new_casts and isinstance(endpoint, HttpEndpoint) and number % SHOTS_PER_CAST == 0:
            endpoint.tickets = await one.tickets()
        shot = endpoint.shot()
        answer = await one.fire(shot)
        wrong += [f"{fault}\n    {shot.told()}" for fault in faults(shot, answer)]
        met[str(answer.member("code") or answer.status)] += 1
        to_keep |= kept_as(shot, answer, "a-admin")
        endpoint.learn(shot, answer)
    return wrong, met, to_keep


@often
async def test_clients_send_garbage(chance: Random, shots: int) -> None:
    async with in_process() as one:
        endpoint = HttpEndpoint(chance=chance, tickets=(), token=b"admin")
        wrong, met, to_keep = await bombard(one, endpoint, shots)
        assert wrong[:5] == []
        assert {ref for origin, ref in one.gateway.refused.kept if origin == "http"} == to_keep
        assert {"200", "201", "not_json", "too_deep", "nul", "lone_surrogate", "unknown_field", "wrong_type", "not_now",
                "body_too_large", "content_encoding", "idempotency_key_reused", "idempotency_key_malformed", "too_long",
                "cursor_malformed", "out_of_range", "not_authenticated"} <= set(met)  # fmt: skip


@often
async def test_a_source_sends_garbage(chance: Random, shots: int) -> None:
    async with in_process() as one:
        wrong, met, to_keep = await bombard(one, WebhookEndpoint(chance=chance), shots)
        assert wrong[:5] == []
        assert {ref.partition("#")[0] for origin, ref in one.gateway.refused.kept if origin == "webhook:crm"} == to_keep
        assert {"200", "201", "not_json", "nul", "wrong_value", "missing", "bad_signature", "stale_delivery",
        "missing_header",
                "idempotency_key_reused", "unknown_type", "not_now", "no_such_source",
                "body_too_large"} <= set(met)  # fmt: skip


async def test_every_odd_address_is_answered_to_every_method() -> None:
    async with in_process() as one:
        for target in PATHS:
            for method in METHODS:
                for token in (b"admin", b"nobody"):
                    shot = Shot(
                        method=method, target=target, headers=((b"authorization", b"Bearer " + token),), body=b"{}"
                    )
                    assert faults(shot, await one.fire(shot)) == [], shot.told()


async def crashes(one: InProcess, endpoint: Endpoint) -> bool:
    """Fire until a crash shows, 5,000 shots at most: a source's long texts are often fields that nobody reads."""
    for _ in range(25):
        wrong, _, _ = await bombard(one, endpoint, 200, new_casts=False)
        if any(found.startswith("answered 500") for found in wrong):
            return True
    return False


async def test_a_planted_crash_is_found_at_both_doors(monkeypatch: pytest.MonkeyPatch, chance: Random) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError

    async with in_process() as one:
        tickets = await one.tickets()
        for where in ("bus.wire.json_body._too_deep", "bus.intake.command_bodies._check_length"):
            with monkeypatch.context() as planted:
                planted.setattr(where, crash)
                for endpoint in (
                    HttpEndpoint(chance=chance, tickets=tickets, token=b"admin"),
                    WebhookEndpoint(chance=chance),
                ):
                    assert await crashes(one, endpoint)


async def test_a_refusal_that_is_not_kept_is_found(monkeypatch: pytest.MonkeyPatch, chance: Random) -> None:
    async with in_process() as one:
        endpoint = HttpEndpoint(chance=chance, tickets=await one.tickets(), token=b"admin")
        for keeps in ("routes.tickets", "write.ticket_command"):
            monkeypatch.setattr(f"bus.gateway.{keeps}.keep_refused", AsyncMock())
        _, _, to_keep = await bombard(one, endpoint, 200, new_casts=False)
        assert to_keep
        assert not one.gateway.refused.kept
