"""Metrics against gaming (R34): on made-up months, each against an oracle that counts them one by one."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest

from bus.insight.figures import read_cases, read_figure
from bus.insight.metric import Metric, MetricWindow
from bus.insight.metrics.customer_tickets import CUSTOMER_TICKETS
from bus.insight.metrics.deadline_reopened import DEADLINE_REOPENED
from bus.insight.metrics.resolved_without_work import RESOLVED_WITHOUT_WORK
from bus.insight.metrics.unsolved_resolved import UNSOLVED_RESOLVED
from bus.postgres.pool import Pool, connected
from projections.ticket_outcomes import TicketOutcome
from schemas.resolved_work import lacks_work, needed_work, says_unsolved
from tests.domain.people import RULES
from tests.insight.rounds import DAY, DEDUPE, HOUR, NOW, fill, outcome
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]
WINDOW = MetricWindow(since=NOW - 30 * DAY, until=NOW, dedupe_window=DEDUPE)
PHONES = "INSERT INTO ticket_phones SELECT * FROM unnest(%s::text[], %s::text[])"
Count = Callable[[TicketOutcome], tuple[bool, bool]]


def a_month() -> Sequence[TicketOutcome]:
    """Make two months of tickets, of which some are historic, reopened, near their deadline and so on."""
    rng, rows = random.Random(34), []  # noqa: S311 - made-up tickets, no secret
    for number in range(600):
        opened_at = NOW + 3 * DAY - timedelta(hours=rng.randrange(24 * 60))
        closed_at = opened_at + 5 * HOUR if rng.random() < 0.8 else None
        again = closed_at is not None and rng.random() < 0.3
        rows.append(
            outcome(
                number,
                opened_at=opened_at,
                historic=rng.random() < 0.1,
                closed_at=closed_at,
                reopened_at=closed_at + timedelta(days=rng.randrange(14)) if closed_at and again else None,
                handler=rng.choice(["王师傅", "李工"]),
                unsolved=rng.random() < 0.1,
                lacks_work=rng.choice([None, True, False]),
                near_deadline=rng.random() < 0.3,
            )
        )
    return rows


ORACLES: Sequence[tuple[Metric, Count]] = (
    (UNSOLVED_RESOLVED, lambda one: (_within(one.resolved_at) and not one.historic, one.unsolved)),
    (
        RESOLVED_WITHOUT_WORK,
        lambda one: (
            _within(one.resolved_at) and not one.historic and one.lacks_work is not None,
            bool(one.lacks_work),
        ),
    ),
    (
        DEADLINE_REOPENED,
        lambda one: (
            _within(one.closed_at) and one.near_deadline and not one.historic,
            bool(one.closed_at and one.reopened_at and one.reopened_at - one.closed_at < timedelta(days=7)),
        ),
    ),
)


def _within(at: datetime | None) -> bool:
    return at is not None and WINDOW.since <= at < WINDOW.until


@pytest.mark.parametrize(("metric", "count"), ORACLES, ids=lambda one: getattr(one, "name", ""))
async def test_gaming_a_metric_agrees_with_counting_one_by_one(pool: Pool, metric: Metric, count: Count) -> None:
    rows = a_month()
    await fill(pool, rows)
    counted = {one.ticket_id: count(one) for one in rows}
    units = [name for name, (unit, _) in counted.items() if unit]
    hits = {name for name in units if counted[name][1]}
    assert 0 < len(hits) < len(units)
    async with connected(pool) as connection:
        figure = await read_figure(connection, metric, WINDOW)
        cases = await read_cases(connection, metric, WINDOW, most=1_000)
    assert (figure.units, figure.hits) == (len(units), len(hits))
    assert {one.subject for one in cases} == hits
    handlers = Counter(one.handler for one in rows if one.ticket_id in hits)
    assert figure.causes == dict(handlers)


async def test_gaming_tickets_of_a_customer_agree_with_counting_one_by_one(pool: Pool) -> None:
    rng, rows = random.Random(7), a_month()  # noqa: S311 - made-up tickets, no secret
    phones = {one.ticket_id: rng.sample(range(120), rng.randrange(3)) for one in rows}
    await fill(pool, rows)
    pairs = [(f"p{phone}", ticket_id) for ticket_id, own in phones.items() for phone in own]
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE ticket_phones")
        await connection.execute(PHONES.encode(), [[*column] for column in zip(*pairs, strict=True)])
        figure = await read_figure(connection, CUSTOMER_TICKETS, WINDOW)
    opened = [one.ticket_id for one in rows if _within(one.opened_at)]
    per_phone = Counter(phone for name in opened for phone in phones[name])
    most = {name: max(per_phone[phone] for phone in phones[name]) for name in opened if phones[name]}
    many = Counter(str(count) for count in most.values() if count >= 4)
    assert (figure.units, figure.hits, figure.causes) == (len(most), sum(many.values()), dict(many))
    assert figure.left_out == len(opened) - len(most) > 0
    assert 0 < figure.hits < figure.units


@pytest.mark.parametrize(
    ("summary", "unsolved"),
    [
        ("更换主控板,运行正常", False),
        ("暂无法解决,先观察", True),
        ("暂 无法 解决", True),
        ("待配件到货后处理", True),
        ("NOT FIXED yet", True),
        ("Not fixed", True),
        ("更换主板后仍未能解决", True),
        ("Unable to fix, board on order", True),
        ("上次未解决的漏水,本次换密封圈", False),
        ("现场没有未解决的问题", False),
        ("上次未解决,本次仍无法解决", True),
        ("", False),
    ],
)
def test_gaming_words_of_a_summary_that_say_that_nothing_was_solved(summary: str, *, unsolved: bool) -> None:
    assert says_unsolved(summary) is unsolved


def test_gaming_work_that_a_type_needs() -> None:
    assert needed_work().keys() <= RULES.sla.keys()
    assert lacks_work("hardware_fault", []) is True
    assert lacks_work("hardware_fault", ["parts"]) is False
    assert lacks_work("installation", ["remote_diagnosis"]) is True
    assert lacks_work("complaint", []) is None
