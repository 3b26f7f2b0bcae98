"""What never arrived and its source has ended: nobody is sent there, and what was opened differs at once."""

from datetime import timedelta

from bus.intake.dispatch import Dispatcher
from bus.postgres.pool import Pool, in_transaction
from bus.reconcile.open_missing import open_missing
from bus.reconcile.reconciler import Reconciler
from bus.reconcile.store import missing_named
from tests.reconcile.test_reconciler import BEGIN, WINDOW, listed, names, pages, unsettled


async def test_ended_tickets_are_not_opened_and_missing_no_more_until_the_source_opens_them_again(
    reconciler: Reconciler, dispatcher: Dispatcher, pool: Pool
) -> None:
    list_ = [listed("1", 10, state="pending"), listed("2", 20, state="closed"), listed("3", 30, state="resolved")]
    missing = (await reconciler.reconcile("crm", pages(list_), WINDOW)).found.missing_here
    assert await unsettled(pool) == ["1", "2", "3"]
    done = await open_missing(dispatcher, pool, "crm", missing)
    assert ([*done.opened], done.ended) == (["1"], ["2", "3"])
    assert "import history" in done.refused["2"].en
    assert await unsettled(pool) == []
    report = await reconciler.reconcile("crm", pages(list_), WINDOW)
    assert names(report)[0] == ["2", "3"], "they are still named"
    assert await unsettled(pool) == [], "and nobody is called for them"
    [row] = await in_transaction(pool, missing_named, "2")
    assert row.settled == "ended"
    await reconciler.reconcile("crm", pages([listed("2", 20, state="in_progress")]), WINDOW)
    assert await unsettled(pool) == ["2"]


async def test_ended_or_further_at_the_source_what_was_opened_by_its_list_differs_at_once(
    reconciler: Reconciler, dispatcher: Dispatcher, pool: Pool
) -> None:
    list_ = [listed("1", 10, state="assigned", region="华东"), listed("2", 20, state="pending")]
    missing = (await reconciler.reconcile("crm", pages(list_), WINDOW)).found.missing_here
    await open_missing(dispatcher, pool, "crm", missing)
    [one] = await reconciler.differing("crm", missing, WINDOW)
    assert (one.difference.number, one.difference.field, one.difference.known) == ("1", "state", "pending")
    assert one.since
    assert one.since.occurred_at == BEGIN + timedelta(minutes=10)
    assert names(await reconciler.reconcile("crm", pages(list_), WINDOW))[2] == [("1", "state")]
