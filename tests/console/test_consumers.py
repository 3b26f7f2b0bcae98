"""The page of consumers: the worst first, in words, and that nobody watches is not silent."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bus.consistency.consumer_verdict import ConsumerVerdict
from bus.intake.dispatch import utc_now
from tests.consistency.consumer_histories import judged
from tests.console.conftest import Visitor

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
    assert "2h 5m" in shown or "2h 4m" in shown
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
