"""Who is fast because of picking easy tickets (R34), against an oracle that goes ticket by ticket; the intervals."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from math import exp, isclose, log
from statistics import mean, variance

import pytest

from bus.domain.terms import TicketId
from bus.insight.interval import Sample, ratio_interval, rise_interval, share_interval
from bus.insight.paces import FASTER, HandlerTimes, paces
from bus.insight.task_store import tasks
from bus.postgres.pool import Pool, connected
from projections.ticket_outcomes import TicketOutcome
from schemas.insight_messages import InsightTaskOpened
from tests.insight.rounds import DAY, HOUR, NOW, fill, judged, outcome
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]
EASY, HARD = ("configuration_question", "north", "P3"), ("hardware_fault", "south", "P1")
USUAL_H = {EASY: 1.0, HARD: 10.0}
# Of each: how many easy and hard tickets, and how fast of the same kind.
CREW = {
    "挑易单": (90, 10, 1.0),
    "真快": (50, 50, 0.4),
    "王师傅": (50, 50, 1.0),
    "李工": (40, 60, 1.0),
    "新人": (5, 5, 1.0),
}


def solved() -> Iterator[TicketOutcome]:
    """Make a month's tickets of a crew."""
    rng, number = random.Random(34), 0  # noqa: S311 - made-up tickets, no secret
    for handler, (easy, hard, pace) in CREW.items():
        for kind in [EASY] * easy + [HARD] * hard:
            number += 1
            taken_at = NOW - 20 * DAY + timedelta(minutes=number)
            took = timedelta(hours=USUAL_H[kind] * pace * rng.lognormvariate(0, 0.3))
            of_kind = {"type": kind[0], "region": kind[1], "priority": kind[2], "handler": handler}
            yield outcome(
                number, opened_at=taken_at, taken_at=taken_at, resolved_at=taken_at + took, asked=0, **of_kind
            )


def logs(rows: Sequence[TicketOutcome]) -> list[tuple[str, tuple[str, str, str], float]]:
    """Give of each ticket who had it, its kind, and the logarithm of how long it took."""
    found = []
    for one in rows:
        assert one.taken_at
        assert one.resolved_at
        took = (one.resolved_at - one.taken_at).total_seconds()
        found.append((one.handler, (one.type, one.region, one.priority), log(took)))
    return found


def as_read(rows: Sequence[TicketOutcome]) -> list[HandlerTimes]:
    """Add up what the query adds up."""
    cells = dict[tuple[str, tuple[str, str, str]], dict[str, float]]()
    for row, (handler, kind, took) in zip(rows, logs(rows), strict=True):
        cells.setdefault((handler, kind), {})[row.ticket_id] = took
    return [
        HandlerTimes(
            handler=handler,
            kind=[*kind],
            count=len(own),
            total=sum(own.values()),
            squares=sum(one * one for one in own.values()),
            tickets=sorted(own),
        )
        for (handler, kind), own in cells.items()
    ]


def test_paces_agree_with_an_oracle_that_goes_ticket_by_ticket() -> None:
    rows = [*solved()]
    tickets = logs(rows)
    found = {one.handler: one for one in paces(as_read(rows))}
    assert found.keys() == CREW.keys() - {"新人"}, "ten tickets say nothing"
    for handler, pace in found.items():
        mine = [took for name, _, took in tickets if name == handler]
        others = [took for name, _, took in tickets if name != handler]
        assert isclose(pace.ratio, exp(mean(mine) - mean(others)))
        error = 1.96 * (variance(mine) / len(mine) + variance(others) / len(others)) ** 0.5
        assert isclose(pace.interval.high, exp(mean(mine) - mean(others) + error))
        gaps = [
            took - mean(other for name, of, other in tickets if name != handler and of == kind)
            for who, kind, took in tickets
            if who == handler
        ]
        assert isclose(pace.like_for_like, exp(mean(gaps)))
        assert pace.like_interval.low < pace.like_for_like < pace.like_interval.high
        assert pace.compared == len(mine)
    assert [name for name, one in found.items() if one.picks_easy] == ["挑易单"]
    assert found["真快"].ratio < FASTER, "fast, and of the same kind as well"
    assert found["挑易单"].easier == 90
    assert found["挑易单"].easy == easy_ones(rows)


def easy_ones(rows: Sequence[TicketOutcome]) -> tuple[str, ...]:
    """Name the easy tickets of who picks them."""
    return tuple(one.ticket_id for one in rows if (one.handler, one.type) == ("挑易单", EASY[0]))


def test_paces_name_a_hundred_easy_tickets_at_most() -> None:
    rows, more = [*solved()], [replace(one, ticket_id=TicketId(f"T20261102-{one.ticket_id[-6:]}")) for one in solved()]
    [found] = [one for one in paces(as_read([*rows, *more])) if one.handler == "挑易单"]
    assert (found.easier, found.easy) == (180, easy_ones([*rows, *more])[:100])


async def test_paces_are_read_from_what_became_of_tickets_and_lead_to_one_task(pool: Pool) -> None:
    rows = [*solved()]
    reopened = replace(rows[0], ticket_id=TicketId("T20251101-000001"), reopened_at=NOW)
    await fill(pool, [*rows, reopened])
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE insight_tasks, metric_judgements, outbox CASCADE")
    [(key, opened)] = await judged(pool, NOW)
    assert isinstance(opened, InsightTaskOpened)
    assert key == f"easy_tickets:{opened.task}"
    assert "挑易单" not in repr(opened), "a topic names no engineer"
    [expected] = [one for one in paces(as_read(rows)) if one.handler == "挑易单"]
    async with connected(pool) as connection:
        [task] = await tasks(connection)
    assert task.about == "挑易单"
    assert (task.units, task.hits) == (expected.compared, expected.easier)
    assert tuple(task.tickets) == opened.tickets == easy_ones(rows), "the easy ones, not the one that was reopened"
    assert f"{expected.like_for_like:.0%}" in task.causes[1]
    assert await judged(pool, NOW + HOUR) == []
    await fill(pool, rows[:10])
    assert await judged(pool, NOW + 2 * HOUR) == [], "too few say nothing"


@pytest.mark.parametrize(("hits", "units", "low", "high"), [(81, 263, 0.2553, 0.3662), (0, 20, 0.0, 0.1611)])
def test_paces_an_interval_of_a_share_is_as_published(hits: int, units: int, low: float, high: float) -> None:
    found = share_interval(hits, units)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_paces_intervals_of_a_rise_and_of_a_ratio() -> None:
    rise = rise_interval((48, 80), (56, 70))
    assert (round(rise.low, 4), round(rise.high, 4)) == (0.0524, 0.3339), "Newcombe 1998, table II, method 10"
    assert rise_interval((5, 200), (5, 200)).low < 0
    same = ratio_interval(0.0, 0.01)
    assert isclose(same.low * same.high, 1)
    assert Sample(count=2, total=2.0, squares=2.0).deviations == 0
