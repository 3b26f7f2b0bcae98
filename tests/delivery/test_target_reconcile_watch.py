"""Rounds by themselves: a target that differs is an alert until it is equal again, and one without a list another."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from adapters.erp.kingdee import Kingdee
from adapters.simulators.kingdee_faults import KingdeeFault
from bus.alert_catalogue import RULES
from bus.alerts.alert import Alert
from bus.alerts.rule_names import RuleName
from bus.delivery import target_state
from bus.delivery.status import target_statuses
from bus.delivery.target_lists import TargetListState, note_target_report, target_lists
from bus.delivery.target_reconciler import TargetReconciler
from bus.intake.dispatch import utc_now
from bus.postgres.pool import connected, in_transaction
from bus.programs.target_reconcile_watch import TargetReconcileWatch
from tests.adapters.test_kingdee import QUERY, settings
from tests.delivery.deliveries import ERP, DeliveryQueue
from tests.delivery.test_target_reconciler import LATER, Erp, decoded, note_of, number_of, request

DAILY = timedelta(days=1)


@pytest.fixture
async def erp(delivery_queue: DeliveryQueue) -> Erp:
    """Begin without lists."""
    async with connected(delivery_queue.pool) as connection:
        await connection.execute(b"TRUNCATE target_lists")
    return Erp(delivery_queue)


@asynccontextmanager
async def watching(erp: Erp, every: timedelta = timedelta(0)) -> AsyncIterator[TargetReconcileWatch]:
    """Reconcile the ERP whenever it is asked for."""
    target = Kingdee(settings(erp.simulator))
    reconciler = TargetReconciler(pool=erp.queue.pool, events=decoded, now=lambda: LATER)
    watch = TargetReconcileWatch(reconciler=reconciler, targets={ERP: target}, every=every)
    await watch.declare()
    try:
        yield watch
    finally:
        await target.close()


async def state(erp: Erp) -> TargetListState:
    [one] = await in_transaction(erp.queue.pool, target_lists)
    return one


async def fired(erp: Erp, rule: RuleName, now: datetime | None = None) -> list[Alert]:
    return [*RULES[rule].evaluate([await state(erp)], now or utc_now())]


async def test_target_reconcile_watch_a_difference_is_an_alert_until_both_are_equal_again(erp: Erp) -> None:
    asked = request(1)
    await erp.done(asked)
    async with erp.simulator.serving(), watching(erp) as watch:
        assert await fired(erp, RuleName.TARGET_DIFFERS) == []
        await watch.reconcile_due(ERP)
        [alert] = await fired(erp, RuleName.TARGET_DIFFERS)
        assert (alert.about, alert.facts) == (ERP, {"differences": 1})
        assert number_of(asked) in alert.zh
        assert number_of(asked) in alert.en
        assert "issued and not counted there 1" in alert.en
        since = f"{LATER - timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}"
        assert alert.mend == f"ticketbus delivery reconcile {ERP} --since {since}"
        erp.bill(number_of(asked), note_of(asked))
        reconciler, target = watch.reconciler, watch.targets[ERP]
        for begin, closes in ((LATER - timedelta(days=29), False), (LATER - timedelta(days=30, seconds=1), True)):
            report = await reconciler.reconcile(ERP, target, begin, utc_now())
            await in_transaction(erp.queue.pool, note_target_report, report, by_hand=True)
            assert (await fired(erp, RuleName.TARGET_DIFFERS) == []) == closes, (
                "one by hand counts if it covers the last"
            )
        erp.books.bills.clear()
        await watch.reconcile_due(ERP)
        assert len(await fired(erp, RuleName.TARGET_DIFFERS)) == 1
        await target_state.begin(erp.queue.pool, ERP)
        assert [(one.target, one.differences) for one in await target_statuses(erp.queue.pool)] == [(ERP, 1)]
        erp.bill(number_of(asked), note_of(asked))
        await watch.reconcile_due(ERP)
        assert await fired(erp, RuleName.TARGET_DIFFERS) == []


async def test_target_reconcile_watch_takes_turns_and_keeps_what_the_list_before_a_failure_showed(erp: Erp) -> None:
    await erp.done(request(1))
    async with erp.simulator.serving(), watching(erp, DAILY) as watch, watching(erp, DAILY) as other:
        await watch.reconcile_due(ERP)
        calls = erp.simulator.called
        await other.reconcile_due(ERP)
        assert erp.simulator.called == calls, "it is not due yet"
        erp.simulator.fail(KingdeeFault.REFUSED, only=(QUERY,))
        await replace(watch, every=timedelta(0)).reconcile_due(ERP)
        now = await state(erp)
        assert (now.missing_there, "单据校验未通过" in now.failure) == (1, True)
        assert len(await fired(erp, RuleName.TARGET_DIFFERS)) == 1
        [late] = await fired(erp, RuleName.TARGET_NOT_RECONCILED, utc_now() + timedelta(days=4))
        assert "单据校验未通过" in late.zh
        assert "单据校验未通过" in late.en
        await other.reconcile_due(ERP)
        async with connected(erp.queue.pool) as connection:
            await connection.execute(b"UPDATE target_lists SET begun_at = begun_at - interval '11 minutes'")
        erp.simulator.heal()
        await other.reconcile_due(ERP)  # a list that did not come is asked for after ten minutes, not a day
        assert (await state(erp)).failure == ""
        assert await fired(erp, RuleName.TARGET_NOT_RECONCILED, utc_now() + timedelta(days=2)) == []
