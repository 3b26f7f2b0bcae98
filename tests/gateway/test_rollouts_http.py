"""Rollouts over HTTP: started, compared, promoted and taken back by those who look after the bus."""

import pytest

from bus.delivery.rollout_service import PostgresRolloutService
from bus.postgres.pool import Pool, connected
from tests.gateway.conftest import Gateway
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]
START = {"target": "erp", "canary": "erp-v2", "minutes": 10, "events": 20, "why": "ERP 8.2"}


@pytest.mark.parametrize(("end", "state"), [("promote", "promoted"), ("abort", "aborted")])
async def test_rollouts_http_one_is_started_once_compared_and_ended_once(
    gateway: Gateway, end: str, state: str
) -> None:
    started = await gateway.post("/v1/rollouts", START, role="sre")
    assert started.status_code == 200, started.text
    (one,) = (await gateway.get("/v1/rollouts", "lead")).json()["rollouts"]
    assert [one[name] for name in ("canary", "percent", "step_minutes", "step_events", "started_by")] == [
        "erp-v2", 5, 10, 20, "a-sre",
    ]  # fmt: skip
    assert (one["old"]["received"], one["old"]["done"], one["new"]["received"]) == (3, 2, 1)
    twice = await gateway.post("/v1/rollouts", START, role="sre")
    assert (twice.status_code, twice.json()) == (200, started.json()), "the answer of before, in case it was lost"
    for changed, role in (({"minutes": 11}, "sre"), ({"why": "again"}, "sre"), ({}, "admin")):
        other = await gateway.post("/v1/rollouts", {**START, **changed}, role=role)
        assert (other.status_code, other.json()["code"]) == (409, "not_in_rollout")
    (ended,) = (await gateway.post(f"/v1/rollouts/erp/{end}", {"why": "看过了"}, role="admin")).json()["rollouts"]
    assert (ended["state"], ended["ended_by"], ended["ended_zh"]) == (state, "a-admin", "看过了")
    assert "old" not in ended
    same = await gateway.post(f"/v1/rollouts/erp/{end}", {"why": "看过了"}, role="admin")
    assert (same.status_code, same.json()["rollouts"]) == (200, [ended])
    again = await gateway.post(f"/v1/rollouts/erp/{end}", {"why": "看过了"}, role="sre")
    assert (again.status_code, again.json()["code"], again.json()["field"]) == (409, "not_in_rollout", "target")


async def test_rollouts_http_what_is_wrong_is_named_by_field(gateway: Gateway) -> None:
    unknown = await gateway.post("/v1/rollouts", {**START, "canary": "erp-v3"})
    assert (unknown.status_code, unknown.json()["code"], unknown.json()["nearest"]) == (404, "no_such_target", "erp-v2")
    for field, value in {"minutes": 0, "events": 10_001, "why": " "}.items():
        answer = await gateway.post("/v1/rollouts", {**START, field: value})
        assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    assert (await gateway.get("/v1/rollouts")).json() == {"rollouts": []}


async def test_rollouts_http_are_decided_by_those_who_look_after_the_bus(gateway: Gateway) -> None:
    for role, reads in (("lead", 200), ("dispatcher", 403), ("subscriber", 403)):
        assert (await gateway.get("/v1/rollouts", role)).status_code == reads
        for path in ("/v1/rollouts", "/v1/rollouts/erp/promote", "/v1/rollouts/erp/abort"):
            assert (await gateway.post(path, START, role=role)).status_code == 403


async def test_rollouts_http_on_the_table(pool: Pool) -> None:
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE rollouts, delivery_targets CASCADE")
    gateway = Gateway(rollouts=PostgresRolloutService(pool))
    async with gateway.app.router.lifespan_context(gateway.app), gateway.http:
        assert (await gateway.post("/v1/rollouts", START)).json()["code"] == "no_such_target"
        async with connected(pool) as connection:
            await connection.execute(
                "INSERT INTO delivery_targets (target, canary_of) VALUES ('erp', ''), ('erp-v2', 'erp')"
            )
        started = await gateway.post("/v1/rollouts", START)
        assert started.json()["rollouts"][0]["old"]["received"] == 0, started.text
        (ended,) = (await gateway.post("/v1/rollouts/erp/abort", {"why": "坏账"})).json()["rollouts"]
        assert (ended["state"], ended["ended_zh"], ended["tickets"]) == ("aborted", "坏账", 0)
