"""A target that wants no more calls is paused, and loses nothing for it."""

from datetime import UTC, datetime, timedelta

from bus.alerts.rule_names import RuleName
from bus.delivery import target_state
from bus.delivery.attempt import FinishedAttempt
from bus.delivery.breaker import CLOSED
from bus.delivery.queue import Claim
from bus.delivery.settlement import judge
from bus.delivery.target import Call, DeliveryFailed, FailureKind
from bus.domain.terms import TicketId
from bus.postgres.pool import in_transaction
from tests.bus_under_test import eventually
from tests.delivery.deliveries import ERP, DeliveryQueue
from tests.delivery.scripted import Scripted, delivery_workers, plan, utc_now
from tests.delivery.test_delivery_worker import EVENTS, delivered, settled


def test_target_gone_a_row_that_waited_for_people_has_its_time_before_it_again() -> None:
    now = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    ticket_id = TicketId("T20261122-000001")
    for kind, parked in ((FailureKind.GONE, False), (FailureKind.UNREACHABLE, True)):
        failures = [{"at": (now - timedelta(days=3)).isoformat(), "kind": kind}]
        claim = Claim(ticket_id=ticket_id, version=1, attempt=2, unsure=False, failures=failures, value=b"")
        again = DeliveryFailed(FailureKind.UNAVAILABLE, "HTTP 503")
        finished = [FinishedAttempt(claim=claim, recorded=None, unsure=False, failure=again)]
        settlement = judge(ERP, finished, plan(), breaker=CLOSED, recent=(), now=now, chance=lambda: 0.5)
        assert (settlement.parked != []) is parked


async def test_target_gone_a_target_that_wants_no_more_calls_is_paused_with_an_alert_and_parks_nothing(
    delivery_queue: DeliveryQueue,
) -> None:
    closed = True

    async def gone(_call: Call) -> None:
        if closed:
            raise DeliveryFailed(FailureKind.GONE, "HTTP 410", status=410)

    async def paused() -> bool:
        return await delivery_queue.rows("SELECT 1 FROM delivery_targets WHERE paused LIKE '%410%'") != []

    target = Scripted(before=gone)
    async with delivery_workers(delivery_queue.pool, target):
        await delivery_queue.add(*EVENTS, now=utc_now())
        await eventually(paused)
    assert target.calls <= 8, "no more than were under way"
    assert [alert.rule for alert in target.found] == [RuleName.TARGET_PAUSED]
    assert await delivery_queue.rows("SELECT count(*) FROM letters") == [(0,)]
    closed = False
    async with delivery_workers(delivery_queue.pool, target):
        assert await in_transaction(delivery_queue.pool, target_state.resume, ERP, utc_now(), by="张工")
        await eventually(lambda: settled(delivery_queue))
    await delivered(delivery_queue, target, EVENTS)
