"""What all programs of a host see alike is heard of once: one of them has the turn, and its end passes it on."""

from datetime import timedelta
from pathlib import Path

from bus.alerts.engine.direct_path import TURN_KEPT_FOR, DirectPath
from bus.alerts.engine.host_turn import HostTurn
from bus.alerts.engine.rounds import database_away
from bus.alerts.rule_names import RuleName
from bus.domain.errors import StoreUnavailable
from tests.alerts.alerting import Alerting, paused
from tests.alerts.test_advance import NOW


def test_host_turn_is_one_s_until_it_leaves_or_ends(tmp_path: Path) -> None:
    first, second = (HostTurn(path=tmp_path / "data" / "lock") for _ in range(2))
    assert (first.take(), first.take(), second.take()) == (True, True, False)
    first.leave()
    assert (second.take(), first.take()) == (True, False)
    second.leave()


def test_host_turn_is_everybody_s_where_no_file_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert [HostTurn(path=tmp_path / "file" / "lock").take() for _ in range(2)] == [True, True]


async def test_host_turn_one_outage_is_heard_of_once_by_two_programs(alerting: Alerting, tmp_path: Path) -> None:
    now = [NOW]
    config, channels, rules = alerting.notifier.config, alerting.notifier.channels, alerting.notifier.rules
    gateway, worker = (
        DirectPath(
            config=config, channels=channels, rules=rules, now=lambda: now[0], turn=HostTurn(path=tmp_path / "lock")
        )
        for _ in range(2)
    )
    away = database_away(StoreUnavailable("x"))
    for one in (gateway, worker, gateway):
        await one.send([away])
    await gateway.recovered()
    await worker.send([away])  # it has not found PostgreSQL again yet
    await worker.recovered()
    assert [text[:9] for _, text in alerting.first.messages] == ["【P1 告警】无法", "【P1 已恢复】无"]
    await worker.send([paused("crm", RuleName.SOURCE_5XX)])
    assert "5xx:crm" in alerting.first.messages[-1][1], "what a program sees alone it says itself"
    now[0] += TURN_KEPT_FOR
    await gateway.recovered()
    now[0] += timedelta(minutes=1)
    await worker.send([away])
    assert "无法连接" in alerting.first.messages[-1][1], "the next outage is another one's to say"
    worker.turn.leave()
