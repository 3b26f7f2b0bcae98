"""Heartbeats: which programs live, which stages nobody runs, and which parts of programs do not work."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert
from bus.alerts.rules.program_parts import PROGRAM_PARTS
from bus.alerts.rules.programs import unserved
from bus.doctor.diagnosis import Check, Diagnosis, Examined
from bus.postgres.heartbeats import STARTING, Beats, ProgramBeat, read_beats
from bus.postgres.pool import connected
from bus.stage_names import STAGES

NAME: Final = "heartbeats"
WANTED: Final = ("gateway", "worker")
STARTS_WITHIN: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatReadings:
    """The heartbeats of a day, and when that was."""

    beats: Beats
    now: datetime


async def _read(examined: Examined) -> HeartbeatReadings:
    async with connected(examined.database) as connection:
        return HeartbeatReadings(beats=await read_beats(connection), now=examined.now)


def judge(found: HeartbeatReadings) -> Sequence[Diagnosis]:
    """Judge them by the rules of the alerts. Pure."""
    now = found.now
    beats = [_without_start(one, now) for one in found.beats]
    alive = Counter(one.program for one in beats if one.lives(now))
    alerts: list[Alert] = [*unserved(STAGES, beats, now, none_lives=now)]
    for rule in PROGRAM_PARTS:
        alerts += rule.evaluate(beats, now)
    wrong = [
        Diagnosis(check=NAME, verdict="wrong", says=one.en, mend=_mend(one), evidence={"about": one.about})
        for one in alerts
    ]
    for program in WANTED:
        if not alive[program]:
            says = f"no {program} has written a heartbeat within 20 s"
            wrong.append(Diagnosis(check=NAME, verdict="wrong", says=says, mend=f"ticketbus {program}"))
    if wrong:
        return wrong
    says = ", ".join(f"{count} {program}" for program, count in sorted(alive.items()))
    return [Diagnosis(check=NAME, verdict="ok", says=f"alive: {says}; every stage is run", evidence=dict(alive))]


def _without_start(one: ProgramBeat, now: datetime) -> ProgramBeat:
    """Leave out of a program that has just begun which of its parts have not yet."""
    if now - one.started_at > STARTS_WITHIN:
        return one
    return replace(one, parts={part: None if why == STARTING else why for part, why in one.parts.items()})


def _mend(one: Alert) -> str:
    return "see the program's log" if one.mend == "ticketbus doctor" else one.mend


CHECK: Final = Check(name=NAME, read=_read, judge=judge)
