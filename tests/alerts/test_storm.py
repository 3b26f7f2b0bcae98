"""A thousand alerts at once, on a driven clock: digests, no robot locked, and each P1 in hands within a minute."""

from dataclasses import replace

from bus.alerts.engine.alerts_config import AlertsConfig, ChannelConfig
from bus.alerts.rule_names import RuleName
from bus.postgres.pool import connected
from tests.adapters.chat_robots import Clock, robot
from tests.alerts.alerting import Alerting, paused

P1_WITHIN_S = 60


async def test_storm_each_p1_is_in_hands_within_a_minute_and_no_robot_is_locked(alerting: Alerting) -> None:
    clock = Clock()
    async with robot("dingtalk", clock) as (channel, simulator):
        config = AlertsConfig(channels={"sre": ChannelConfig(adapter="dingtalk-robot")})
        notifier = replace(alerting.notifier, config=config, channels={"sre": channel})
        alerting.rounds = replace(alerting.rounds, channels_of=config.channels_of)
        reported_s = dict[str, float]()
        for second in range(0, 90, 2):
            if second < 12:  # they use up what is free in a minute
                early = [paused(f"early {second} {number}", RuleName.BREAKER_OPEN) for number in range(4)]
                await alerting.report(*early)
            if second == 20:
                storm = [paused(f"target {number}", RuleName.BREAKER_OPEN) for number in range(999)]
                await alerting.report(*storm, paused("erp"))
            if second == 24:
                await alerting.report(paused("crm"))
            if second in (20, 24):
                reported_s["erp" if second == 20 else "crm"] = clock()
            for one in (notifier, replace(notifier)):
                await one.send_due("sre")
            clock.now_s += 2
            await alerting.pass_time(2)
        heads = [(at, text.splitlines()[0].strip()) for at, text in simulator.messages]
        for about, since in reported_s.items():
            [arrived] = [at for at, head in heads if head == f"【P1 告警】目标系统已暂停投递:{about}"]
            assert arrived - since <= P1_WITHIN_S
        assert simulator.locked == 0
        assert [head for _, head in heads if "条告警合并" in head]
    async with connected(alerting.pool) as connection:
        query = "SELECT count(*), count(sent_at) FROM alert_notices"
        ((made, sent),) = await (await connection.execute(query)).fetchall()
    assert made == sent == 1_025
