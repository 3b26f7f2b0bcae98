"""Alerts over HTTP, and the door for others': on a real database."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from bus.alert_catalogue import RULES
from bus.alerts.alert import Alert
from bus.alerts.engine.advance import advance
from bus.alerts.engine.alert_service import PostgresAlertService
from bus.alerts.engine.alert_store import known_alerts, store
from bus.alerts.engine.outside_alerts import BOUND, OPEN_MAX, P1_MORE_MAX
from bus.alerts.engine.silences import silences
from bus.alerts.rule_names import RuleName
from bus.domain.terms import TicketId
from bus.gateway.auth.binding import Binding, Client
from bus.gateway.auth.roles import Role
from bus.postgres.pool import Pool, connected
from tests.gateway.conftest import Gateway
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]
FIRING: dict[str, Any] = {
    "status": "firing",
    "labels": {"alertname": "HighLoad", "instance": "crm-1:9100", "severity": "critical"},
    "annotations": {"summary": "负载过高, 联系 13800000001"},
    "startsAt": "2026-11-29T01:02:03.123456789Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "fingerprint": "0123456789abcdef",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AlertApi:
    """The gateway on a database, and rounds of the engine by hand."""

    gateway: Gateway
    pool: Pool

    async def get(self, path: str, role: str = "sre") -> Any:
        answer = await self.gateway.get(path, role)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: object = None, role: str = "sre") -> httpx2.Response:
        return await self.gateway.http.post(path, json=body, headers={"Authorization": f"Bearer {role}"})

    async def round(self, *seen: Alert, rule: RuleName = RuleName.TARGET_PAUSED) -> list[str]:
        """Let the engine see those, or what the rule reads; gives what people hear of."""
        async with connected(self.pool) as connection:
            now = datetime.now(UTC)
            found = seen or RULES[rule].evaluate(await RULES[rule].read(connection), now)
            quiet = await silences(connection, now)
            changes = advance(
                RULES,
                await known_alerts(connection),
                found,
                read={rule.value},
                silence_of=lambda state: next((f"silence {one.number}" for one in quiet if one.covers(state)), ""),
                now=now,
            )
            await store(connection, changes, lambda _change: ["log"], now)
        return [f"{one.state.alert.about} {one.flip}" for one in changes if one.flip]


@pytest.fixture
async def api(pool: Pool) -> AsyncIterator[AlertApi]:
    """Begin without an alert."""
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE alerts, alert_notices, alert_silences, outside_alerts CASCADE")
    gateway = Gateway(alerts=PostgresAlertService(pool))
    async with gateway.app.router.lifespan_context(gateway.app), gateway.http:
        yield AlertApi(gateway, pool)


def paused(about: str = "erp") -> Alert:
    """Make an alert."""
    return Alert(rule=RuleName.TARGET_PAUSED, about=about, zh="已暂停", en="paused", mend="ticketbus delivery resume")


async def test_alerts_http_are_listed_of_one_ticket(api: AlertApi) -> None:
    number = "T20261130-000001"
    await api.round(paused(), replace(paused("crm"), ticket_id=TicketId(number)))
    assert len((await api.get("/v1/alerts"))["alerts"]) == 2
    for state, count in (("open", 1), ("closed", 0)):
        found = (await api.get(f"/v1/alerts?state={state}&ticket={number}"))["alerts"]
        assert [one["about"] for one in found] == ["crm"] * count, state
    assert (await api.get("/v1/alerts?ticket=T20261130-000002"))["alerts"] == []


async def test_alerts_http_an_alert_is_listed_shown_and_acknowledged_once(api: AlertApi) -> None:
    await api.round(paused())
    (listed,) = (await api.get("/v1/alerts", "lead"))["alerts"]
    number = listed["number"]
    assert (listed["rule"], listed["about"], listed["notices"]) == ("target_paused", "erp", [])
    for _ in range(2):  # one's own again is nothing new
        acked = await api.post(f"/v1/alerts/{number}/ack", {"why": "在处理 13800001111"})
        assert (acked.status_code, acked.json()["acked_by"]) == (200, "a-sre")
        assert acked.json()["acked_why"] == "在处理 138****1111"
    assert [one["channel"] for one in acked.json()["notices"]] == ["log"]
    other = await api.post(f"/v1/alerts/{number}/ack", {}, "admin")
    assert (other.status_code, other.json()["code"]) == (409, "already")
    async with connected(api.pool) as connection:
        await connection.execute("UPDATE alerts SET closed_at = now()")
    assert (await api.get("/v1/alerts"))["alerts"] == []
    assert [one["number"] for one in (await api.get("/v1/alerts?state=closed"))["alerts"]] == [number]
    closed = await api.post(f"/v1/alerts/{number}/ack", {}, "admin")
    assert (closed.status_code, closed.json()["code"]) == (409, "not_now")


async def test_alerts_http_a_silence_hides_can_be_seen_and_ends(api: AlertApi) -> None:
    wanted = {"rule": "target_paused", "about": "erp", "minutes": 60, "why": "ERP 升级"}
    for minutes in (30, 60):  # the second changes the first
        made = await api.post("/v1/alerts/silences", {**wanted, "minutes": minutes})
        assert made.status_code == 200, made.text
    (one,) = made.json()["silences"]
    assert (one["about"], one["made_by"], one["why"]) == ("erp", "a-sre", "ERP 升级")
    assert await api.round(paused(), paused("crm")) == ["crm opened"]
    ended = await api.post(f"/v1/alerts/silences/{one['number']}/end")
    assert (ended.status_code, ended.json()) == (200, {"silences": []})
    assert await api.round(paused(), paused("crm")) == ["erp opened"]
    assert (await api.post(f"/v1/alerts/silences/{one['number']}/end")).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("/v1/alerts/silences", {"rule": "target_pause", "minutes": 5, "why": "x"}, 422, "rule"),
        ("/v1/alerts/silences", {"rule": "target_paused", "minutes": 0, "why": "x"}, 422, "minutes"),
        ("/v1/alerts/silences", {"rule": "target_paused", "minutes": 10_081, "why": "x"}, 422, "minutes"),
        ("/v1/alerts/silences", {"rule": "target_paused", "minutes": 5, "why": " "}, 422, "why"),
        ("/v1/alerts/silences", {"rule": "target_paused", "minutes": 5}, 422, "why"),
        ("/v1/alerts/silences", {"rules": "target_paused", "minutes": 5, "why": "x"}, 422, "rules"),
        ("/v1/alerts/999999/ack", {}, 404, "alert"),
        ("/v1/alerts/x/ack", {}, 404, "alert"),
    ],
)
async def test_alerts_http_a_refusal_names_its_field(
    api: AlertApi, path: str, body: object, status: int, field: str
) -> None:
    answer = await api.post(path, body)
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text
    assert (await api.get("/v1/alerts/silences"))["silences"] == []


async def test_alerts_http_roles_read_or_decide_and_a_person_decides(api: AlertApi) -> None:
    await api.round(paused())
    (one,) = (await api.get("/v1/alerts"))["alerts"]
    for role in ("engineer", "dispatcher", "source", "subscriber", "host"):
        assert (await api.gateway.get("/v1/alerts", role)).status_code == 403, role
    for role in ("lead", "dispatcher", "host"):
        assert (await api.post(f"/v1/alerts/{one['number']}/ack", {}, role)).status_code == 403, role
    for role in ("lead", "source", "sre"):
        assert (await api.post("/v1/alerts/alertmanager", {"alerts": []}, role)).status_code == 403, role
    board = Client(name="board", role=Role.SRE, binding=Binding(bound=True))
    api.gateway.clients.known["board"] = board
    assert (await api.post(f"/v1/alerts/{one['number']}/ack", {}, "board")).json()["code"] == "not_allowed"


async def test_alerts_http_a_lead_acknowledges_a_tickets_promise_and_nothing_else(api: AlertApi) -> None:
    rule = RULES[RuleName.SLA_ESCALATION]
    await api.round(paused(), *rule.evaluate(rule.fires(datetime.now(UTC)), datetime.now(UTC)))
    numbers = {one["rule"]: one["number"] for one in (await api.get("/v1/alerts", "lead"))["alerts"]}
    path, body = f"/v1/alerts/{numbers['sla_escalation']}/ack", {"why": "已联系客户"}
    for token, region, status in (("south", "华南", 403), ("east", "华东", 200)):
        own = Binding(bound=True, person=f"{region}组长", regions=(region,))
        api.gateway.clients.known[token] = Client(name=token, role=Role.LEAD, binding=own)
        acked = await api.post(path, body, token)
        assert acked.status_code == status, acked.text
    assert acked.json()["acked_by"] == "华东组长"
    await api.round()
    acked = await api.post(path, body, "lead")
    assert acked.json()["code"] == "already"
    refused = await api.post(f"/v1/alerts/{numbers['target_paused']}/ack", {}, "lead")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    silenced = {"rule": "sla_escalation", "minutes": 5, "why": "x"}
    assert (await api.post("/v1/alerts/silences", silenced, "lead")).status_code == 403


async def test_alerts_http_rules_are_those_of_the_catalogue(api: AlertApi) -> None:
    rules = (await api.get("/v1/alerts/rules"))["rules"]
    assert {one["rule"] for one in rules} == set(RULES)
    assert (await api.gateway.get("/v1/alerts?state=all", "sre")).json()["field"] == "state"


async def test_alerts_http_an_alertmanagers_alert_is_open_until_it_is_resolved(api: AlertApi) -> None:
    own = {**FIRING, "labels": {**FIRING["labels"], "origin": "ticketbus"}}
    taken = await api.post("/v1/alerts/alertmanager", {"version": "4", "new": 1, "alerts": [FIRING, own]}, "host")
    assert (taken.status_code, taken.json()) == (200, {"firing": 1, "resolved": 0, "own": 1})
    about = "a-host: HighLoad crm-1:9100 (0123456789abcdef)"
    assert await api.round(rule=RuleName.OUTSIDE_ALERT) == [f"{about} opened"]
    (one,) = (await api.get("/v1/alerts"))["alerts"]
    assert (one["severity"], "13800000001" in str(one), "负载过高" in one["zh"]) == ("p1", False, True)
    resolved = {**FIRING, "status": "resolved", "endsAt": "2026-11-29T01:09:00Z"}
    again = await api.post("/v1/alerts/alertmanager", {"alerts": [FIRING, resolved]}, "host")
    assert again.json() == {"firing": 0, "resolved": 1, "own": 0}  # the last word of a batch counts
    async with connected(api.pool) as connection:
        assert RULES[RuleName.OUTSIDE_ALERT].evaluate(
            await RULES[RuleName.OUTSIDE_ALERT].read(connection), datetime.now(UTC)
        ) == []  # fmt: skip


async def test_alerts_http_a_batch_that_its_sender_has_cut_says_so_until_one_is_whole(api: AlertApi) -> None:
    batch = {"groupKey": "{}:{alertname=~x}", "alerts": [FIRING]}
    cut = await api.post("/v1/alerts/alertmanager", {**batch, "truncatedAlerts": 5}, "host")
    assert cut.json() == {"firing": 2, "resolved": 0, "own": 0}
    assert any("truncatedAlerts" in one for one in await api.round(rule=RuleName.OUTSIDE_ALERT))
    whole = await api.post("/v1/alerts/alertmanager", {**batch, "truncatedAlerts": 0}, "host")
    assert whole.json() == {"firing": 1, "resolved": 1, "own": 0}


async def test_alerts_http_a_malformed_batch_is_refused_by_field_and_kept(api: AlertApi) -> None:
    for body, field in (
        ({}, "alerts"),
        ({"alerts": {}}, "alerts"),
        ({"alerts": ["x"]}, "alerts[0]"),
        ({"alerts": [FIRING, {**FIRING, "status": "gone"}]}, "alerts[1].status"),
        ({"alerts": [{**FIRING, "startsAt": "yesterday"}]}, "alerts[0].startsAt"),
        ({"alerts": [{**FIRING, "labels": []}, {**FIRING, "labels": ["a"]}]}, "alerts[1].labels"),
    ):
        answer = await api.post("/v1/alerts/alertmanager", body, "host")
        assert (answer.status_code, answer.json()["field"]) == (400, field), answer.text
    assert len(api.gateway.refused.kept) == 6
    async with connected(api.pool) as connection:
        assert await (await connection.execute("SELECT count(*) FROM outside_alerts")).fetchone() == (0,)


async def test_alerts_http_beyond_the_bound_p1_is_kept_and_an_alert_says_that_others_are_not(api: AlertApi) -> None:
    def sent(fingerprint: str, severity: str, status: str = "firing") -> dict[str, Any]:
        return {**FIRING, "fingerprint": fingerprint, "labels": {"severity": severity}, "status": status}

    async def kept(*names: str) -> set[str]:
        query = "SELECT fingerprint FROM outside_alerts WHERE firing AND fingerprint = ANY (%s)"
        async with connected(api.pool) as connection:
            return {row[0] for row in await (await connection.execute(query, (list(names),))).fetchall()}

    async def post(*alerts: dict[str, Any]) -> int:
        return (await api.post("/v1/alerts/alertmanager", {"alerts": alerts}, "host")).status_code

    many = [f"{number:x}" for number in range(OPEN_MAX)]
    assert await post(*(sent(one, "info") for one in many)) == 200
    assert await kept(BOUND) == set()
    assert await post(sent("urgent", "critical"), sent("minor", "info")) == 429
    assert await kept("urgent", "minor", BOUND) == {"urgent", BOUND}
    assert await post(*(sent(f"p{number}", "critical") for number in range(P1_MORE_MAX - 1))) == 200
    assert await post(sent("one more", "critical")) == 429
    assert await post(*(sent(one, "info", "resolved") for one in many)) == 200
    assert await post(sent("minor", "info")) == 200
    assert await kept("urgent", "minor", BOUND) == {"urgent", "minor"}


async def test_alerts_http_too_many_open_alerts_of_one_client_are_asked_to_come_later(api: AlertApi) -> None:
    minor = {**FIRING, "labels": {"severity": "warning"}}
    many = [{**minor, "fingerprint": f"{number:x}"} for number in range(OPEN_MAX)]
    assert (await api.post("/v1/alerts/alertmanager", {"alerts": many}, "host")).status_code == 200
    one_more = await api.post("/v1/alerts/alertmanager", {"alerts": [{**minor, "fingerprint": "more"}]}, "host")
    assert (one_more.status_code, one_more.json()["code"]) == (429, "too_many_alerts")
    assert one_more.headers["retry-after"] == "60"
    assert (await api.post("/v1/alerts/alertmanager", {"alerts": many[:9]}, "host")).status_code == 200
