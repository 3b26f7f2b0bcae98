"""A pause that people made costs no delivery its time, however long it was."""

from datetime import UTC, datetime, timedelta

from bus.delivery import target_state
from bus.delivery.attempt import FinishedAttempt
from bus.delivery.breaker import CLOSED
from bus.delivery.queue import Claim
from bus.delivery.settlement import Settlement, judge
from bus.delivery.target import Call, DeliveryFailed, FailureKind
from bus.domain.terms import TicketId
from bus.postgres.pool import connected, in_transaction
from tests.bus_under_test import eventually
from tests.delivery.deliveries import ERP, DeliveryQueue
from tests.delivery.scripted import Scripted, delivery_workers, plan, utc_now

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def judged(*, first: datetime, resumed: datetime | None) -> Settlement:
    """Judge a row that failed first at a time, and again now."""
    failures = [{"at": first.isoformat(), "kind": "unavailable"}]
    claim = Claim(ticket_id=TicketId("T1"), version=1, attempt=2, unsure=False, failures=failures, value=b"")
    failure = DeliveryFailed(FailureKind.UNAVAILABLE, "HTTP 503")
    finished = [FinishedAttempt(claim=claim, recorded=None, unsure=False, failure=failure)]
    return judge(ERP, finished, plan(), breaker=CLOSED, recent=(), now=NOW, chance=lambda: 0.5, not_before=resumed)


def test_long_pause_a_rows_time_begins_when_it_ended_and_runs_from_then() -> None:
    assert plan().deadline <= DAY
    assert judged(first=NOW - 3 * DAY, resumed=None).parked
    assert not judged(first=NOW - 3 * DAY, resumed=NOW - timedelta(minutes=1)).parked
    assert judged(first=NOW - 5 * DAY, resumed=NOW - 3 * DAY).parked


async def test_long_pause_what_was_tried_before_it_is_tried_again_after_it_and_is_no_letter(
    delivery_queue: DeliveryQueue,
) -> None:
    target, pool = Scripted(), delivery_queue.pool
    down = True

    async def unavailable(_call: Call) -> None:
        if down:
            raise DeliveryFailed(FailureKind.UNAVAILABLE, "HTTP 503", status=503)

    async def failed() -> bool:
        return target.calls > 0 and not target.under_way

    target.before = unavailable
    async with delivery_workers(pool, target):
        await delivery_queue.add(("T1", 1), now=utc_now())
        await eventually(failed)
        await in_transaction(pool, target_state.pause, ERP, by="张工", why="盘点")
    async with connected(pool) as connection:  # three days later
        await connection.execute(
            "UPDATE delivery_heads SET failures = jsonb_set(failures, '{0,at}', to_jsonb(now() - interval '3 days'))"
        )
    calls = target.calls
    async with delivery_workers(pool, target):
        assert await in_transaction(pool, target_state.resume, ERP, utc_now(), by="张工")

        async def tried_again() -> bool:
            return target.calls > calls + 1

        await eventually(tried_again)
        assert await delivery_queue.rows("SELECT count(*) FROM letters") == [(0,)]
        down = False

        async def delivered() -> bool:
            return target.order == [("T1", 1)]

        await eventually(delivered)
