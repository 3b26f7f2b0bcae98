"""Rounds by themselves: a source that is far behind catches up, and a broken list is its own source's alone."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta
from typing import cast

import pytest

from bus.domain.text import Text
from bus.intake.dispatch import Dispatcher, utc_now
from bus.intake.source_adapter import Source
from bus.postgres.pool import Pool, connected, in_transaction
from bus.programs.reconcile_watch import ReconcileWatch
from bus.reconcile.compare import SETTLED_AFTER
from bus.reconcile.reconciler import Reconciler
from bus.reconcile.source_list import ListedTicket, ListUnavailable
from bus.reconcile.store import FIRST, OVERLAP, declare_lists
from tests.bus_under_test import eventually
from tests.reconcile.test_reconciler import NOW, WINDOW, ListOf, listed, look, names, opened, pages, unsettled


async def state_of(pool: Pool, source: str) -> tuple[datetime | None, str | None]:
    async with connected(pool) as connection:
        query = b"SELECT reconciled_until, failure FROM source_lists WHERE source = %s"
        [(until, failure)] = await (await connection.execute(query, (source,))).fetchall()
    return until, failure


async def test_rounds_of_a_source_that_is_days_behind_take_a_day_each_until_it_has_caught_up(
    reconciler: Reconciler, pool: Pool
) -> None:
    source = ListOf([listed("old", -5 * 24 * 60)])
    watch = ReconcileWatch(reconciler=reconciler, sources={"crm": source}, every=timedelta(hours=1))
    await in_transaction(pool, declare_lists, ["crm"])
    began = utc_now() - timedelta(days=8)
    async with connected(pool) as connection:
        await connection.execute(b"UPDATE source_lists SET reconciled_until = %s", (began,))
    await look(watch, source)
    assert max(until - since for since, until in source.asked) == FIRST + OVERLAP
    assert [since for since, _ in source.asked] == [began - OVERLAP + day * FIRST for day in range(len(source.asked))]
    assert len(source.asked) == 8
    until, _ = await state_of(pool, "crm")
    assert until is not None
    assert until >= NOW - SETTLED_AFTER
    assert await unsettled(pool) == ["old"]


async def test_rounds_that_fail_go_on_from_where_the_last_one_ended(reconciler: Reconciler, pool: Pool) -> None:
    class BreaksOff(ListOf):
        def listed(self, since: datetime, until: datetime) -> AsyncGenerator[Sequence[ListedTicket], None]:
            self.asked.append((since, until))
            return pages([], fails=len(self.asked) == 3)(since, until)

    source = BreaksOff([])
    watch = ReconcileWatch(reconciler=reconciler, sources={"crm": source}, every=timedelta(0))
    await in_transaction(pool, declare_lists, ["crm"])
    began = NOW - timedelta(days=4)
    async with connected(pool) as connection:
        await connection.execute(b"UPDATE source_lists SET reconciled_until = %s", (began,))
    await look(watch, source)
    until, failure = await state_of(pool, "crm")
    assert (until, len(source.asked), failure is not None) == (began + 2 * FIRST, 3, True)
    await look(watch, source)
    assert source.asked[3] == source.asked[2]
    assert (await state_of(pool, "crm"))[1] is None


@pytest.mark.parametrize("page", [[cast("ListedTicket", None)], None])
async def test_rounds_of_a_broken_adapter_are_its_own_fault_and_noted(
    reconciler: Reconciler, pool: Pool, page: Sequence[ListedTicket] | None
) -> None:
    class Broken(ListOf):
        def listed(self, since: datetime, until: datetime) -> AsyncGenerator[Sequence[ListedTicket], None]:
            if page is None:
                raise KeyError("电话 13800000009")
            return super().listed(since, until)

    source = Broken(page)
    watch = ReconcileWatch(reconciler=reconciler, sources={"crm": source}, every=timedelta(0))
    pages_of_none = source.listed if page is None else (lambda _since, _until: one_page(page))
    with pytest.raises(ListUnavailable, match=r"the adapter failed: (KeyError|AttributeError)"):
        await reconciler.reconcile("crm", pages_of_none, WINDOW)
    if page is None:
        await look(watch, source)
        _, failure = await state_of(pool, "crm")
        assert failure is not None
        assert ("the adapter failed: KeyError" in failure, "13800000009" in failure) == (True, False)


async def one_page(page: Sequence[ListedTicket]) -> AsyncGenerator[Sequence[ListedTicket], None]:
    yield page


async def test_rounds_keep_what_the_first_list_showed_when_the_second_does_not_come(
    reconciler: Reconciler, dispatcher: Dispatcher, pool: Pool
) -> None:
    await opened(dispatcher, "3", 90)
    asked = list[datetime]()

    async def list_(since: datetime, until: datetime) -> AsyncGenerator[Sequence[ListedTicket], None]:
        asked.append(since)
        if len(asked) > 1:
            raise ListUnavailable(Text("第 1 页没有取到 13800000009", "page 1 did not come"))
        yield [one for one in [listed("4", 65)] if since <= one.at < until]

    report = await reconciler.reconcile("crm", list_, WINDOW)
    assert (names(report), len(asked)) == ((["4"], [], []), 2)
    assert report.unjudged is not None
    assert [(one.listed, one.known) for one in report.found.unjudged_buckets] == [(0, 1)]
    assert await unsettled(pool) == ["4"]
    async with connected(pool) as connection:
        rows = await connection.execute(b"SELECT missing_here, missing_there, failure FROM reconciliations")
        [(here, there, failure)] = await rows.fetchall()
    assert (here, there, "page 1 did not come" in failure, "13800000009" in failure) == (1, 0, True, False)


async def test_rounds_follow_sources_that_come_and_go_while_the_worker_runs(reconciler: Reconciler) -> None:
    first, second = ListOf([]), ListOf([])
    second.name = "salesforce"
    sources: dict[str, Source] = {"crm": first}
    watch = ReconcileWatch(reconciler=reconciler, sources=sources, every=timedelta(0), look_every_s=0.02)

    async def asked(source: ListOf, more: int = 1) -> None:
        before = len(source.asked)

        async def is_asked() -> bool:
            return len(source.asked) >= before + more

        await eventually(is_asked)

    async def left_alone() -> bool:
        before = len(first.asked)
        await asked(second, 3)
        return len(first.asked) == before

    running = asyncio.create_task(watch.run())
    try:
        await asked(first)
        sources["salesforce"] = second
        await asked(second)
        del sources["crm"]
        await eventually(left_alone)
    finally:
        running.cancel()
        await asyncio.wait([running])
