"""What a redrive does next: the canary, the watch, then the rest at its rate. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bus.domain.text import Text

FAILED_SHARE_MAX = 0.2
JUDGED_MIN = 10  # fewer settled letters than this tell nothing of a share


@dataclass(frozen=True, slots=True, kw_only=True)
class RedriveLimits:
    """What was approved: how many letters go first, how long they are watched, how many follow a second."""

    canary: int
    watch: timedelta
    rate_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RedriveProgress:
    """The progress of a frozen set: letters not sent yet, and of those sent how many arrived or failed again."""

    left: int
    released: int
    delivered: int
    failed: int
    first_released_at: datetime | None


def retry_refusal(letters: int, *, two_persons: bool) -> Text | None:
    """Say why one person may not retry so many letters at once, or None: two send many, by a redrive. Pure."""
    if letters <= 1 or not two_persons:
        return None
    return Text(
        "一次重发多封须由两人:请用 redrive 冻结,由另一人执行;不属于投递的死信逐封重发",
        "more than one letter is for two persons: freeze a redrive, which another runs; input, one letter at a time",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Send so many more."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepWatching:
    """Look again in a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """It is over: all has arrived, or it stopped by itself, and why."""

    done: bool
    why: str


Step = Release | KeepWatching | End


def next_step(terms: RedriveLimits, at: RedriveProgress, *, now: datetime, allowed: int) -> Step:
    """Give the next step; `allowed` letters may be sent now by the rate. Total."""
    settled = at.delivered + at.failed
    first = min(terms.canary, at.released + at.left)
    watching = at.released <= first
    if at.failed and watching:
        return End(done=False, why=f"{at.failed} of the first {at.released} failed again")
    if settled >= JUDGED_MIN and at.failed > FAILED_SHARE_MAX * settled:
        return End(done=False, why=f"{at.failed} of {settled} failed again, more than {FAILED_SHARE_MAX:.0%}")
    if not at.left:
        over = settled >= at.released
        return End(done=True, why=f"{at.delivered} arrived, {at.failed} failed again") if over else KeepWatching()
    if not at.released or at.released < first:
        return Release(count=first - at.released)
    if watching:
        seen_at = (at.first_released_at or now) + terms.watch
        if settled < at.released or now < seen_at:
            return KeepWatching()
    return Release(count=min(allowed, at.left)) if allowed > 0 else KeepWatching()
