"""The rule of clocks: a host's differs from PostgreSQL's, by which deadlines and signatures are judged wrong."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.alerts.rules.programs import beat_of
from bus.domain.text import Text
from bus.postgres.heartbeats import Beats, read_beats

SKEW_S: Final = 2.0
URGENT_S: Final = 60.0


def _skewed(beats: Beats, now: datetime) -> Sequence[Alert]:
    ahead_s = dict[str, float]()
    for one in beats:
        if one.lives(now) and abs(one.ahead_s) >= max(SKEW_S, abs(ahead_s.get(one.host, 0.0))):
            ahead_s[one.host] = one.ahead_s
    return [_alert(host, seconds) for host, seconds in ahead_s.items()]


def _alert(host: str, ahead_s: float) -> Alert:
    zh, en = ("快", "ahead of") if ahead_s > 0 else ("慢", "behind")
    return Alert(
        rule=RuleName.CLOCK_SKEW,
        about=host,
        zh=f"主机 {host} 的时钟比 PostgreSQL {zh} {abs(ahead_s):.1f} 秒:SLA 计时和签名校验会出错,请校时",
        en=f"the clock of {host} is {abs(ahead_s):.1f} s {en} PostgreSQL's: SLA deadlines and signatures are judged "
        "wrong; set it right",
        mend="timedatectl status",
        severity=Severity.P1 if abs(ahead_s) >= URGENT_S else None,
        facts={"ahead_s": round(ahead_s, 1)},
    )


CLOCK_SKEW: Final = AlertRule(
    name=RuleName.CLOCK_SKEW,
    severity=Severity.P2,
    title=Text("主机时钟偏差", "a host's clock is wrong"),
    read=read_beats,
    evaluate=_skewed,
    fires=lambda now: [beat_of("worker", now, ahead_s=-3.5)],
    quiet=lambda now: [beat_of("worker", now, ahead_s=1.5), beat_of("worker", now - timedelta(hours=1), ahead_s=90.0)],
    open_after=timedelta(seconds=30),  # one heartbeat that was held up says nothing
)
