"""Escalations of tickets' promises (R7): who is called when, what the file refuses, what the rule reads."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.registry import CHANNELS
from bus.alert_catalogue import RULES
from bus.alerts.alert import Alert, Severity
from bus.alerts.engine.advance import Change, advance
from bus.alerts.engine.alert_state import AlertState, Fingerprint, Flip
from bus.alerts.engine.alerts_config import AlertsConfig, load_alerts_config
from bus.alerts.rule_names import RuleName
from bus.alerts.rules.sla_escalation import PROMISES_MAX
from bus.config_file import ConfigFileInvalid
from bus.postgres.pool import Pool, connected
from bus.programs.alerting import alerts_config_of
from bus.settings import Settings

NOW = datetime(2026, 1, 18, 3, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LEAD = {"whom": "组长", "channels": ["lead"], "repeat": "PT10M", "times": 1}
MANAGER = {"whom": "经理", "channels": ["manager", "lead"], "after": "PT30M", "repeat": "PT1H", "times": 2}
FAULTS_OF_HARDWARE: dict[str, Any] = {
    "types": ["hardware_fault"],
    "warned": [{"whom": "组长", "channels": ["desk"], "times": 0}],
    "broken": [LEAD, MANAGER],
}
WEST: dict[str, Any] = {"regions": ["西南"], "broken": [{"whom": "值班", "channels": ["desk"], "times": 0}]}


def config(*escalations: Mapping[str, Any]) -> AlertsConfig:
    """Make an alerts file with three channels that nothing else goes to."""
    channels = {name: {"adapter": "log"} for name in ("sre", "desk", "lead", "manager")}
    routes = [{"channels": ["sre"]}]
    return AlertsConfig.model_validate({"channels": channels, "routes": routes, "escalations": escalations})


def promise(*, broken: bool = True, type_: str = "hardware_fault", region: str = "华东") -> Alert:
    """Make the alert of a ticket's promise."""
    facts = {"type": type_, "region": region, "clock": "resolution", "stage": "broken" if broken else "warned"}
    severity = None if broken else Severity.P3
    rule = RuleName.SLA_ESCALATION
    return Alert(rule=rule, about="T1 resolution", zh="超时", en="due", severity=severity, facts=facts)


class Course:
    """Rounds every minute, and which channels heard what in each."""

    def __init__(self, file: AlertsConfig) -> None:
        self.file, self.known, self.minute = file, dict[Fingerprint, AlertState](), 0

    def hold(self, minutes: int, *seen: Alert) -> list[tuple[int, Flip, Sequence[str], object]]:
        """Hold rounds; gives minute, flip, channels and whom each was for."""
        return [
            (self.minute, one.flip, self.file.channels_of(one), one.state.alert.facts.get("whom"))
            for _ in range(minutes)
            for one in self._round(seen)
            if one.flip
        ]

    def _round(self, seen: Sequence[Alert]) -> Sequence[Change]:
        self.minute += 1
        changes = advance(
            RULES,
            self.known,
            seen,
            read=RULES,
            silence_of=lambda _state: "",
            ladder_of=self.file.ladder_of,
            now=NOW + self.minute * MINUTE,
        )
        for one in changes:
            self.known[one.state.fingerprint] = one.state
        self.known = {name: one for name, one in self.known.items() if not one.closed_at}
        return changes


def test_escalation_each_level_is_called_in_time_repeats_to_its_limit_and_all_called_hear_the_end() -> None:
    course = Course(config(FAULTS_OF_HARDWARE))
    assert course.hold(5, promise(broken=False)) == [(1, Flip.OPENED, ["desk"], "组长")]
    assert course.hold(300, promise()) == [
        (6, Flip.OPENED, ["lead"], "组长"),
        (16, Flip.REPEATED, ["lead"], "组长"),
        (36, Flip.ESCALATED, ["manager", "lead"], "经理"),
        (96, Flip.REPEATED, ["manager", "lead"], "经理"),
        (156, Flip.REPEATED, ["manager", "lead"], "经理"),
    ]
    assert course.hold(3) == [(307, Flip.CLOSED, ["lead", "manager"], "经理")]
    assert course.hold(1, promise()) == [(309, Flip.OPENED, ["lead"], "组长")], "reopened: from the first level on"


def test_escalation_whoever_acknowledges_ends_it_until_it_becomes_worse() -> None:
    course = Course(config(FAULTS_OF_HARDWARE))
    course.hold(1, promise(broken=False))
    _acknowledge(course)
    assert course.hold(60, promise(broken=False)) == []
    assert [heard[1] for heard in course.hold(1, promise())] == [Flip.OPENED], "a warning seen is no breach seen"
    _acknowledge(course)
    assert course.hold(600, promise()) == []
    assert [heard[1] for heard in course.hold(5)] == [Flip.CLOSED]


def _acknowledge(course: Course) -> None:
    """Acknowledge what is open, as the store keeps it."""
    course.known = {name: replace(one, acked_at=NOW) for name, one in course.known.items()}


def test_escalation_the_first_that_takes_a_ticket_counts_and_one_that_none_takes_is_heard_of_nowhere() -> None:
    file = config(FAULTS_OF_HARDWARE, WEST)
    assert Course(file).hold(60, promise(type_="complaint")) == []
    assert Course(file).hold(1, promise(type_="complaint", region="西南")) == [(1, Flip.OPENED, ["desk"], "值班")]
    assert Course(file).hold(60, promise(type_="complaint", region="西南", broken=False)) == [], "it names no warned"
    assert Course(file).hold(1, promise(region="西南")) == [(1, Flip.OPENED, ["lead"], "组长")]
    assert Course(config()).hold(60, promise()) == []


