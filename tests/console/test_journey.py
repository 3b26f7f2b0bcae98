"""The page of a journey: what stands still is red, what waits within its limit for a person is not."""

import pytest

from bus.domain.text import Text
from bus.journey.verdict import Owner, Verdict, VerdictCause
from tests.console.conftest import Visitor


@pytest.mark.parametrize(("overdue", "shown_as"), [(False, "waits"), (True, "problem")])
async def test_journey_a_verdict_is_red_only_once_a_limit_is_over(
    visitor: Visitor, *, overdue: bool, shown_as: str
) -> None:
    verdict = Verdict(
        cause=VerdictCause.NOT_ACTED_ON,
        hop="acted_on",
        where="王工",
        owner=Owner.ENGINEER,
        text=Text("没有卡住,等待王工处理", "nothing is stuck"),
        evidence={"overdue": overdue},
    )
    visitor.gateway.known_by, visitor.gateway.verdict = {"T1": ["T1"]}, [verdict.as_json()]
    await visitor.sign_in()
    shown = (await visitor.get("/tickets/T1")).text
    assert f'<div class="{shown_as}">\n<p><span class="mark">not_acted_on</span> 没有卡住' in shown
