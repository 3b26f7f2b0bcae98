"""Now: causes with all that they bring about, and never all clear while something is open."""

from dataclasses import replace

from console.pages.now import by_cause
from tests.console.conftest import Visitor
from tests.gateway.fake_alerts import OPEN
from tests.gateway.test_probes_http import probe


async def test_now_an_effect_stands_under_its_cause_and_a_silenced_alert_is_not_hidden(visitor: Visitor) -> None:
    visitor.alerts.alerts = {
        1: replace(OPEN, number=1, rule="breaker_open", about="erp", zh="熔断"),
        2: replace(OPEN, number=2, rule="consumer_stalled", about="erp", zh="卡住", hidden_by="breaker_open|erp"),
        3: replace(OPEN, number=3, rule="letter", about="crm", zh="死信", hidden_by="silence 4", silence=4),
    }
    await visitor.sign_in("sre")
    shown = (await visitor.get("/now")).text
    effects, silenced = shown.split("由它引起 (1)")[1].split("打开但已静默")
    assert "卡住" in effects
    assert "死信" in silenced.split("探测")[0]
    del visitor.alerts.alerts[1], visitor.alerts.alerts[2]
    assert "没有打开的告警" not in (await visitor.get("/now")).text
    assert "已静默(第 4 条)" in (await visitor.get("/alerts")).text


def test_now_causes_of_causes_and_circles_end_somewhere() -> None:
    def alert(number: int, hidden_by: str) -> dict[str, object]:
        return {"number": number, "rule": "r", "about": str(number), "hidden_by": hidden_by, "silence": None}

    first, second, third = alert(1, ""), alert(2, "r|1"), alert(3, "r|2")
    orphan, circle, back = alert(4, "r|9"), alert(5, "r|6"), alert(6, "r|5")
    causes, silenced = by_cause([first, second, third, orphan, circle, back])
    assert causes[:2] == [(first, [second, third]), (orphan, [])]
    assert sorted(one["number"] for cause, effects in causes[2:] for one in (cause, *effects)) == [5, 6]
    assert silenced == []


async def test_now_a_probe_that_never_came_home_is_no_green_light(visitor: Visitor) -> None:
    visitor.gateway.probes = [probe("", sent_s=5, missing=True), probe("erp", sent_s=90, missing=True)]
    await visitor.sign_in("sre")
    own, erp = (await visitor.get("/now")).text.split("探测</h2>")[1].split("<li>")[1:3]
    assert ("尚未探测" in own, "good" in own) == (True, False)
    assert "断" in erp
