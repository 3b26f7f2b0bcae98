"""The rule of dwell: tickets are in their state for too long, told once for each that turns red (R15)."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule_names import RuleName
from bus.alerts.rules.reported import reported
from bus.domain.dwell import Dwell
from bus.domain.text import Text

REPORTED_EVERY: Final = timedelta(minutes=1)


def red_alerts(dwells: Iterable[Dwell]) -> Sequence[Alert]:
    """Give an alert for each state and region with red tickets; one that turns red later is heard of as well. Pure."""
    places = dict[tuple[str, str], list[Dwell]]()
    for one in dwells:
        if one.red_since is not None:
            places.setdefault((one.state.value, one.region), []).append(one)
    alerts = list[Alert]()
    for (state, region), found in sorted(places.items()):
        oldest = max(found, key=lambda one: one.working_s)
        hours, name = oldest.working_s / 3600, oldest.state.zh
        alerts.append(
            Alert(
                rule=RuleName.DWELL_RED,
                about=f"{state} {region}".strip(),
                zh=f"{region or '未知区域'}:{len(found)} 个工单滞留在“{name}”,"
                f"最久的 {oldest.ticket_id} 已 {hours:.1f} 个工作小时",
                en=f"{region or 'unknown region'}: {len(found)} tickets stay {state}, {oldest.ticket_id} for longest, "
                f"{hours:.1f} working hours",
                mend="ticketbus dwell --red",
                newest=max(int(one.red_since.timestamp()) for one in found if one.red_since),
                ticket_id=oldest.ticket_id,
                trace_id=oldest.trace_id,
                facts={"tickets": len(found), "state": state, "region": region},
            )
        )
    return alerts


DWELL_RED: Final = reported(
    RuleName.DWELL_RED,
    Severity.P2,
    Text("工单滞留超时", "tickets stay in a state for too long"),
    lasts=2 * REPORTED_EVERY + timedelta(seconds=30),
)
