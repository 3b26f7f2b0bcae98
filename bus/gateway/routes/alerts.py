"""Routes of alerts: what is wrong, who looks after it, silences, and the door for others' alerts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.alerts.engine import outside_alerts
from bus.alerts.engine.alert_admin import ListedAlert
from bus.alerts.engine.outside_alerts import OutsideAnswer, OutsideFull
from bus.alerts.engine.silences import Silence
from bus.alerts.rule import AnyRule
from bus.alerts.rule_names import RuleName
from bus.domain import refusals
from bus.domain.errors import CommandRefused, Refusal
from bus.domain.naming import did_you_mean, nearest
from bus.domain.terms import TicketId
from bus.domain.text import Text
from bus.gateway.auth.authorize import admit, authenticate, not_allowed
from bus.gateway.auth.binding import Client
from bus.gateway.auth.roles import Access
from bus.gateway.deps import body_of, deps_of
from bus.gateway.http.openapi import in_path, request_docs
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.request_models import gone, path_number, read
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import Handler, HttpRoute, reading
from bus.gateway.http.single_values import query_of
from bus.gateway.ports import AlertService
from bus.gateway.routes.alert_requests import AckAlert, AlertRequest, EndSilence, SilenceRule
from bus.gateway.write.refused_request import keep_refused, request_received
from bus.wire.json_body import read_object
from bus.wire.rejected_input import RejectedInputStore

_STATES: Final = ("open", "closed")
_STATE: Final = {"name": "state", "in": "query", "schema": {"enum": _STATES, "default": "open"}}
_OF_TICKET: Final = {
    "name": "ticket",
    "in": "query",
    "description": "of this ticket alone",
    "schema": {"type": "string"},
}
_NUMBER: Final = {"type": "integer", "minimum": 1}
_BATCH: Final = {
    "type": "object",
    "required": ["alerts"],
    "properties": {"alerts": {"type": "array", "items": {"type": "object"}}},
}


class AlertList(TypedDict):
    """Alerts, the most urgent first; closed ones the last first, 50 at most."""

    alerts: list[ListedAlert]


class RuleAnswer(TypedDict):
    """An alert rule: its title, when it opens and closes, and the page that says what to do."""

    rule: str
    severity: str
    zh: str
    en: str
    page: str
    open_after_s: float
    close_after_s: float


class RuleList(TypedDict):
    """All alert rules."""

    rules: list[RuleAnswer]


class SilenceList(TypedDict):
    """The silences that have not ended."""

    silences: list[Silence]


def alert_routes(
    service: AlertService, rules: Mapping[str, AnyRule], refused: RejectedInputStore
) -> Sequence[HttpRoute]:
    """Make the routes. Pure."""
    handlers = _AlertHandlers(service, rules, refused)
    outside = {
        "summary": "Take alerts of an Alertmanager",
        "security": [{"bearer": []}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _BATCH}}},
    }
    return [
        reading("/v1/alerts", handlers.list_alerts, "List alerts", AlertList, parameters=[_STATE, _OF_TICKET]),
        reading("/v1/alerts/rules", handlers.list_rules, "List alert rules", RuleList),
        reading("/v1/alerts/silences", handlers.list_silences, "List silences", SilenceList),
        reading(
            "/v1/alerts/{alert}",
            handlers.show_alert,
            "Show an alert",
            ListedAlert,
            parameters=[in_path("alert", _NUMBER)],
        ),
        handlers.requesting("/v1/alerts/{alert}/ack", AckAlert, ListedAlert),
        handlers.requesting("/v1/alerts/silences", SilenceRule, SilenceList),
        handlers.requesting("/v1/alerts/silences/{silence}/end", EndSilence, SilenceList),
        HttpRoute(
            method="POST",
            path="/v1/alerts/alertmanager",
            run=handlers.take_alerts,
            about=outside,
            answers={200: OutsideAnswer},
        ),
    ]


@dataclass(frozen=True, slots=True)
class _AlertHandlers:
    service: AlertService
    rules: Mapping[str, AnyRule]
    refused: RejectedInputStore

    async def list_alerts(self, http: HttpRequest) -> Response:
        """List what is open, the most urgent first, hidden ones with what hides them; or what closed last."""
        await admit(http, Access.ALERTS)
        query = query_of(http)
        state = query.get("state", "open")
        if state not in _STATES:
            zh, en = f"state 只能是 {'、'.join(_STATES)}", f"state is one of {', '.join(_STATES)}"
            raise HttpProblem(400, "out_of_range", "state", Text(zh, en))
        found = await self.service.listed(closed=state == "closed", ticket_id=query.get("ticket", ""))
        return json_response({"alerts": found})

    async def show_alert(self, http: HttpRequest) -> Response:
        """Show an alert: what is wrong, the command that mends it, and what each channel was sent."""
        await admit(http, Access.ALERTS)
        return json_response(await self._one(path_number(http, "alert", _GONE_ALERT)))

    async def list_rules(self, http: HttpRequest) -> Response:
        """List all rules, with when each opens and closes."""
        await admit(http, Access.ALERTS)
        return json_response({"rules": [*map(_rule_answer, self.rules.values())]})

    async def list_silences(self, http: HttpRequest) -> Response:
        """List the silences that have not ended: of what, until when, by whom and why."""
        await admit(http, Access.ALERTS)
        return json_response({"silences": await self.service.silences(deps_of(http).now())})

    async def take_alerts(self, http: HttpRequest) -> Response:
        """Take a batch of an Alertmanager's webhook (version 4): each is open here until it is resolved.

        One that is not repeated for 12 hours closes as well. Those that this bus sent there itself are left out.
        """
        client = await admit(http, Access.REPORT)
        try:
            found, own = outside_alerts.read_batch(read_object(body_of(http)), client.name, deps_of(http).now())
        except Refusal as refusal:
            received = request_received(http, client)  # of a sender that gives no key: the same body is the same
            named = replace(received, delivery_id=sha256(received.body).hexdigest())
            await keep_refused(self.refused, refusal, named)
            raise
        try:
            await self.service.take(found)
        except OutsideFull as full:
            raise HttpProblem(429, "too_many_alerts", "alerts", full.text, {"Retry-After": "60"}) from full
        firing = sum(one.firing for one in found)
        return json_response(OutsideAnswer(firing=firing, resolved=len(found) - firing, own=own))

    def requesting(self, path: str, cls: type[AlertRequest], answer: Any) -> HttpRoute:
        """Make the route of a request that a person sends; the same again changes nothing more."""
        access = Access.ACK_ESCALATIONS if cls is AckAlert else Access.DECIDE_ALERTS
        return HttpRoute(
            method="POST",
            path=path,
            run=self._acting(cls),
            about=request_docs(cls, path, access, keyed=False),
            answers={200: answer},
        )

    def _acting(self, cls: type[AlertRequest]) -> Handler:
        async def act(http: HttpRequest) -> Response:
            client = await authenticate(http)
            if refusal := not_allowed(client, await self._needed(cls, http)):
                await keep_refused(self.refused, refusal, request_received(http, client))
                raise refusal
            numbers = {name: path_number(http, name, _GONE[name]) for name in http.path_params}
            wanted: AlertRequest = read(cls, read_object(body_of(http)), numbers)
            return json_response(await self._act(wanted, http, client))

        return act

    async def _needed(self, cls: type[AlertRequest], http: HttpRequest) -> Access:
        """Say what a request needs: a ticket's promise is acknowledged by a lead, too."""
        if cls is not AckAlert:
            return Access.DECIDE_ALERTS
        one = await self.service.one(path_number(http, "alert", _GONE_ALERT))
        return Access.ACK_ESCALATIONS if one and one.rule == RuleName.SLA_ESCALATION else Access.DECIDE_ALERTS

    async def _act(self, wanted: AlertRequest, http: HttpRequest, client: Client) -> object:
        now, by = deps_of(http).now(), client.acts_as(None)
        match wanted:
            case AckAlert(alert=number, why=why):
                await self._check_region(number, client)
                if not await self.service.acknowledge(number, by=by, why=why):
                    await self._refuse_ack(number, by)
                return await self._one(number)
            case SilenceRule(rule=rule, about=about, minutes=minutes, why=why):
                self._check_rule(rule)
                until = now + timedelta(minutes=minutes)
                await self.service.silence(rule, about, now=now, until=until, by=by, why=why)
            case EndSilence(silence=number):
                if not await self.service.end_silence(number, now=now):
                    raise gone("silence", _GONE_SILENCE)
        return {"silences": await self.service.silences(now)}

    async def _one(self, number: int) -> ListedAlert:
        one = await self.service.one(number)
        if one is None:
            raise gone("alert", _GONE_ALERT)
        return one

    async def _check_region(self, number: int, client: Client) -> None:
        """Refuse a ticket's promise of a region that the client is not bound to."""
        scope, one = client.scope(""), await self._one(number)
        if scope and scope.regions and one.rule == RuleName.SLA_ESCALATION and one.facts["region"] not in scope.regions:
            raise refusals.not_yours(TicketId(one.ticket_id))

    async def _refuse_ack(self, number: int, by: str) -> None:
        """Refuse to acknowledge what is closed, or another's; one's own again is nothing new."""
        one = await self._one(number)
        if one.closed_at or not one.opened_at:
            zh, en = f"告警 {number} 未打开", f"alert {number} is not open"
            raise CommandRefused("not_now", "alert", zh, en)
        if one.acked_by != by:
            zh, en = f"告警 {number} 已由 {one.acked_by} 认领", f"alert {number} is acknowledged by {one.acked_by}"
            raise CommandRefused("already", "alert", zh, en)

    def _check_rule(self, rule: str) -> None:
        if rule not in self.rules:
            close = nearest(rule, self.rules)
            meant = did_you_mean(close, quoted=True)
            raise CommandRefused(
                "unknown_rule",
                "rule",
                f"没有规则“{rule}”{meant.zh}",
                f"there is no rule {rule!r}{meant.en}",
                nearest=close,
            )


_GONE_ALERT: Final = Text("没有这个告警", "there is no such alert")
_GONE_SILENCE: Final = Text("没有这个静默,或已结束", "there is no such silence, or it has ended")
_GONE: Final = {"alert": _GONE_ALERT, "silence": _GONE_SILENCE}


def _rule_answer(rule: AnyRule) -> RuleAnswer:
    return RuleAnswer(
        rule=rule.name.value,
        severity=rule.severity.value,
        zh=rule.title.zh,
        en=rule.title.en,
        page=rule.page,
        open_after_s=rule.open_after.total_seconds(),
        close_after_s=rule.close_after.total_seconds(),
    )
