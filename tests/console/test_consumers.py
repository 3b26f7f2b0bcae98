"""The page of consumers: the worst first, in words, and that nobody watches is not silent."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bus.consistency.consumer_history import ConsumerKind
from bus.consistency.consumer_store import ConsumerLag
from bus.consistency.consumer_verdict import ConsumerVerdict
from bus.intake.dispatch import utc_now
from tests.consistency.consumer_histories import judged
from tests.console.conftest import Visitor

AT = datetime(2026, 11, 29, 3, tzinfo=UTC)
MARKUP = "<img src=x onerror=alert(2)>"


async def test_consumers_page_shows_the_worst_first_with_its_time_to_loss(visitor: Visitor) -> None:
    now = utc_now()
    well = replace(judged([(5, 5, 1)] * 8), consumer="a-well", verdicts=(ConsumerVerdict.OK,), read_at=now)
    slow = replace(well, consumer="m-slow", verdicts=(ConsumerVerdict.SLOW,), lag=3)
    losing = replace(
        well, consumer="z-loses", verdicts=(ConsumerVerdict.WILL_LOSE,), loses_at=now + timedelta(hours=2, minutes=5)
    )
    visitor.gateway.consumers = [well, slow, losing]
    await visitor.sign_in("lead")
    shown = (await visitor.get("/consumers")).text
    assert shown.index("z-loses") < shown.index("m-slow") < shown.index("a-well")
    assert '<span class="mark bad">将丢消息</span>' in shown
    assert "2 小时 5 分钟" in shown or "2 小时 4 分钟" in shown
    assert 'class="problem"' not in shown.split("<main")[1]


async def test_consumers_page_says_in_red_that_nobody_watches(visitor: Visitor) -> None:
    await visitor.sign_in("sre")
    shown = (await visitor.get("/consumers")).text
    assert '<p class="problem">一分钟内没有工作进程判断过消费者' in shown
    assert "没有消费者" not in shown, "nobody knows that"


@pytest.mark.parametrize("role", ["dispatcher", "engineer"])
async def test_consumers_page_is_refused_to_who_may_not_see_them(visitor: Visitor, role: str) -> None:
    await visitor.sign_in(role)
    page = await visitor.get("/consumers")
    assert (page.status_code, 'href="/console/consumers"' in page.text) == (403, False)


async def test_consumers_page_shows_markup_as_text(visitor: Visitor) -> None:
    visitor.gateway.consumers = [replace(judged([(500, 600, 1)] * 8), consumer=MARKUP, topic=MARKUP)]
    await visitor.sign_in()
    shown = (await visitor.get("/consumers")).text
    assert "&lt;img src=x" in shown
    assert "<img" not in shown


async def test_consumers_lag_over_time_is_a_table_of_who_was_behind_the_worst_first(visitor: Visitor) -> None:
    def lag_of(consumer: str, *lags: int) -> ConsumerLag:
        at = {AT + timedelta(minutes=10 * n): lag for n, lag in enumerate(lags)}
        return ConsumerLag(kind=ConsumerKind.GROUP, consumer=consumer, topic="ticket.assign", lags=at)

    visitor.gateway.lags = [lag_of("a-well", 0, 0), lag_of("b-slow", 1_200, 7), lag_of(MARKUP, 90_000)]
    await visitor.sign_in("lead")
    shown = (await visitor.get("/consumers/lags")).text
    heads, first, last = (row.split("</tr>")[0] for row in shown.split('<table id="lags">')[1].split("<tr")[1:4])
    assert "&lt;img src=x" in heads.split("b-slow")[0]
    assert "a-well" not in shown
    assert re.findall(r"<td[^>]*>([^<]*)</td>", first) == ["", "7"], "the newest first; of one nothing is known"
    assert re.findall(r"<td[^>]*>([^<]*)</td>", last) == ["90,000", "1,200"]
    assert f'data-at="{int(AT.timestamp())}"' in last
    visitor.gateway.lags = [lag_of("a-well", 0, 0)]
    assert "三小时内没有消费者落后" in (await visitor.get("/consumers/lags")).text
    visitor.gateway.lags = []
    nobody = (await visitor.get("/consumers/lags")).text
    assert ("没有读数" in nobody, 'class="done"' in nobody) == (True, False)
