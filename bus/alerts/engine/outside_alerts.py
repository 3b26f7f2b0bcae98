"""Others' alerts, as an Alertmanager's webhook sends them: read, and kept until they are resolved.

Format: version 4 of https://prometheus.io/docs/alerting/latest/configuration/#webhook_config.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from typing import Any, Final, LiteralString

import orjson
from psycopg import Rollback
from typing_extensions import TypedDict

from bus.alerts.alert import Severity
from bus.domain.errors import BusError, MalformedInput
from bus.domain.text import Text
from bus.intake.command_bodies import read_time
from bus.observability.masking import mask_text
from bus.postgres.advisory_locks import wait_for_lock
from bus.postgres.pool import Connection

OWN_LABEL: Final = ("origin", "ticketbus")  # of alerts that this bus sent to an Alertmanager itself
OPEN_MAX: Final = 1_000  # of one client
P1_MORE_MAX: Final = 200  # of P1 beyond it
EASED: Final = OPEN_MAX * 9 // 10  # so few are open again when the alert that they are too many ends
BOUND: Final = "too_many_alerts"  # name and fingerprint of that alert
ALERTS_MAX: Final = 1_000  # in one batch
_CHARS_MAX, _NAME_CHARS_MAX = 500, 120
_SEVERITIES: Final[Mapping[str, Severity]] = {
    **dict.fromkeys(("critical", "page", "emergency", "fatal", "p1", "p0"), Severity.P1),
    **dict.fromkeys(("warning", "warn", "major", "error", "p2"), Severity.P2),
}
_KEEP: LiteralString = """
INSERT INTO outside_alerts (client, fingerprint, name, subject, severity, summary, starts_at, firing, region)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[],
    %s::boolean[], %s::text[])
ON CONFLICT (client, fingerprint) DO UPDATE SET
    (name, subject, severity, summary, starts_at, firing, region, received_at) = (excluded.name, excluded.subject,
    excluded.severity, excluded.summary, excluded.starts_at, excluded.firing, excluded.region, now())"""
_FORGET: LiteralString = "DELETE FROM outside_alerts WHERE NOT firing OR received_at < now() - interval '1 day'"
_OPEN: LiteralString = (
    "SELECT count(*) FROM outside_alerts WHERE client = ANY (%s) AND firing AND fingerprint <> %s GROUP BY client"
)
_FULL: LiteralString = """
INSERT INTO outside_alerts (client, fingerprint, name, subject, severity, summary, starts_at, firing)
SELECT client, %(bound)s, %(bound)s, '', 'p2', %(summary)s, now(), true FROM unnest(%(clients)s::text[]) AS client
ON CONFLICT (client, fingerprint) DO UPDATE SET received_at = now()"""
_FULL_NO_MORE: LiteralString = "DELETE FROM outside_alerts WHERE client = ANY (%s) AND fingerprint = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideAlert:
    """One alert of others, in the order of the columns."""

    client: str
    fingerprint: str
    name: str
    subject: str
    severity: Severity
    summary: str
    starts_at: datetime
    firing: bool
    region: str = ""


class OutsideAnswer(TypedDict):
    """How many alerts of the batch are firing, how many are resolved, and how many this bus had sent itself."""

    firing: int
    resolved: int
    own: int


class OutsideFull(BusError):
    """One client has too many open alerts here; of the batch, P1 alone and what is resolved is kept."""

    text = Text(
        f"未恢复的外部告警超过 {OPEN_MAX} 条,请先合并分组或排除低级别告警",
        f"more than {OPEN_MAX} alerts are open; group them, or route fewer here",
    )


def read_batch(data: Mapping[str, Any], client: str, now: datetime) -> tuple[Sequence[OutsideAlert], int]:
    """Read a batch: the alerts of others, the last of each fingerprint, and how many are this bus's own. Pure.

    Raises MalformedInput that names the field.
    """
    alerts = data.get("alerts")
    if not isinstance(alerts, list):
        zh = "alerts 须为 Alertmanager webhook(version 4)的数组"
        en = "alerts is the array of an Alertmanager's webhook, version 4"
        raise MalformedInput("missing" if alerts is None else "wrong_type", "alerts", zh, en)
    if len(alerts) > ALERTS_MAX:
        zh, en = f"alerts 超过 {ALERTS_MAX} 条", f"alerts has more than {ALERTS_MAX}"
        raise MalformedInput("out_of_range", "alerts", zh, f"{en}; set max_alerts in the receiver")
    found, own = dict[str, OutsideAlert](), 0
    for index, one in enumerate(alerts):
        labels = _texts(one, "labels", f"alerts[{index}]")
        if labels.get(OWN_LABEL[0]) == OWN_LABEL[1]:
            own += 1
            continue
        alert = _read(one, labels, client, f"alerts[{index}]")
        found[alert.fingerprint] = alert
    return [*found.values(), *_left_out(data, client, now)], own


def _left_out(data: Mapping[str, Any], client: str, now: datetime) -> Iterator[OutsideAlert]:
    """Give the alert that a batch was cut by its sender's `max_alerts`; the next whole one of its group resolves it."""
    count = data.get("truncatedAlerts")
    if isinstance(count, int) and not isinstance(count, bool):
        group = str(data.get("groupKey", ""))
        yield OutsideAlert(
            client=client,
            fingerprint=_mark({"truncated": group}),
            name="truncatedAlerts",
            subject=_shown(group, _NAME_CHARS_MAX),
            severity=Severity.P2,
            summary=f"Alertmanager 按 max_alerts 截去了 {count} 条告警,此处看不到 / max_alerts has cut {count} alerts",
            starts_at=now,
            firing=count > 0,
        )


