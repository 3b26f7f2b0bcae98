"""Answers of 5xx to sources, counted and reported at once: nothing that a source sends may fail in silence."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from starlette.types import Scope

from bus.alerts.alert import Alert, AlertSink, Severity
from bus.alerts.rule_names import RuleName
from bus.alerts.rules.reported import COUNTED_WITHIN

MANY: Final = 20  # failures of no opening: beyond it they are urgent too
SOURCES_MAX: Final = 200
OPENINGS: Final = frozenset({"/v1/tickets", "/v1/sources/{source}/webhook"})  # routes that may open a ticket
OF_SOURCES: Final = ("/v1/tickets", "/v1/sources/", "/v1/files")  # what operators and hosts send is no source's
UNKNOWN: Final = "unknown"  # whose token could not be looked up


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """What a source was answered with 5xx since `since`; `creates` of them may have been openings."""

    source: str
    since: datetime
    last_at: datetime
    failures: int
    creates: int
    status: int
    trace_id: str


@dataclass(slots=True, kw_only=True)
class SourceFailures:
    """Counts per source and reports every failure; the sink keeps the last report of each."""

    report: AlertSink
    now: Callable[[], datetime]
    _counted: dict[str, Failures] = field(default_factory=dict)

    def note(self, scope: Scope, route: str, status: int, trace_id: str) -> None:
        """Count an answer to a request that changes something."""
        if scope["method"] != "POST" or not route.startswith(OF_SOURCES):
            return
        source, at = source_of(scope), self.now()
        known = self._counted.pop(source, None)
        if known is None or at - known.last_at > COUNTED_WITHIN:
            known = Failures(source=source, since=at, last_at=at, failures=0, creates=0, status=status, trace_id="")
        counted = replace(
            known,
            last_at=at,
            failures=known.failures + 1,
            creates=known.creates + may_open(scope, route),
            status=status,
            trace_id=trace_id,
        )
        if len(self._counted) >= SOURCES_MAX:
            self._counted.pop(next(iter(self._counted)))
        self._counted[source] = counted
        self.report(failed(counted))


def may_open(scope: Scope, route: str) -> bool:
    """Say whether a request may open a ticket. Pure."""
    return scope["method"] == "POST" and route in OPENINGS


def source_of(scope: Scope) -> str:
    """Name whose request it was: the source of a webhook, else the client; what callers make up is unknown."""
    state = scope.get("state", {})
    return str(state.get("source") or state.get("client") or UNKNOWN)


def failed(one: Failures) -> Alert:
    """Make the alert of a source; urgent from the first opening that may be lost. Pure."""
    urgent = one.creates > 0 or one.failures >= MANY
    since, status = f"{one.since:%H:%M:%S} UTC", f"HTTP {one.status}"
    return Alert(
        rule=RuleName.SOURCE_5XX,
        about=one.source,
        zh=f"网关自 {since} 起对来源 {one.source} 应答了 {one.failures} 次 5xx(最近 {status}),其中可能建单的请求 "
        f"{one.creates} 次;来源若不重试,这些工单就丢了",
        en=f"since {since} the gateway has answered {one.source} {one.failures} times with 5xx ({status} last), "
        f"{one.creates} of them to what may open a ticket; unless it tries again, those tickets are lost",
        mend="ticketbus doctor",
        since=one.since,
        severity=Severity.P1 if urgent else Severity.P2,
        trace_id=one.trace_id,
        facts={"failures": one.failures, "creates": one.creates, "status": one.status},
    )