def test_escalation_a_file_that_calls_nobody_any_more_ends_it() -> None:
    course = Course(config(FAULTS_OF_HARDWARE))
    course.hold(40, promise())
    course.file = config({**FAULTS_OF_HARDWARE, "broken": [LEAD]})
    assert course.hold(60, promise()) == [(41, Flip.REPEATED, ["lead"], "组长")], "the highest that is left goes on"
    course.file = config(WEST)
    course.hold(3, promise())
    assert course.known == {}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            {"broken": [{**LEAD, "channels": ["leed"]}]},
            "broken.0.channels: 没有渠道 leed,是否指“lead” / there is no channel 'leed'; did you mean 'lead'",
        ),
        ({"broken": []}, "escalations.0.broken"),
        ({"broken": [MANAGER]}, "broken.0.after: 第一级立即通知"),
        ({"broken": [LEAD, MANAGER, MANAGER]}, "broken.2.after: 应晚于上一级"),
        ({"broken": [{**LEAD, "repeat": "PT5S"}]}, "escalations.0.broken.0.repeat: 不能小于 PT1M"),
        ({"broken": [LEAD, {**MANAGER, "after": 90}]}, "escalations.0.broken.1.after: 写作 PT15M"),
        ({"broken": [LEAD, {**MANAGER, "after": "P30M"}]}, "escalations.0.broken.1.after: 月和年"),
        ({"broken": [{**LEAD, "times": 99}]}, "escalations.0.broken.0.times"),
        ({"broken": [{**LEAD, "whom": "老王 13812345678"}]}, "escalations.0.broken.0.whom"),
        ({"priority": ["high"]}, "escalations.0.priority"),
    ],
)
def test_escalation_a_fault_in_the_file_is_named(tmp_path: Path, change: Mapping[str, Any], fault: str) -> None:
    file = tmp_path / "alerts.yaml"
    channels = {name: {"adapter": "log"} for name in ("desk", "lead", "manager")}
    file.write_text(yaml.safe_dump({"channels": channels, "escalations": [{**FAULTS_OF_HARDWARE, **change}]}))
    with pytest.raises(ConfigFileInvalid, match=re.escape(fault)) as refused:
        load_alerts_config(file, CHANNELS)
    assert "13812345678" not in str(refused.value)


def test_escalation_a_ticket_type_that_there_is_not_is_named_with_the_nearest(tmp_path: Path) -> None:
    file = tmp_path / "alerts.yaml"
    given = {"channels": {"lead": {"adapter": "log"}}, "escalations": [{"types": ["hardware_falt"], "broken": [LEAD]}]}
    file.write_text(yaml.safe_dump(given))
    with pytest.raises(ConfigFileInvalid, match=r"escalations\.0\.types.*did you mean 'hardware_fault'"):
        alerts_config_of(Settings(alerts_file=file, data=tmp_path))


CLOCKS = {  # ticket: state, due, next alarm, settled, breached, each minutes from now; historic
    "T1": ("running", 5, 5, None, None, "false"),  # warned
    "T2": ("breached", -5, None, None, -5, "false"),
    "T3": ("running", 5, 1, None, None, "false"),  # not yet warned
    "T4": ("paused", None, None, None, None, "false"),  # warned, and stands
    "T5": ("breached", -5, None, -1, -5, "false"),  # kept, late
    "T6": ("met", 5, None, -1, None, "false"),
    "T7": ("breached", -5, None, None, -5, "true"),  # of the imported past
}


def test_escalation_of_more_promises_than_are_followed_says_from_when_on_nobody_is_called() -> None:
    rule, cut = RULES[RuleName.SLA_ESCALATION], RULES[RuleName.SLA_NOT_FOLLOWED]
    assert cut.read is rule.read
    (one,) = rule.fires(NOW)
    found = [replace(one, ticket_id=f"T{number}", due_at=NOW + number * MINUTE) for number in range(PROMISES_MAX)]
    assert (len(rule.evaluate(found, NOW)), cut.evaluate(found, NOW)) == (PROMISES_MAX, [])
    found.append(replace(one, ticket_id="T1000", due_at=NOW + PROMISES_MAX * MINUTE))
    assert len(rule.evaluate(found, NOW)) == PROMISES_MAX
    (alert,) = cut.evaluate(found, NOW)
    assert "01-18 19:40 UTC" in alert.en.replace(":00 UTC", " UTC")


async def test_escalation_follows_what_is_warned_of_or_broken_until_it_is_kept(pool: Pool) -> None:
    rule, now = RULES[RuleName.SLA_ESCALATION], datetime.now(UTC)
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE sla_clocks, ticket_states")
        for ticket, (state, *minutes, historic) in CLOCKS.items():
            due, alarm, settled, breached = [None if one is None else now + one * MINUTE for one in minutes]
            await connection.execute(
                "INSERT INTO sla_clocks (ticket_id, clock, trace_id, limit_s, state, due_at, next_alarm_at, "
                "settled_at, breached_at) VALUES (%s, 'resolution', '', 60, %s, %s, %s, %s, %s)",
                (ticket, state, due, alarm, settled, breached),
            )
            await connection.execute(
                "INSERT INTO ticket_states (ticket_id, version, trace_id, state) VALUES (%s, 1, '', "
                "jsonb_build_object('type', 'complaint', 'region', '西南', 'historic', %s::boolean))",
                (ticket, historic),
            )
        alerts = rule.evaluate(await rule.read(connection), now)
        await connection.execute("TRUNCATE sla_clocks, ticket_states")
    assert [(one.about, one.severity, one.facts["stage"]) for one in alerts] == [
        ("T2 resolution", None, "broken"),
        ("T1 resolution", Severity.P3, "warned"),
    ]
    assert "工单 T2(complaint 西南)的解决已超时" in alerts[0].zh
