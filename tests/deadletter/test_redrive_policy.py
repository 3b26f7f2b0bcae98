"""The next step of a redrive: a few first, watched, then the rest at its rate; it stops by itself (R38)."""

from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from deadletter.redrive_policy import (
    FAILED_SHARE_MAX,
    JUDGED_MIN,
    End,
    KeepWatching,
    RedriveLimits,
    RedriveProgress,
    Release,
    next_step,
)

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
TERMS = RedriveLimits(canary=5, watch=timedelta(seconds=10), rate_per_s=10)


def progress(
    left: int, released: int = 0, delivered: int = 0, failed: int = 0, *, watched_s: float = 60
) -> RedriveProgress:
    began = NOW - timedelta(seconds=watched_s) if released else None
    return RedriveProgress(left=left, released=released, delivered=delivered, failed=failed, first_released_at=began)


def step(at: RedriveProgress, allowed: int = 3) -> object:
    return next_step(TERMS, at, now=NOW, allowed=allowed)


def test_redrive_policy_a_few_go_first_and_are_watched() -> None:
    assert step(progress(100)) == Release(count=5)
    assert isinstance(step(progress(95, 5, 4)), KeepWatching)
    assert isinstance(step(progress(95, 5, 5, watched_s=9)), KeepWatching)
    assert step(progress(95, 5, 5, watched_s=10)) == Release(count=3)
    assert step(progress(97, 3, 3)) == Release(count=2), "killed after three of the first"


def test_redrive_policy_a_small_set_is_all_first() -> None:
    assert step(progress(2)) == Release(count=2)
    assert isinstance(step(progress(0, 2, 1)), KeepWatching)
    assert step(progress(0, 2, 2)) == End(done=True, why="2 arrived, 0 failed again")


def test_redrive_policy_one_failure_among_the_first_stops_it() -> None:
    ended = step(progress(95, 5, 4, 1))
    assert isinstance(ended, End)
    assert not ended.done


def test_redrive_policy_more_than_a_fifth_stops_it() -> None:
    assert step(progress(50, 50, 40, 10)) == Release(count=3)
    ended = step(progress(50, 50, 39, 11))
    assert isinstance(ended, End)
    assert not ended.done


def test_redrive_policy_the_rate_lets_nothing_go() -> None:
    assert isinstance(step(progress(50, 50, 50), allowed=0), KeepWatching)
    assert step(progress(2, 50, 50), allowed=9) == Release(count=2)


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 2**32))
def test_redrive_policy_every_redrive_ends_and_sends_no_more_than_it_froze(total: int, canary: int, seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - repeatable on purpose
    terms = RedriveLimits(canary=canary, watch=timedelta(seconds=10), rate_per_s=10)
    left, released, delivered, failed, now, began = total, 0, 0, 0, NOW, None
    for _ in range(20 * total + 100):
        at = RedriveProgress(left=left, released=released, delivered=delivered, failed=failed, first_released_at=began)
        match next_step(terms, at, now=now, allowed=chance.randint(0, 5)):
            case Release(count=count):
                assert 0 < count <= left
                left, released, began = left - count, released + count, began or now
            case End(done=done):
                assert done is (left == 0 and delivered + failed == total and not _stopped(at, canary))
                return
            case KeepWatching():
                pending = released - delivered - failed
                arrived = chance.randint(0, pending)
                broke = chance.randint(0, pending - arrived) if chance.random() < 0.1 else 0
                if pending and not arrived and not broke:
                    arrived = pending
                delivered, failed = delivered + arrived, failed + broke
        now += timedelta(seconds=1)
    raise AssertionError("it never ends")


def _stopped(at: RedriveProgress, canary: int) -> bool:
    settled = at.delivered + at.failed
    among_first = bool(at.failed) and at.released <= min(canary, at.released + at.left)
    return among_first or (settled >= JUDGED_MIN and at.failed > FAILED_SHARE_MAX * settled)
