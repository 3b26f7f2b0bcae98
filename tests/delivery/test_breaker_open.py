"""Whether a target's breaker is open is one rule: whoever reads it says the same, and a wait it asked for is that."""

from datetime import datetime, timedelta

import pytest
from prometheus_client import REGISTRY

from bus.alert_catalogue import RULES
from bus.alerts.rule_names import RuleName
from bus.cli.delivery import status_line
from bus.delivery import rollout_store
from bus.delivery.status import TargetStatus, target_statuses
from bus.delivery.target import Call, DeliveryFailed, FailureKind
from bus.delivery.targets_config import BreakerPolicy
from bus.journey.verdict import VerdictCause
from bus.postgres.pool import connected
from tests.bus_under_test import eventually
from tests.delivery.deliveries import ERP, NOW, DeliveryQueue
from tests.delivery.scripted import Scripted, delivery_workers, utc_now
from tests.domain.people import START
from tests.journey.test_judge import TRIED, one_target

FAILURES = 3
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("asked", [False, True])
async def test_breaker_open_all_who_read_it_agree_and_a_target_that_asked_for_a_wait_is_held_by_that(
    delivery_queue: DeliveryQueue, asked: bool
) -> None:
    async def refuse(_call: Call) -> None:
        wait_s = HOUR.total_seconds() if asked else None
        raise DeliveryFailed(FailureKind.THROTTLED, "HTTP 429", status=429, retry_after_s=wait_s)

    target = Scripted(before=refuse)
    policy = BreakerPolicy(failures=FAILURES, probe_every=HOUR)
    async with delivery_workers(delivery_queue.pool, target, breaker=policy):
        await delivery_queue.add(*((f"T{number}", 1) for number in range(FAILURES)), now=utc_now())

        async def failed() -> bool:
            (found,) = await target_statuses(delivery_queue.pool)
            return found.failures >= FAILURES and not target.under_way

        await eventually(failed)
    (found,) = await target_statuses(delivery_queue.pool)
    now = utc_now()
    async with connected(delivery_queue.pool) as connection:
        rule = RULES[RuleName.BREAKER_OPEN]
        said = {
            "alert rule": bool(rule.evaluate(await rule.read(connection), now)),
            "rollout": (await rollout_store.figures(connection, ERP, NOW)).held,
            "worker's alert": any(one.rule == RuleName.BREAKER_OPEN for one in target.found),
            "metric": REGISTRY.get_sample_value("ticketbus_delivery_breaker_open", {"target": ERP}) == 1,
            "delivery list": "breaker open" in status_line(found, now),
            "trace": causes(found, now) == [VerdictCause.BREAKER_OPEN],
        }
    assert said == dict.fromkeys(said, not asked)
    over = found.not_before
    assert over
    if asked:
        assert causes(found, now) == [VerdictCause.RETRY_AFTER]
        assert "it asked for a wait" in status_line(found, now)
    for held in (VerdictCause.BREAKER_OPEN, VerdictCause.RETRY_AFTER):  # once it is over, a probe alone may go
        assert (held in causes(found, over)) == (not asked and held is VerdictCause.BREAKER_OPEN)


def causes(found: TargetStatus, now: datetime) -> list[VerdictCause]:
    """Judge a ticket that waits for the target, whose wait is as far away as it is at `now`."""
    assert found.not_before
    until = START + (found.not_before - now)
    held = {"failures": found.failures, "not_before": until, "asked_wait": found.asked_wait}
    return [one.cause for one in one_target(held, TRIED)]
