"""One alarm of one device, step by step: what a reading makes of how it stands, or time alone. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from adapters.mapped.mqtt_transport import SensorAlarm


class Phase(StrEnum):
    """How it stands: nothing is wrong; it may be; it is, and has a ticket; it may be over."""

    QUIET = "quiet"
    RISING = "rising"
    OPEN = "open"
    FALLING = "falling"


class Level(StrEnum):
    """Where a reading lies: beyond the limit, back, or in between, which changes nothing that is open."""

    BEYOND = "beyond"
    BETWEEN = "between"
    BACK = "back"


News = Literal["open", "over"]
"""What a step tells: an alarm opens, or the open one is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceAlarm:
    """How an alarm stands. `since`: when its phase began; `readings`: how many in a row are beyond, up to the rule's.

    `times`: how often it came again while it was open. `episode`: the last one's number, which never comes twice;
    `ended_at`: when it was over.
    """

    phase: Phase
    since: datetime
    readings: int = 0
    times: int = 0
    episode: int = 0
    ended_at: datetime | None = None


def level_of(value: float, rule: SensorAlarm) -> Level:
    """Say where a value lies. Pure."""
    if rule.above is not None:
        back = rule.above if rule.back_below is None else rule.back_below
        return Level.BEYOND if value > rule.above else Level.BACK if value <= back else Level.BETWEEN
    assert rule.below is not None, "a rule with a value has a limit"
    back = rule.below if rule.back_above is None else rule.back_above
    return Level.BEYOND if value < rule.below else Level.BACK if value >= back else Level.BETWEEN


def step(state: DeviceAlarm, level: Level, rule: SensorAlarm, now: datetime) -> tuple[DeviceAlarm, News | None]:
    """Take one reading; the bus's own time counts, whatever a device's clock says. Pure.

    While it is open nothing opens: however the value goes, an episode tells `open` once, then `over` once.
    """
    match state.phase:
        case Phase.QUIET | Phase.RISING:
            return _rising(state, rule, now) if level is Level.BEYOND else (_quiet(state, now), None)
        case Phase.OPEN:
            if level is not Level.BACK:
                return state, None
            return _falling(replace(state, phase=Phase.FALLING, since=now), rule, now)
        case Phase.FALLING:
            if level is Level.BACK:
                return _falling(state, rule, now)
            again = 1 if level is Level.BEYOND else 0
            return replace(state, phase=Phase.OPEN, since=now, times=state.times + again), None


def waits_at(state: DeviceAlarm, rule: SensorAlarm) -> Level | None:
    """Give where the value lies of an alarm that only waits for time to pass: a step with it is due. Pure.

    The last reading counts until another comes; time makes no readings of which there are too few.
    """
    match state.phase:
        case Phase.RISING:
            return Level.BEYOND if state.readings >= rule.readings else None
        case Phase.FALLING:
            return Level.BACK
        case Phase.QUIET | Phase.OPEN:
            return None


def _quiet(state: DeviceAlarm, now: datetime) -> DeviceAlarm:
    if state.phase is Phase.QUIET:
        return state
    return replace(state, phase=Phase.QUIET, since=now, readings=0)


def _rising(state: DeviceAlarm, rule: SensorAlarm, now: datetime) -> tuple[DeviceAlarm, News | None]:
    if state.phase is Phase.QUIET:
        state = replace(state, phase=Phase.RISING, since=now)
    if state.readings < rule.readings:
        state = replace(state, readings=state.readings + 1)
    if state.readings < rule.readings or now - state.since < timedelta(seconds=rule.for_s):
        return state, None
    if state.ended_at and now - state.ended_at < timedelta(seconds=rule.again_after_s):
        return state, None
    episode = max(state.episode + 1, int(now.timestamp()))
    return replace(state, phase=Phase.OPEN, since=now, times=0, episode=episode), "open"


def _falling(state: DeviceAlarm, rule: SensorAlarm, now: datetime) -> tuple[DeviceAlarm, News | None]:
    if now - state.since < timedelta(seconds=rule.back_for_s):
        return state, None
    return replace(state, phase=Phase.QUIET, since=now, readings=0, ended_at=now), "over"
