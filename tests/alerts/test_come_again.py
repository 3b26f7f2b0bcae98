"""What is over and begins anew while its alert waits to be closed: people hear of it again, and not each time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from starlette.types import Scope

from bus.alerts.alert import Alert, Severity
from bus.alerts.engine.alert_state import Flip
from bus.alerts.engine.direct_path import DirectPath
from bus.alerts.report_queue import ReportQueue
from bus.alerts.rule_names import RuleName
from bus.alerts.rules.reported import COUNTED_WITHIN as WINDOW
from bus.alerts.rules.reported import Report
from bus.gateway.source_failures import SourceFailures
from bus.intake.dispatch import utc_now
from bus.postgres.pool import connected
from tests.alerts.alerting import Alerting, paused
from tests.alerts.test_advance import NOW, SECOND, Rounds

CLOSE = Rounds().rules["source_5xx"].close_after
KEY = "source_5xx", "erp"


def storm(since: datetime | None) -> Alert:
    """Make the alert of a storm that began then."""
    return replace(paused("erp", RuleName.SOURCE_5XX), since=since)


def test_come_again_a_new_storm_is_heard_of_with_its_own_beginning_whoever_has_acknowledged_the_old() -> None:
    rounds = Rounds()
    assert rounds.flips(NOW, storm(NOW)) == [("source_5xx", Flip.OPENED)]
    rounds.known[KEY] = replace(rounds.known[KEY], acked_at=NOW)
    assert rounds.flips(NOW + CLOSE, storm(NOW)) == []
    assert rounds.flips(NOW + CLOSE + SECOND) == [], "it waits to be closed"
    began = NOW + CLOSE + 5 * SECOND
    [again] = rounds.hold(began + SECOND, storm(began))
    assert (again.flip, again.state.opened_at, again.state.escalated_at) == (Flip.REOPENED, began, None)
    assert rounds.flips(began + 6 * SECOND, storm(began)) == []


def test_come_again_what_was_never_over_has_not_come_again() -> None:
    rounds = Rounds()
    rounds.hold(NOW, storm(NOW))
    another_gateway = NOW + 2 * CLOSE
    assert rounds.flips(another_gateway + SECOND, storm(another_gateway)) == []


def test_come_again_within_the_hold_of_the_last_message_it_is_heard_of_after_that() -> None:
    rounds = Rounds()
    rounds.hold(NOW, storm(NOW))
    rounds.hold(NOW + 5 * SECOND)
    began = NOW + 10 * SECOND
    assert rounds.flips(began + SECOND, storm(began)) == []
    assert rounds.flips(began + 6 * SECOND) == [], "and is over"
    assert rounds.flips(NOW + CLOSE) == [("source_5xx", Flip.REOPENED)]


def test_come_again_a_rule_that_flickers_is_heard_of_ever_more_seldom_and_one_of_states_never() -> None:
    for counts in (True, False):
        rounds, heard = Rounds(), list[datetime]()
        for step in range(3_000):
            at = NOW + step * 10 * SECOND
            seen = [storm(at if counts else None)] if step % 2 else []
            heard += [at for _, flip in rounds.flips(at, *seen) if flip is Flip.REOPENED]
        assert all(after - before >= 2 * CLOSE for before, after in pairwise(heard))
        assert bool(heard) is counts
        assert len(heard) <= 8, "in more than eight hours"


def test_come_again_failures_after_a_quiet_while_are_a_storm_of_their_own() -> None:
    reports, clock = list[Alert](), [NOW]
    failures = SourceFailures(report=reports.append, now=lambda: clock[0])
    scope: Scope = {"method": "POST", "state": {"source": "crm"}}
    for later in (timedelta(0), WINDOW, 2 * WINDOW + SECOND):
        clock[0] = NOW + later
        failures.note(scope, "/v1/tickets", 503, "t1")
    assert [(one.since, one.facts["failures"]) for one in reports] == [(NOW, 1), (NOW, 2), (clock[0], 1)]
    rule, report = Rounds().rules["source_5xx"], Report(alert=reports[0], reported_at=NOW)
    assert rule.evaluate([report], NOW + WINDOW)
    assert rule.evaluate([report], NOW + WINDOW + SECOND) == [], "the alert is over when counting begins anew"


def test_come_again_what_an_operator_sends_is_no_failure_towards_a_source() -> None:
    reports = list[Alert]()
    failures = SourceFailures(report=reports.append, now=lambda: NOW)
    for route in ("/v1/deadletters/retry", "/v1/journeys", "/v1/alerts/{alert}/ack", "/v1/hosts/readings"):
        failures.note({"method": "POST", "state": {"client": "b-sre"}}, route, 503, "t1")
    assert reports == []
    failures.note({"method": "POST", "state": {"client": "app"}}, "/v1/tickets/{ticket_id}/{command}", 503, "t1")
    assert [one.about for one in reports] == ["app"]


async def test_come_again_reaches_the_robot_with_the_new_beginning(alerting: Alerting) -> None:
    began = datetime(2026, 1, 18, 3, 0, tzinfo=UTC)
    await alerting.report(storm(began))
    await alerting.send()
    async with connected(alerting.pool) as connection:
        await connection.execute("DELETE FROM alert_reports")
    await alerting.report()
    async with connected(alerting.pool) as connection:
        await connection.execute("UPDATE alerts SET notified_at = now() - interval '4 minutes', acked_at = now()")
    again = utc_now() - timedelta(seconds=2)
    await alerting.report(storm(again))
    await alerting.send()
    first, second = [text for _, text in alerting.first.messages]
    assert "【P1 告警】" in first
    assert "【P1 再次发生】" in second
    assert f"since {again:%Y-%m-%dT%H:%M:%S}" in second
    [listed] = await alerting.open()
    assert listed.opened_at == again
    assert listed.acked_at is None


async def test_come_again_gateways_that_answer_one_source_are_heard_of_once(alerting: Alerting) -> None:
    other = ReportQueue(reporter="gateway-2")
    for _ in range(3):
        await alerting.report(replace(storm(NOW), severity=Severity.P1))
        other.report(replace(storm(NOW), severity=Severity.P2))
        await other.flush(alerting.pool)
        await alerting.report()
        await alerting.send()
    [(_, text)] = alerting.first.messages
    assert "【P1 告警】" in text
    assert [one.severity for one in await alerting.open()] == [Severity.P1]


async def test_come_again_is_sent_directly_while_postgres_is_away(alerting: Alerting) -> None:
    now = [NOW]
    config, channels = alerting.notifier.config, alerting.notifier.channels
    direct = DirectPath(config=config, channels=channels, rules=alerting.notifier.rules, now=lambda: now[0])
    for later, since in ((0, 0), (60, 0), (100, 90), (200, 90), (210, 90)):
        now[0] = NOW + later * SECOND
        await direct.send([storm(NOW + since * SECOND)])
    assert [text[:9] for _, text in alerting.first.messages] == ["【P1 告警】对来", "【P1 再次发生】"]
