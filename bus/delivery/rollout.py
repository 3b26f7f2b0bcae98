"""A rollout: which version of a target gets a ticket, and what the new version's figures mean. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

from bus.domain.text import Text

MINUTES_MAX: Final = 7 * 24 * 60  # of a step
EVENTS_MAX: Final = 10_000
STEPS: Final = (5, 25, 50, 100)  # percent of the tickets
SAMPLE_MIN: Final = 10  # deliveries from which on something can be said
FAILED_MIN: Final = 3
FAILED_SHARE_MAX: Final = 0.05
FAILED_TIMES: Final = 2.0
LATENCY_TIMES: Final = 3.0
LATENCY_FREE_S: Final = 2.0


class RolloutState(StrEnum):
    """How far a rollout is."""

    RUNNING = "running"
    PROMOTED = "promoted"  # all tickets go to the new version
    ABORTED = "aborted"  # by a person: all tickets go back
    ROLLED_BACK = "rolled_back"  # by itself: all tickets go back


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """`canary` is the new version of `target`. A step takes `step_minutes` and `step_events` at least."""

    number: int
    target: str
    canary: str
    state: RolloutState
    percent: int
    step_minutes: int
    step_events: int
    started_at: datetime
    step_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketPlace:
    """What is known of a ticket: whether it moved to the new version, and where something waits or is a letter."""

    moved: bool = False
    waits_at_target: bool = False
    waits_at_canary: bool = False


def share_of(ticket_id: str) -> int:
    """Give a ticket's place among the hundred parts of all tickets: the same for ever."""
    return int.from_bytes(sha256(ticket_id.encode()).digest()[:8]) % 100


def takes(rollout: Rollout, ticket_id: str, place: TicketPlace) -> bool:
    """Say whether the new version gets the ticket's next event.

    A ticket changes sides only where nothing of it waits, so that its events arrive in order; one that has moved
    stays while the rollout runs.
    """
    match rollout.state:
        case RolloutState.RUNNING:
            return place.moved or (not place.waits_at_target and share_of(ticket_id) < rollout.percent)
        case RolloutState.PROMOTED:
            return not place.waits_at_target
        case RolloutState.ABORTED | RolloutState.ROLLED_BACK:
            return place.waits_at_canary


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one version received and acknowledged in a window, and how well. `failed`: deliveries that failed once.

    `latency_s`: of those acknowledged at the first attempt, 95 of 100 are faster. `held`: it is paused, or its breaker
    is open. `received_of` and `done_of` are by type of event.
    """

    received: int = 0
    done: int = 0
    failed: int = 0
    latency_s: float = 0.0
    held: bool = False
    received_of: Mapping[str, int] = field(default_factory=dict)
    done_of: Mapping[str, int] = field(default_factory=dict)

    @property
    def failed_share(self) -> float:
        """Give how many of a hundred deliveries failed at least once, as a fraction."""
        return self.failed / self.received if self.received else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUp:
    """The new version takes a larger share."""

    percent: int


@dataclass(frozen=True, slots=True)
class Promote:
    """The new version takes all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBack:
    """The new version is worse: all tickets go back, and why."""

    why: Text


def judge(rollout: Rollout, old: Figures, new: Figures, now: datetime) -> StepUp | Promote | RollBack | None:
    """Compare the versions; None waits. `old` is since the rollout began, `new` since its step did."""
    over = now - rollout.step_at >= timedelta(minutes=rollout.step_minutes)
    if why := _worse(old, new, over=over):
        return RollBack(why=why)
    if not over or new.done < rollout.step_events:
        return None
    larger = next((percent for percent in STEPS if percent > rollout.percent), None)
    return Promote() if larger is None else StepUp(percent=larger)


def _worse(old: Figures, new: Figures, *, over: bool) -> Text | None:
    if new.held and not old.held:
        return Text("新版本已熔断或已暂停", "the new version is paused, or its breaker is open")
    if new.failed >= FAILED_MIN and new.failed_share > max(FAILED_SHARE_MAX, FAILED_TIMES * old.failed_share):
        return Text(
            f"新版本 {new.received} 条中 {new.failed} 条失败({new.failed_share:.0%}),旧版本 {old.failed_share:.0%}",
            f"{new.failed} of the new version's {new.received} deliveries failed ({new.failed_share:.0%}), "
            f"of the old one's {old.failed_share:.0%}",
        )
    if min(old.done, new.done) >= SAMPLE_MIN and new.latency_s > LATENCY_TIMES * old.latency_s + LATENCY_FREE_S:
        return Text(
            f"新版本确认用时 {new.latency_s:.1f} 秒,旧版本 {old.latency_s:.1f} 秒(95%)",
            f"the new version acknowledges in {new.latency_s:.1f} s, the old one in {old.latency_s:.1f} s (95 %)",
        )
    if over and (missing := _missing(old, new)):
        return Text(
            f"旧版本确认了 {missing},新版本收到而一条未确认",
            f"the old version acknowledged {missing}, and the new one received them and acknowledged none",
        )
    return None


def _missing(old: Figures, new: Figures) -> str:
    """Name the types that the old version acknowledges and the new one, which gets them, does not."""
    return ", ".join(
        sorted(
            kind
            for kind, received in new.received_of.items()
            if received >= SAMPLE_MIN and old.done_of.get(kind) and not new.done_of.get(kind)
        )
    )
