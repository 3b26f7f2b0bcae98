"""Rules of parts of programs that do not work, by what heartbeats say of them: open while a live program says so."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.alerts.rules.programs import beat_of
from bus.domain.text import Text
from bus.intake.intake_topic import SPOOL_PART
from bus.postgres.heartbeats import KAFKA_PART, RELAY_PART, Beats, ProgramBeat, read_beats

# Parts whose trouble is no failure of a task; that Kafka is away shows in RELAY_STUCK and STAGE_STOPPED.
OWN_RULES: Final = (RELAY_PART, KAFKA_PART, SPOOL_PART)
SETTLES: Final = timedelta(seconds=30)  # a stage that PostgreSQL has stopped stands again by then
Failing = Sequence[tuple[ProgramBeat, str, str]]  # the program, its part, and why


def _failing(beats: Beats, now: datetime) -> Failing:
    return [(one, part, why) for one in beats if one.lives(now) for part, why in one.parts.items() if why is not None]


def _settles(one: ProgramBeat, now: datetime) -> bool:
    """Say whether its parts may still be getting over the time that PostgreSQL was away."""
    return one.steady_since > one.started_at and now - one.steady_since <= SETTLES


def task_failures(beats: Beats, now: datetime) -> Sequence[Alert]:
    """Say which parts of programs that live do not work, but for what rules of their own say."""
    failing = {
        f"{one.program}: {part}": (one, why)
        for one, part, why in _failing(beats, now)
        if part not in OWN_RULES and not _settles(one, now)
    }
    return [
        Alert(
            rule=RuleName.TASK_FAILED,
            about=about,
            zh=f"{one.host} 上 {about} 不能工作:{why};其他部分照常",
            en=f"{about} on {one.host} does not work: {why}; the other parts go on",
            mend="ticketbus doctor",
        )
        for about, (one, why) in failing.items()
    ]


def _publishing(beats: Beats, now: datetime) -> Sequence[Alert]:
    failing = {one.host: (one, why) for one, part, why in _failing(beats, now) if part == RELAY_PART}
    return [
        Alert(
            rule=RuleName.SHARD_STOPPED,
            about=host,
            zh=f"{host} 上 {one.program} 的发布停住,这些分片其后的记录都在等待:{why};修复后会自动继续",
            en=f"publishing by the {one.program} on {host} stands still, and what follows in these shards "
            f"waits: {why}; once that is mended it goes on by itself",
            mend="ticketbus doctor",
        )
        for host, (one, why) in failing.items()
    ]


def _spooled(beats: Beats, now: datetime) -> Sequence[Alert]:
    failing = {one.host: why for one, part, why in _failing(beats, now) if part == SPOOL_PART}
    return [
        Alert(
            rule=RuleName.INTAKE_SPOOLED,
            about=host,
            zh=f"{host} 上的网关在 PostgreSQL 不可用时收下的请求仍在 Kafka 上等待(来源 {sources}),"
            "intake 阶段处理后才建单",
            en=f"requests of {sources} wait on Kafka, which the gateway on {host} took while PostgreSQL was away: "
            "their tickets are opened once the stage intake has read them",
            mend="ticketbus projection list",
        )
        for host, sources in failing.items()
    ]


TASK_FAILED: Final = AlertRule(
    name=RuleName.TASK_FAILED,
    severity=Severity.P2,
    title=Text("程序的一部分不能工作", "a part of a program does not work"),
    read=read_beats,
    evaluate=task_failures,
    fires=lambda now: [beat_of("worker", now, {"sla": "Kafka is away"})],
    quiet=lambda now: [
        beat_of("worker", now, {"sla": None, RELAY_PART: "shard 3: too large", KAFKA_PART: "it did not answer"}),
        beat_of("worker", now - timedelta(hours=1), {"sla": "x"}),
    ],
    open_after=timedelta(seconds=15),
)
SHARD_STOPPED: Final = AlertRule(
    name=RuleName.SHARD_STOPPED,
    severity=Severity.P1,
    title=Text("发布停住", "publishing stands still"),
    read=read_beats,
    evaluate=_publishing,
    fires=lambda now: [beat_of("worker", now, {RELAY_PART: "shard 3: T1 version 2: 9 bytes never get into a topic"})],
    quiet=lambda now: [
        beat_of("worker", now, {RELAY_PART: None, "sla": "x"}),
        beat_of("gateway", now - timedelta(hours=1), {RELAY_PART: "shard 3: too large"}),
    ],
    open_after=timedelta(seconds=15),  # a new topic is not known to all brokers at once
)
INTAKE_SPOOLED: Final = AlertRule(
    name=RuleName.INTAKE_SPOOLED,
    severity=Severity.P2,
    title=Text("请求在 Kafka 上等待受理", "requests wait on Kafka"),
    read=read_beats,
    evaluate=_spooled,
    fires=lambda now: [beat_of("gateway", now, {SPOOL_PART: "crm, app"})],
    quiet=lambda now: [beat_of("gateway", now, {SPOOL_PART: None})],
    open_after=timedelta(seconds=15),  # once PostgreSQL is back they take seconds
)
PROGRAM_PARTS: Final = (TASK_FAILED, SHARD_STOPPED, INTAKE_SPOOLED)
