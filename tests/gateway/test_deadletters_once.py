"""An idempotency key in the dead-letter room: one effect and one answer, whoever comes again and whatever fails."""

import asyncio
from typing import Any

import pytest

from bus.delivery import target_state
from bus.gateway.ports import IdempotentRequest, StoredResponse
from bus.gateway.write.idempotency_store import act_idempotently
from bus.intake.command_ids import command_id
from bus.postgres.pool import Connection
from tests.gateway.real_deadletters import FREEZE, NOON, WHY, DeadLetterApi, api, refused
from tests.store.conftest import database, pool

__all__ = ["api", "database", "pool"]


async def test_deadletters_once_a_key_acts_once_and_is_answered_alike(api: DeadLetterApi) -> None:
    number = await api.letter()
    for path, body in (
        ("/v1/deadletters/redrives", FREEZE),
        ("/v1/deadletters/retry", {"letters": [number], **WHY}),
        ("/v1/deliveries/erp/pause", WHY),
    ):
        first = await api.post(path, body, key=f"key of {path}".replace(" ", "-"))
        assert first.status_code in {200, 201}, first.text
        before = await api.everything()
        again = await api.post(path, body, key=f"key-of-{path}")
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert again.headers["idempotent-replayed"] == "true"
        assert await api.everything() == before
        other = await api.post(path, {**body, "why": "another"}, key=f"key-of-{path}")
        assert refused(other) == (422, "idempotency_key_reused", "Idempotency-Key")


async def test_deadletters_once_a_late_repeat_does_not_pause_again_what_was_resumed(api: DeadLetterApi) -> None:
    await target_state.begin(api.delivery_queue.pool, "erp")
    for _ in range(2):
        assert (await api.post("/v1/deliveries/erp/pause", WHY, key="pause-1")).status_code == 200
        await api.post("/v1/deliveries/erp/resume")
    (one,) = (await api.get("/v1/deliveries"))["deliveries"]
    assert one["paused"] is None


async def test_deadletters_once_many_with_one_key_freeze_one_set_and_of_many_who_decide_one_does(
    api: DeadLetterApi,
) -> None:
    number = await api.letter()
    answers = await asyncio.gather(*[api.post("/v1/deadletters/redrives", FREEZE, key="same") for _ in range(30)])
    assert {(answer.status_code, answer.json()["id"]) for answer in answers} == {(201, answers[0].json()["id"])}
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    retry = {"letters": [number], **WHY}
    answers = await asyncio.gather(*[api.post("/v1/deadletters/retry", retry) for _ in range(10)])
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 9]


async def test_deadletters_once_what_fails_in_the_middle_leaves_neither_its_effect_nor_its_key(
    api: DeadLetterApi,
) -> None:
    pool, told = api.delivery_queue.pool, dict[str, Any]()
    await target_state.begin(pool, "erp")
    request = IdempotentRequest(by="a-sre", at=NOON, command_id=command_id("a-sre", "k"), fingerprint="f")

    async def killed(connection: Connection) -> dict[str, Any]:
        await target_state.pause(connection, "erp", by="li", why="never")
        raise asyncio.CancelledError

    async def paused(connection: Connection) -> dict[str, Any]:
        await target_state.pause(connection, "erp", by="li", why="now")
        return told

    with pytest.raises(asyncio.CancelledError):
        await act_idempotently(pool, request, killed)
    assert (await api.get("/v1/deliveries"))["deliveries"][0]["paused"] is None
    assert await act_idempotently(pool, request, paused) == StoredResponse(content=told, repeated=False)
    assert await act_idempotently(pool, request, killed) == StoredResponse(content=told, repeated=True)


async def test_deadletters_once_a_refusal_leaves_the_key_free(api: DeadLetterApi) -> None:
    path, body = "/v1/deliveries/erp/resume", dict[str, str]()
    await target_state.begin(api.delivery_queue.pool, "erp")
    assert (await api.post(path, body, key="resume-1")).status_code == 409
    await api.done("/v1/deliveries/erp/pause", WHY)
    assert (await api.post(path, body, key="resume-1")).status_code == 200
