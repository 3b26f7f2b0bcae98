"""The rule of probes that are not home in time: the way through the bus, or to a target, is not open."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text
from bus.journey.probes import OWN, Probe, read_probes, wrong_with

_WAY: Final = "probe"


def _missing(probes: Sequence[Probe], now: datetime) -> Sequence[Alert]:
    return [_alert(one, why) for one in probes if (why := wrong_with(one, now))]


def _alert(one: Probe, why: Text) -> Alert:
    if one.route == OWN:
        who = Text("总线探测", "the probe of the bus")
        effect = Text("新的工单变更可能走不完总线", "changes of tickets may not get through")
        mend = f"ticketbus trace {one.ticket_id}" if one.ticket_id else "ticketbus status"
    else:
        who = Text(f"对 {one.route} 的探测", f"the probe of {one.route}")
        effect = Text("它可能收不到投递", "deliveries may not reach it")
        mend = "ticketbus delivery list"
    return Alert(
        rule=RuleName.PROBE_MISSING,
        about=f"{one.route} {_WAY}".lstrip(),  # the target first: that is how causes know it
        zh=f"{who.zh}{why.zh}:{effect.zh};下一次返回后自动关闭",
        en=f"{who.en}: {why.en}; {effect.en}. It closes once the next one is home",
        mend=mend,
        ticket_id=one.ticket_id,
        facts={"target": one.route},
    )


def _example(sent_at: datetime, *, missing: bool) -> Sequence[Probe]:
    return [
        Probe(
            route=OWN,
            ticket_id="V20261122-000123",
            sent_at=sent_at,
            home_at=None if missing else sent_at + timedelta(seconds=1),
            missing_since=sent_at if missing else None,
            waits_at="ticket.events" if missing else "",
            every=timedelta(minutes=5),
            within=timedelta(seconds=60),
        )
    ]


PROBE_MISSING: Final = AlertRule(
    name=RuleName.PROBE_MISSING,
    severity=Severity.P1,
    title=Text("探测未返回", "a probe is not home"),
    read=read_probes,
    evaluate=_missing,
    fires=lambda now: _example(now - timedelta(seconds=70), missing=True),
    quiet=lambda now: [
        *_example(now - timedelta(seconds=50), missing=True),
        *_example(now - timedelta(minutes=5), missing=False),
    ],
    open_after=timedelta(seconds=30),  # a cause that began with it opens first, and hides it
)
