"""The programs that run, by their heartbeats, and the rule about workers that are not there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from psycopg.rows import class_row

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text
from bus.postgres.pool import Connection

SILENT_AFTER: Final = timedelta(seconds=20)  # four heartbeats; a program that is restarted is back by then
LISTED_FOR: Final = timedelta(hours=24)
_READ: Final = b"""
SELECT instance, program, host, started_at, beat_at, ahead_s, parts, stopped_at FROM programs
WHERE beat_at > now() - %s::interval ORDER BY program, host, instance"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramBeat:
    """A program's last heartbeat. `ahead_s`: its clock less PostgreSQL's. `parts`: what keeps each from working."""

    instance: UUID
    program: str
    host: str
    started_at: datetime
    beat_at: datetime
    ahead_s: float
    parts: Mapping[str, str | None]
    stopped_at: datetime | None = None

    def lives(self, now: datetime) -> bool:
        """Say whether it runs."""
        return self.stopped_at is None and now - self.beat_at <= SILENT_AFTER


Beats = Sequence[ProgramBeat]


async def read_beats(connection: Connection) -> Beats:
    """Read the heartbeats of a day."""
    async with connection.cursor(row_factory=class_row(ProgramBeat)) as cursor:
        return await (await cursor.execute(_READ, (LISTED_FOR,))).fetchall()


def no_worker(stages: Collection[str]) -> AlertRule[Beats]:
    """Make the rule: each of the stages, and the relay, runs in some worker."""

    return AlertRule(
        name=RuleName.NO_WORKER,
        severity=Severity.P1,
        title=Text("没有 worker 在运行", "no worker runs"),
        read=read_beats,
        evaluate=lambda beats, now: unserved(stages, beats, now, none_lives=now),
        fires=lambda now: [beat_of("gateway", now), beat_of("worker", now - timedelta(minutes=1))],
        quiet=lambda now: [beat_of("worker", now, dict.fromkeys(stages)), beat_of("gateway", now)],
        close_after=timedelta(seconds=10),
    )


def unserved(stages: Collection[str], beats: Beats, now: datetime, *, none_lives: datetime) -> Sequence[Alert]:
    """Say which of the stages no worker has run for SILENT_AFTER; where no program lives, counted from `none_lives`.

    A bus that has just started is given as long for its worker. Pure.
    """
    since = min((one.started_at for one in beats if one.lives(now)), default=none_lives)
    workers = [one for one in beats if one.program == "worker"]
    last = max((one.beat_at for one in workers), default=None)
    if now - max(since, last or since) > SILENT_AFTER:
        return [_no_worker_at_all(last)]
    served = dict[str, datetime]()
    for one in sorted(workers, key=lambda one: one.beat_at):
        served |= dict.fromkeys(one.parts, one.beat_at)
    return [_stage_unserved(stage) for stage in stages if now - max(since, served.get(stage, since)) > SILENT_AFTER]


def _no_worker_at_all(last: datetime | None) -> Alert:
    since_zh = f"最后一次心跳在 {last:%H:%M:%S} UTC" if last else "从未有过心跳"
    since_en = f"the last heartbeat was at {last:%H:%M:%S} UTC" if last else "there never was a heartbeat"
    return Alert(
        rule=RuleName.NO_WORKER,
        about="worker",
        zh=f"没有 worker 在运行({since_zh}):投递、SLA 计时、看板和死信处理全部停止,新工单只在网关排队",
        en=f"no worker runs ({since_en}): deliveries, SLA clocks, read models and redrives stand still",
        mend="ticketbus worker",
    )


def _stage_unserved(stage: str) -> Alert:
    return Alert(
        rule=RuleName.NO_WORKER,
        about=stage,
        zh=f"没有 worker 运行阶段 {stage}:它的消息无人处理",
        en=f"no worker runs the stage {stage}: nobody reads what it should",
        mend=f"ticketbus worker --stages {stage}",
    )


def beat_of(
    program: str, at: datetime, parts: Mapping[str, str | None] | None = None, *, ahead_s: float = 0.0
) -> ProgramBeat:
    """Make a heartbeat of a program that began an hour before: the rules' marked inputs."""
    started_at = at - timedelta(hours=1)
    return ProgramBeat(
        instance=uuid4(),
        program=program,
        host="host-1",
        started_at=started_at,
        beat_at=at,
        ahead_s=ahead_s,
        parts=parts or {},
    )
