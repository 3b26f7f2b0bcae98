"""The rule of workers that are not there, by the heartbeats of programs."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text
from bus.domain.time_text import time_text
from bus.postgres.heartbeats import SILENT_AFTER, Beats, ProgramBeat, read_beats


def no_worker(stages: Collection[str]) -> AlertRule[Beats]:
    """Make the rule: each of the stages runs in some worker."""
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

    A bus that has just started is given as long for its worker, and so are all programs once PostgreSQL is back. Pure.
    """
    since = min((one.steady_since for one in beats if one.lives(now)), default=none_lives)
    workers = [one for one in beats if one.program == "worker"]
    last = max((one.beat_at for one in workers), default=None)
    if now - max(since, last or since) > SILENT_AFTER:
        return [_no_worker_at_all(last)]
    served = dict[str, datetime]()
    for one in sorted(workers, key=lambda one: one.beat_at):
        served |= dict.fromkeys(one.parts, one.beat_at)
    return [_stage_unserved(stage) for stage in stages if now - max(since, served.get(stage, since)) > SILENT_AFTER]


def _no_worker_at_all(last: datetime | None) -> Alert:
    since = Text("从未有过心跳", "there never was a heartbeat")
    if last:
        at = time_text(last)
        since = Text(f"最后一次心跳在 {at.zh}", f"the last heartbeat was at {at.en}")
    return Alert(
        rule=RuleName.NO_WORKER,
        about="worker",
        zh=f"没有 worker 在运行({since.zh}):投递、SLA 计时、看板和死信处理全部停止,新工单只在网关排队",
        en=f"no worker runs ({since.en}): deliveries, SLA clocks, read models and redrives stand still",
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
        steady_since=started_at,
    )
