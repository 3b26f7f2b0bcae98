"""The rule of tickets that wait because nobody suits: one alert for each type and region (R5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.naming import nearest
from bus.domain.routed import reasons_text
from bus.domain.simplified import folded
from bus.domain.text import Text
from bus.postgres.pool import Connection, read_rows

_READ: Final[LiteralString] = """
SELECT state->>'type' AS type, state->>'region' AS region, count(*) AS tickets, min(ticket_id) AS ticket_id,
    (array_agg(trace_id ORDER BY ticket_id))[1] AS trace_id,
    string_agg(DISTINCT state#>>'{routing,unroutable}', ',') AS reasons,
    (SELECT coalesce(jsonb_agg(DISTINCT asked), '[]')
        FROM jsonb_array_elements(jsonb_agg(DISTINCT coalesce(state->'skills', '[]'))) one,
        jsonb_array_elements_text(one) asked) AS skills,
    (SELECT coalesce(jsonb_agg(DISTINCT name), '[]') FROM people, jsonb_array_elements_text(profile->'regions') name
        WHERE left_at IS NULL) AS regions_known,
    (SELECT coalesce(jsonb_agg(DISTINCT one->>'name'), '[]') FROM people, jsonb_array_elements(profile->'skills') one
        WHERE left_at IS NULL) AS skills_known
FROM ticket_states WHERE handler = '' AND state#>>'{routing,unroutable}' <> ''
GROUP BY 1, 2 ORDER BY 1, 2"""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnroutableTickets:
    """How many tickets of a type and region nobody suits, and why, as codes with commas; the ticket is the oldest.

    `skills`: what any of them asks for; `regions_known` and `skills_known`: those of whoever is in the directory.
    """

    type: str
    region: str
    tickets: int
    ticket_id: str
    trace_id: str
    reasons: str
    skills: Sequence[str] = ()
    regions_known: Sequence[str] = ()
    skills_known: Sequence[str] = ()


async def unroutable_tickets(connection: Connection) -> Sequence[UnroutableTickets]:
    """Count the tickets that wait because nobody suits."""
    return await read_rows(connection, _READ, UnroutableTickets)


def _unroutable(found: Sequence[UnroutableTickets], _now: datetime) -> Sequence[Alert]:
    alerts = list[Alert]()
    for one in found:
        why, where = reasons_text(one.reasons, skills=one.skills), f"{one.type} {one.region}".strip()
        unknown = _unknown(one)
        alerts.append(
            Alert(
                rule=RuleName.UNROUTABLE,
                about=where,
                zh=f"{where}:{one.tickets} 个工单无人可派({why.zh}),最早的是 {one.ticket_id}:请手动指派,或补充人员"
                + unknown.zh,
                en=f"{where}: nobody suits {one.tickets} tickets ({why.en}), the oldest is {one.ticket_id}: "
                f"assign by hand, or see who is missing{unknown.en}",
                mend=f"ticketbus route explain {one.ticket_id}",
                ticket_id=one.ticket_id,
                trace_id=one.trace_id,
                facts={"tickets": one.tickets, "reasons": one.reasons},
            )
        )
    return alerts


def _unknown(found: UnroutableTickets) -> Text:
    """Name the region and the skills that nobody of the directory has, each with the nearest that somebody has."""
    asked = [("区域", "region", found.region, found.regions_known)] if found.region else []
    asked += [("技能", "skill", skill, found.skills_known) for skill in found.skills]
    zh, en = list[str](), list[str]()
    for name_zh, name, wanted, known in asked:
        if wanted and wanted not in known and known:
            spelled = {folded(one): one for one in known}
            close = spelled.get(nearest(folded(wanted), spelled), "")
            zh.append(f"名录中无人有{name_zh}“{wanted}”" + (f",是否指“{close}”" if close else ""))
            en.append(f"nobody has the {name} {wanted!r}" + (f"; did you mean {close!r}?" if close else ""))
    return Text("".join(f";{one}" for one in zh), "".join(f"; {one}" for one in en))


def _example(_now: datetime) -> Sequence[UnroutableTickets]:
    return [
        UnroutableTickets(
            type="hardware_fault",
            region="华东",
            tickets=3,
            ticket_id="T20261122-000123",
            trace_id="0" * 31 + "1",
            reasons="skill,full",
        )
    ]


UNROUTABLE: Final = AlertRule(
    name=RuleName.UNROUTABLE,
    severity=Severity.P2,
    title=Text("无人可派", "nobody suits a ticket"),
    read=unroutable_tickets,
    evaluate=_unroutable,
    fires=_example,
    quiet=lambda _now: (),
)
