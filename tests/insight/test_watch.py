"""What follows from the metrics: once each, whoever dies and whatever the clock does (R22, R27 to R29, R31, R32)."""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bus.alert_catalogue import RULES
from bus.alerts.alert import Severity
from bus.alerts.rule_names import RuleName
from bus.domain.terms import TicketId
from bus.insight.task_store import latest_judgements, tasks
from bus.postgres.pool import Pool, connected
from projections.ticket_outcomes import TicketOutcome
from schemas.insight_messages import (
    InsightFigureBack,
    InsightTaskDone,
    InsightTaskOpened,
    ProductBatchHeld,
    ProductBatchReleased,
)
from tests.insight.rounds import DAY, HOUR, MINUTE, NOW, fill, judged, outcome, queued, round_at
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]
WEEK = timedelta(weeks=1)
LETTER = """
INSERT INTO letters (origin, origin_ref, target, ticket_id, version, event, trace_id, reason, kind, cause, detail,
    attempts, failures, headers, value, died_at, began_at, state)
VALUES ('delivery:erp', %s, 'erp', %s, 1, '', '', 'x', 'x', 'x', '', 1, '[]', '[]', '', %s, %s, 'discarded')"""
DIES = """
import asyncio, sys
from bus.postgres.pool import connected, open_pool
from tests.insight.rounds import NOW, round_at

async def main():
    async with open_pool(sys.argv[1]) as pool, connected(pool) as connection:
        await round_at(connection, NOW).judge()
        print("judged", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture(autouse=True)
async def emptied(pool: Pool) -> None:
    """Begin without tasks."""
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE insight_tasks, metric_judgements, outbox, letters CASCADE")


def chased(share: int) -> Iterator[TicketOutcome]:
    """Make a hundred tickets, some of which were asked after twice."""
    for number in range(100):
        yield outcome(number, asked=2 if number < share else 0)


async def test_watch_a_worker_killed_before_its_commit_leaves_nothing_and_the_next_decides_once(
    pool: Pool, database: str
) -> None:
    await fill(pool, chased(10))
    dying = await asyncio.create_subprocess_exec(sys.executable, "-c", DIES, database, stdout=asyncio.subprocess.PIPE)
    assert dying.stdout is not None
    assert await asyncio.wait_for(dying.stdout.readline(), 60) == b"judged\n"
    dying.kill()
    assert await dying.wait() == -9

    async def turn() -> bool:
        async with connected(pool) as connection:
            return await round_at(connection, NOW).judge_in_turn(5 * HOUR)

    assert await queued(pool) == []
    assert sorted(await asyncio.gather(*(turn() for _ in range(4)))) == [False, False, False, True]
    [(key, opened)] = await queued(pool)
    assert isinstance(opened, InsightTaskOpened)
    assert (key, opened.metric, opened.units, opened.hits) == (f"process_audit:{opened.task}", "chase", 100, 10)
    assert (opened.since, opened.until, opened.opened_at) == (NOW - 30 * DAY, NOW, NOW)
    assert "催单率 10.00% (10 / 100),高于 5%:请审计" in opened.zh
    assert opened.see == f"ticketbus insight why chase --since {opened.since.isoformat()} --until {NOW.isoformat()}"
    for jump in (2 * HOUR, -2 * HOUR, 40 * DAY, -40 * DAY):  # at the last two it has too few cases
        assert await judged(pool, NOW + jump) == []
    async with connected(pool) as connection:
        judgements = {one.metric: one.judgement for one in await latest_judgements(connection)}
    assert judgements["chase"] == "too few", "the last look counts"


async def test_watch_a_figure_is_back_once_and_a_task_is_done_once(pool: Pool) -> None:
    await fill(pool, chased(6))
    [(key, _)] = await judged(pool, NOW)
    await fill(pool, chased(5))
    assert await judged(pool, NOW + HOUR) == [], "within the hysteresis"
    await fill(pool, chased(4))
    [(again, back)] = await judged(pool, NOW + 2 * HOUR)
    assert isinstance(back, InsightFigureBack)
    assert (again, back.hits, back.back_at) == (key, 4, NOW + 2 * HOUR)
    assert await judged(pool, NOW + 3 * HOUR) == []
    async with connected(pool) as connection:
        [still] = await tasks(connection, only_open=True)
        ended = await round_at(connection, NOW).end_task(still.task, by="张工", why="已复盘")
        twice = await round_at(connection, NOW).end_task(still.task, by="李工", why="也看过")
        assert await tasks(connection, only_open=True) == []
        assert await round_at(connection, NOW).end_task(10**9, by="李工", why="x") is None
    assert ended is not None
    assert twice is None
    (*_, (_, done)) = await queued(pool)
    assert isinstance(done, InsightTaskDone)
    assert (done.done_by, done.done_why) == ("张工", "已复盘")
    await fill(pool, chased(6))
    [(_, anew)] = await judged(pool, NOW + 4 * HOUR)
    assert isinstance(anew, InsightTaskOpened)
    assert anew.task > still.task


async def test_watch_top_causes_beyond_three_quarters_for_four_weeks_is_work_on_the_first(pool: Pool) -> None:
    async def kinds(now: datetime) -> list[str]:
        found = [key.split(":")[0] for key, _ in await judged(pool, now)]
        return [one for one in found if one != "improvement"]

    await fill(pool, [outcome(number, root_cause="control_board") for number in range(100)])
    assert [await kinds(NOW + number * WEEK) for number in range(3)] == [["management"], [], []]
    await fill(pool, [outcome(n, root_cause="control_board" if n < 72 else f"c{n}") for n in range(100)])
    assert await kinds(NOW + 3 * WEEK) == [], "over 70 %, and not over 75 %"
    late = NOW + 4 * WEEK
    await fill(pool, [outcome(number, root_cause="control_board", opened_at=late) for number in range(100)])
    seen = [await kinds(late + number * DAY) for number in (1, 7, 14, 21)]
    assert seen == [[], [], [], []], "the weeks begin anew"
    assert await kinds(late + 28 * DAY) == ["first_cause"]
    assert await kinds(late + 29 * DAY) == []


async def test_watch_a_single_cross_system_failure_is_a_p1_until_somebody_has_dealt_with_it(pool: Pool) -> None:
    rows = [outcome(number) for number in range(5)]
    await fill(pool, rows)

    async def letter(number: int, died_at: object) -> None:
        async with connected(pool) as connection:
            await connection.execute(LETTER.encode(), (str(number), rows[number].ticket_id, died_at, died_at))

    async def alerts() -> list[tuple[object, str]]:
        rule = RULES[RuleName.CROSS_SYSTEM_FAILURE]
        async with connected(pool) as connection:
            found = rule.evaluate(await rule.read(connection), NOW)
        assert rule.severity is Severity.P1
        return [(one.newest, one.zh) for one in found]

    await letter(4, NOW - DAY)
    assert await judged(pool, NOW - 2 * HOUR) == [], "what failed before anybody looked opens nothing"
    assert await alerts() == []
    await letter(1, NOW - HOUR)
    [(key, opened)] = await judged(pool, NOW)
    assert key == f"p1:{opened.task}"
    assert [newest for newest, _ in await alerts()] == [1]
    await letter(2, NOW - HOUR)
    assert await judged(pool, NOW + HOUR) == []
    assert [newest for newest, _ in await alerts()] == [2], "people hear of the second as well"
    async with connected(pool) as connection:
        await round_at(connection, NOW + HOUR).end_task(opened.task, by="张工", why="ERP 已恢复")
    assert await alerts() == []
    assert [type(one) for _, one in (await queued(pool))[-2:]] == [InsightTaskDone, InsightFigureBack]
    await letter(3, NOW + HOUR + MINUTE)  # before anybody has looked again
    [(_, anew)] = await judged(pool, NOW + 2 * HOUR)
    assert isinstance(anew, InsightTaskOpened)
    assert (anew.hits, anew.task > opened.task) == (1, True), "what was dealt with counts no more"
    assert [newest for newest, _ in await alerts()] == [1]


async def test_watch_a_product_batch_that_comes_back_is_held_until_quality_has_done_its_task(pool: Pool) -> None:
    rows = []
    for number in range(25):  # of each device the same cause twice within the month
        own = {"product": "WM-9", "batch": "B-24", "serial": f"SN-{number}", "root_cause": f"c-{number}"}
        rows += [
            outcome(number, opened_at=NOW - 20 * DAY, **own),
            outcome(100 + number, opened_at=NOW - 10 * DAY, **own),
        ]
    rows += [outcome(n, product="WM-9", batch="B-25", root_cause=f"d-{n}", serial=f"SN-{n}") for n in range(200, 300)]
    await fill(pool, rows)
    found = await judged(pool, NOW)
    kinds = [key.split(":")[0] for key, _ in found]
    assert kinds == ["recurrence_analysis", "product_batch_held", "product_batch"]
    (_, task), (held_key, held) = found[1:]
    assert isinstance(task, InsightTaskOpened)
    assert isinstance(held, ProductBatchHeld)
    assert (held_key, held.product, held.batch, held.hits, held.units) == (
        "product_batch:WM-9 / B-24",
        "WM-9",
        "B-24",
        25,
        50,
    )
    assert task.tickets == tuple(sorted(one.ticket_id for one in rows[1:50:2]))
    assert task.see == "", "insight why would list those of all batches"
    assert "该批次已标记冻结" in task.zh
    assert await judged(pool, NOW + HOUR) == []
    await fill(pool, rows[50:])
    assert {type(one) for _, one in await judged(pool, NOW + 2 * HOUR)} == {InsightFigureBack}
    await fill(pool, rows)
    again = next(one for key, one in await judged(pool, NOW + 3 * HOUR) if key.startswith("product_batch_held"))
    assert isinstance(again, InsightTaskOpened)
    async with connected(pool) as connection:
        await round_at(connection, NOW).end_task(task.task, by="质检员", why="密封圈已换批")
    assert isinstance((await queued(pool))[-1][1], InsightTaskDone), "the second hold is open"
    async with connected(pool) as connection:
        await round_at(connection, NOW).end_task(again.task, by="质检员", why="密封圈已换批")
    (key, released) = (await queued(pool))[-1]
    assert isinstance(released, ProductBatchReleased)
    assert (key, released.batch, released.released_by) == (held_key, "B-24", "质检员")


async def test_watch_the_third_time_of_a_root_cause_in_a_month_opens_an_improvement_once_with_its_tickets(
    pool: Pool,
) -> None:
    own = {"product": "WM-9", "batch": "B-24", "root_cause": "leakage"}
    first, second, third, fourth = (outcome(n, opened_at=NOW - (9 - n) * DAY, **own) for n in range(4))
    other = [replace(first, ticket_id=TicketId("T20261101-000050"), batch="B-25")]
    imported = replace(third, historic=True)
    await fill(pool, [first, second, *other])
    assert await judged(pool, NOW) == []
    await fill(pool, [first, second, imported, *other])
    [(key, task)] = await judged(pool, NOW)
    assert isinstance(task, InsightTaskOpened)
    assert (key, task.about) == (f"improvement:{task.task}", "leakage / WM-9 / B-24")
    assert task.tickets == (first.ticket_id, second.ticket_id, third.ticket_id)
    assert (task.to, task.see) == ("质量部门 / quality", "")
    assert task.zh.startswith("漏水、漏气或漏氟 / WM-9 / B-24 30 天内 3 次"), "people read words, no codes"
    await fill(pool, [first, second, imported, fourth, *other])
    assert await judged(pool, NOW + HOUR) == [], "once, however often it comes"
    assert await judged(pool, NOW + 23 * DAY) == [], "two are left within 30 days"
    [(_, back)] = await judged(pool, NOW + 24 * DAY)
    assert isinstance(back, InsightFigureBack)


async def test_watch_chases_and_failures_that_rise_at_once_name_the_integration_layer_and_its_hops_r33(
    pool: Pool,
) -> None:
    async def letters(numbers: range, died_at: datetime) -> None:
        async with connected(pool) as connection:
            for number in numbers:
                at = (str(number), f"T20261101-{number:06}", died_at, died_at)
                await connection.execute(LETTER.encode(), at)

    def week(first: int, chases: int, opened_at: datetime) -> list[TicketOutcome]:
        asked = [2 if number < chases else 0 for number in range(100)]
        return [outcome(first + n, opened_at=opened_at, asked=each) for n, each in enumerate(asked)]

    async def kinds(now: datetime) -> list[str]:
        return [key.split(":")[0] for key, _ in await judged(pool, now)]

    await letters(range(2), NOW - 9 * DAY)
    before, calm, risen = (
        week(0, 2, NOW - 9 * DAY),
        week(500, 2, NOW - 2 * DAY),
        week(500, 20, NOW - 2 * DAY),
    )
    await fill(pool, [*before, *risen])
    assert await kinds(NOW) == ["process_audit"], "chases alone rise"
    await letters(range(500, 515), NOW - 2 * DAY)
    found = [(key, one) for key, one in await judged(pool, NOW) if key.startswith("integration_layer")]
    [(_, task)] = found
    assert isinstance(task, InsightTaskOpened)
    assert (task.hits, task.units, task.causes) == (15, 100, ("erp",))
    assert "同时高于前一周,环节 erp:问题在集成层" in task.zh
    await fill(pool, [*before, *week(500, 4, NOW - 2 * DAY)])
    assert "integration_layer" not in await kinds(NOW), "still higher than the week before"
    await fill(pool, [*before, *calm])
    assert await kinds(NOW) == ["integration_layer"], "back"
