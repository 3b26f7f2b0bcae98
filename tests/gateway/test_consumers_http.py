"""GET /v1/consumers: verdicts as a worker stored them, for those who look after the bus, and whether they are new."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bus.consistency.consumer_history import ConsumerKind
from bus.consistency.consumer_store import ConsumerLag
from bus.consistency.consumer_verdict import ConsumerVerdict
from bus.intake.dispatch import utc_now
from tests.consistency.consumer_histories import judged
from tests.gateway.conftest import Gateway

STILL = [(500, 600, 1)] * 8


async def test_consumers_http_lists_each_with_verdict_figures_and_evidence(gateway: Gateway) -> None:
    status = judged(STILL, consumer="bi-13800000001")
    gateway.consumers = [status]
    answer = (await gateway.get("/v1/consumers", "lead")).json()
    [one] = answer["consumers"]
    assert (one["consumer"], one["verdict"], one["lag"], one["members"]) == ("bi-…", ConsumerVerdict.STALLED, 100, 1)
    assert one["evidence_en"] == "100 unread, partition 0 at 500 of 600, members 1"
    assert not answer["watched"], "it was judged in another year"


@pytest.mark.parametrize(("ago_s", "watched"), [(50, True), (70, False)])
async def test_consumers_http_says_when_nobody_watches_them_any_more(
    gateway: Gateway, ago_s: int, watched: bool
) -> None:
    gateway.consumers = [replace(judged(STILL), read_at=utc_now() - timedelta(seconds=ago_s))]
    assert (await gateway.get("/v1/consumers", "sre")).json()["watched"] is watched
    gateway.consumers = []
    assert (await gateway.get("/v1/consumers", "sre")).json() == {"consumers": [], "watched": False}


async def test_consumers_http_are_for_those_who_look_after_the_bus(gateway: Gateway) -> None:
    for role in ("admin", "sre", "lead"):
        assert (await gateway.get("/v1/consumers", role)).status_code == 200
    for role in ("source", "engineer", "dispatcher", "subscriber"):
        for path in ("/v1/consumers", "/v1/consumers/lags"):
            assert (await gateway.get(path, role)).status_code == 403


async def test_consumers_http_gives_the_lag_at_each_reading_and_hides_long_numbers(gateway: Gateway) -> None:
    lags = {utc_now(): 3, utc_now() + timedelta(seconds=10): 0}
    gateway.lags = [ConsumerLag(kind=ConsumerKind.QUEUE, consumer="erp-13800000001", topic="deliveries", lags=lags)]
    [one] = (await gateway.get("/v1/consumers/lags", "lead")).json()["consumers"]
    assert (one["kind"], one["consumer"], one["lags"], len(one["times"])) == ("queue", "erp-…", [3, 0], 2)