async def keep(connection: Connection, alerts: Sequence[OutsideAlert]) -> bool:
    """Keep what is firing and what is resolved, and give whether that was all; what ended goes with the next batch.

    Beyond OPEN_MAX only P1 and what is resolved is kept, and an alert of its own says so.
    """
    await wait_for_lock(connection, "outside alerts")
    await connection.execute(_FORGET)
    clients = list({one.client for one in alerts})
    if await _kept(connection, alerts, OPEN_MAX):
        if await _most_open(connection, clients) <= EASED:
            await connection.execute(_FULL_NO_MORE, (clients, BOUND))
        return True
    urgent = [one for one in alerts if one.severity is Severity.P1 or not one.firing]
    urgent_kept = await _kept(connection, urgent, OPEN_MAX + P1_MORE_MAX)
    await connection.execute(_FULL, {"bound": BOUND, "summary": str(OutsideFull.text), "clients": clients})
    return urgent_kept and len(urgent) == len(alerts)


async def _kept(connection: Connection, alerts: Sequence[OutsideAlert], most: int) -> bool:
    """Keep alerts, all or, when more than `most` of a client would be open, none."""
    columns = zip(*(astuple(one) for one in alerts), strict=True) if alerts else [()] * len(fields(OutsideAlert))
    fits = False
    async with connection.transaction():
        await connection.execute(_KEEP, [list(column) for column in columns])
        fits = await _most_open(connection, list({one.client for one in alerts})) <= most
        if not fits:
            raise Rollback
    return fits


async def _most_open(connection: Connection, clients: Sequence[str]) -> int:
    rows = await (await connection.execute(_OPEN, (clients, BOUND))).fetchall()
    return max((count for (count,) in rows), default=0)


def _read(one: Mapping[str, Any], labels: Mapping[str, str], client: str, path: str) -> OutsideAlert:
    status = one.get("status")
    if status not in ("firing", "resolved"):
        zh, en = f"{path}.status 须为 firing 或 resolved", f"{path}.status is firing or resolved"
        raise MalformedInput("out_of_range", f"{path}.status", zh, en)
    notes = _texts(one, "annotations", path)
    name = labels.get("alertname") or "alert"
    words = [notes[key] for key in ("summary", "description", "message", "title") if notes.get(key, "").strip()]
    severity = labels.get("severity", labels.get("priority", "")).lower()
    given = one.get("fingerprint")
    fingerprint = given if isinstance(given, str) and given.strip() else _mark(labels)
    return OutsideAlert(
        client=client,
        fingerprint=_shown(fingerprint, _NAME_CHARS_MAX),
        name=_shown(name, _NAME_CHARS_MAX),
        subject=_shown(_subject(labels), _NAME_CHARS_MAX),
        severity=_SEVERITIES.get(severity, Severity.P3),
        summary=_shown(words[0] if words else name, _CHARS_MAX),
        starts_at=read_time(one.get("startsAt"), f"{path}.startsAt"),
        firing=status == "firing",
        region=_shown(labels.get("region", ""), _NAME_CHARS_MAX),
    )


def _texts(one: object, name: str, path: str) -> Mapping[str, str]:
    """Read a mapping of texts; other values are shown as JSON."""
    members = one.get(name) or {} if isinstance(one, Mapping) else None
    if not isinstance(members, Mapping):
        field = path if members is None else f"{path}.{name}"
        raise MalformedInput("wrong_type", field, f"“{field}”须为对象", f"{field} is an object")
    return {key: text if isinstance(text, str) else orjson.dumps(text).decode() for key, text in members.items()}


def _subject(labels: Mapping[str, str]) -> str:
    """Name what it is about, by the label that says it best."""
    return next((labels[key] for key in ("instance", "host", "pod", "service", "job") if labels.get(key)), "")


def _mark(labels: Mapping[str, str]) -> str:
    return hashlib.sha256(orjson.dumps(labels, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _shown(text: str, most: int) -> str:
    """Give a text on one line, phones masked, cut."""
    line = mask_text(" ".join(text.split()))
    return line if len(line) <= most else f"{line[:most]}…"
