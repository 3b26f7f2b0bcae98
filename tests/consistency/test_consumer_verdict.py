"""The verdict on a consumer: each is given for what it means, and none for a restart, a rebalance or a slow commit."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.alerts.rule_names import RuleName
from bus.consistency.consumer_history import ConsumerKind, OldestUnread, PartitionOffsets, lag_over_time
from bus.consistency.consumer_text import evidence
from bus.consistency.consumer_verdict import ConsumerVerdict, verdict
from tests.alerts.test_advance import Rounds
from tests.consistency.consumer_histories import (
    EVERY,
    NOW,
    Moment,
    ever,
    history_of,
    judged,
    on_partitions,
    with_low,
)

HEALTHY = {ConsumerVerdict.OK, ConsumerVerdict.IDLE}
MINUTE = 6  # readings


def busy(rounds: int, *, lag: int = 5, start: int = 0, members: int | None = 1) -> list[Moment]:
    """Make readings of a consumer that keeps up with 100 records a reading."""
    return [(start + 100 * one, start + 100 * one + lag, members) for one in range(rounds)]


def still(rounds: int, *, committed: int | None, end: int, members: int | None) -> list[Moment]:
    """Make readings in which nothing moves."""
    return [(committed, end, members)] * rounds


@pytest.mark.parametrize(
    ("moments", "meant"),
    [
        (still(12, committed=100, end=100, members=1), "idle"),
        (busy(30), "ok"),
        ([*busy(6), *still(8, committed=500, end=600, members=1)], "stalled"),
        ([*busy(6), *still(8, committed=500, end=600, members=None)], "stalled"),
        ([*busy(6), *still(8, committed=500, end=600, members=0)], "stopped"),
        ([*still(12, committed=505, end=505, members=0), *still(7, committed=505, end=506, members=0)], "stopped"),
        ([(10 * one, 1000 + 30 * one, 1) for one in range(40)], "slow"),
        ([*busy(12), (300, 1200, 1)], "rewound"),
        ([*still(2, committed=7, end=7, members=0), *still(7, committed=None, end=7, members=0)], "vanished"),
        ([*still(1, committed=None, end=0, members=1), *still(8, committed=None, end=9, members=1)], "stalled"),
    ],
)  # fmt: skip
def test_consumer_verdict_each_is_given_for_what_it_means(moments: list[Moment], meant: str) -> None:
    assert judged(moments).verdict.value == meant


def test_consumer_verdict_a_declared_reader_without_offsets_and_members_never_started() -> None:
    moments = still(7, committed=None, end=9, members=0)
    assert judged(moments, declared=True).verdict is ConsumerVerdict.NEVER_STARTED
    assert judged(moments, declared=True, had_offsets=True).verdict is ConsumerVerdict.VANISHED
    assert judged(moments[:6], declared=True).verdict in HEALTHY, "a minute is not over"


def test_consumer_verdict_a_reader_that_joined_later_is_not_behind_on_what_was_there_before() -> None:
    moments = still(30, committed=None, end=9, members=1)
    assert ever(moments) <= HEALTHY
    assert judged(moments, declared=True).verdict is ConsumerVerdict.STALLED, "our own reads from the beginning"


def test_consumer_verdict_since_when_is_the_first_reading_in_which_nothing_moved() -> None:
    status = judged([*busy(6), *still(8, committed=500, end=600, members=1)])
    assert (status.since, status.lag, status.members, status.partition) == (NOW - EVERY * 8, 100, 1, 0)


def test_consumer_verdict_a_restart_within_a_minute_is_nothing() -> None:
    away = still(5, committed=500, end=600, members=0)
    back = busy(30, start=600)
    assert ever([*busy(6), *away, *back]) <= HEALTHY
    killed = [*still(5, committed=500, end=560, members=1), *away[:2]]  # its session lasts on, then it is gone
    assert ever([*busy(6), *killed[:6], *back]) <= HEALTHY
    assert ConsumerVerdict.STOPPED in ever([*busy(6), *away, *away, *back])


def test_consumer_verdict_members_that_come_and_go_and_read_nothing_are_stalled() -> None:
    flapping: list[Moment] = [(500, 600 + one, one % 4 // 2) for one in range(20)]
    assert judged([*busy(6), *flapping]).verdict is ConsumerVerdict.STALLED
    assert ever([*busy(6), *flapping[:10]]) <= HEALTHY


def test_consumer_verdict_who_commits_seldom_is_given_the_time_that_it_took_before() -> None:
    seldom: list[Moment] = [(1000 * (one // 9), 1000 * (one // 9) + 111 * (one % 9) + 50, 1) for one in range(60)]
    learned = judged(seldom[:36]).verdict
    assert learned in HEALTHY, "nine readings without a commit, as ever"
    assert judged([*seldom[:36], *still(16, committed=3000, end=4000, members=1)]).verdict is ConsumerVerdict.STALLED


def test_consumer_verdict_transaction_markers_alone_are_nothing_unread() -> None:
    moments = [*busy(6, lag=1), *still(30, committed=500, end=501, members=1)]
    assert judged(moments).verdict is ConsumerVerdict.STALLED, "without a look it counts as a record"
    look = OldestUnread(position=500, next_offset=501, record_at=None)
    status = judged(moments, looks={0: look})
    assert (status.verdict, status.lag) == (ConsumerVerdict.IDLE, 0)
    came = [*moments, *still(3, committed=500, end=502, members=1)]
    assert judged(came, looks={0: look}).verdict is ConsumerVerdict.OK, "the record that came is twenty seconds old"
    later = replace(look, record_at=NOW)
    assert judged([*came, *still(5, committed=500, end=502, members=1)], looks={0: later}).verdict is (
        ConsumerVerdict.STALLED
    )


def test_consumer_verdict_markers_that_were_deleted_are_no_loss() -> None:
    look = OldestUnread(position=500, next_offset=501, record_at=None)
    moments = still(12, committed=500, end=501, members=0)
    assert judged(moments, low=501, looks={0: look}).verdict in HEALTHY
    assert judged(moments, low=501).verdict is ConsumerVerdict.HAS_LOST


def test_consumer_verdict_what_is_deleted_unread_is_lost_and_what_soon_will_be_is_known_with_its_time() -> None:
    moments = still(12, committed=500, end=900, members=0)
    assert judged(moments, low=501).verdicts == (ConsumerVerdict.HAS_LOST, ConsumerVerdict.STOPPED)
    look = OldestUnread(position=500, next_offset=500, record_at=NOW - timedelta(days=29, hours=21))
    kept = timedelta(days=30)
    status = judged(moments, retention=kept, looks={0: look})
    assert status.verdicts == (ConsumerVerdict.WILL_LOSE, ConsumerVerdict.STOPPED)
    assert status.loses_at == NOW + timedelta(hours=3)
    early = replace(look, record_at=NOW - timedelta(days=20))
    assert judged(moments, retention=kept, looks={0: early}).verdicts == (ConsumerVerdict.STOPPED,)
    assert judged(moments, looks={0: look}).verdicts == (ConsumerVerdict.STOPPED,), "it is kept for ever"


def test_consumer_verdict_who_will_have_read_it_in_time_loses_nothing() -> None:
    catching_up: list[Moment] = [(100 * one, 6000, 1) for one in range(30)]
    look = OldestUnread(position=2900, next_offset=2900, record_at=NOW - timedelta(days=30) + timedelta(hours=1))
    assert judged(catching_up, retention=timedelta(days=30), looks={0: look}).verdict is ConsumerVerdict.OK


def test_consumer_verdict_of_a_topic_kept_by_size_the_speed_of_the_low_water_mark_counts() -> None:
    history = replace(history_of(still(60, committed=5000, end=9000, members=0)), by_size=True)
    rising = verdict(with_low(history, [10 * (one // 10) * 10 for one in range(60)]), NOW)
    assert rising.verdicts == (ConsumerVerdict.WILL_LOSE, ConsumerVerdict.STOPPED)
    assert rising.loses_at is not None
    assert timedelta(hours=1) < rising.loses_at - NOW < timedelta(hours=2)
    once = verdict(with_low(history, [0] * 30 + [500] * 30), NOW)
    assert once.verdicts == (ConsumerVerdict.STOPPED,), "one segment less says nothing of the speed"


def test_consumer_verdict_retention_behind_one_that_keeps_up_is_nothing() -> None:
    moments = busy(60, start=1000)
    sawtooth = [max(0, committed - 40) // 1000 * 1000 for committed, *_ in moments if committed is not None]
    history = with_low(history_of(moments), sawtooth)
    for by_size in (False, True):
        assert verdict(replace(history, by_size=by_size), NOW).verdict is ConsumerVerdict.OK


def test_consumer_verdict_a_burst_that_is_worked_off_is_not_slow() -> None:
    burst: list[Moment] = [*busy(10), *((1000 + 100 * one, 9000, 1) for one in range(60))]
    assert ever(burst) <= HEALTHY


def test_consumer_verdict_a_rewind_holds_until_it_has_read_that_far_again() -> None:
    again: list[Moment] = [(300 + 100 * one, 1200, 1) for one in range(9)]
    assert judged([*busy(12), *again[:8]]).verdict is ConsumerVerdict.REWOUND
    assert judged([*busy(12), *again]).verdict is ConsumerVerdict.OK
    anew: list[Moment] = [(one, one, 1) for one in range(5)]
    assert judged([*busy(12), *anew]).verdict is ConsumerVerdict.OK, "the log itself ends before"


def test_consumer_verdict_a_gap_between_readings_is_no_time_that_anybody_saw() -> None:
    history = history_of(still(8, committed=500, end=600, members=1))
    first = replace(history.readings[0], at=NOW - timedelta(hours=1))
    assert verdict(replace(history, readings=[first, *history.readings[-3:]]), NOW).verdict is ConsumerVerdict.OK


def test_consumer_verdict_the_worst_partition_counts_and_lag_is_of_all() -> None:
    offsets = {p: PartitionOffsets(committed=100, low=0, end=100 + (7 if p == 4 else 0)) for p in range(6)}
    status = verdict(on_partitions(offsets, members=2, rounds=8), NOW)
    assert (status.verdict, status.partition, status.lag) == (ConsumerVerdict.STALLED, 4, 7)


def test_consumer_verdict_a_queue_is_judged_by_the_same_rules() -> None:
    moments = [*busy(6), *still(8, committed=500, end=600, members=0)]
    assert judged(moments, kind=ConsumerKind.QUEUE).verdict is ConsumerVerdict.STOPPED


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=2, max_size=90))
def test_consumer_verdict_whoever_reads_all_every_other_reading_is_healthy(
    steps: list[tuple[int, int]],
) -> None:
    end, moments = 0, list[Moment]()
    for number, (came, left) in enumerate(steps):
        end += came
        committed = end if number % 2 else max((moments[-1][0] or 0) if moments else 0, end - left)
        moments.append((committed, end, 1))
    assert ever(moments) <= HEALTHY


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(7, 60), st.sampled_from([0, 1, 3, None]))
def test_consumer_verdict_what_waits_for_a_minute_without_a_move_is_never_called_healthy(
    lag: int, committed: int, rounds: int, members: int | None
) -> None:
    status = judged(still(rounds, committed=committed, end=committed + lag, members=members))
    assert status.verdict is (ConsumerVerdict.STOPPED if members == 0 else ConsumerVerdict.STALLED)
    assert status.lag == lag


def test_consumer_verdict_a_group_whose_members_left_a_topic_is_unsubscribed_and_nothing_else() -> None:
    whole = history_of([*busy(6), *still(30, committed=500, end=9_000, members=0)], low=0)
    left = [
        replace(one, elsewhere=False if index < 6 else None if index in (10, 11) else True)
        for index, one in enumerate(whole.readings)
    ]
    status = verdict(replace(whole, readings=left), NOW)
    assert (status.verdicts, status.since) == ((ConsumerVerdict.UNSUBSCRIBED,), left[6].at)
    down = replace(whole, readings=[replace(one, elsewhere=None) for one in left], unsubscribed=True)
    assert verdict(down, NOW).verdict is ConsumerVerdict.UNSUBSCRIBED, "nobody has said otherwise"
    back = verdict(replace(whole, readings=[*left[:-1], replace(left[-1], elsewhere=False)], unsubscribed=True), NOW)
    assert back.verdict is ConsumerVerdict.STOPPED
    deleted = still(8, committed=None, end=9_000, members=0)
    gone = history_of(deleted, had_offsets=True)
    gone = replace(gone, readings=[replace(one, elsewhere=True) for one in gone.readings])
    assert (verdict(gone, NOW).verdict, verdict(gone, NOW).had_offsets) == (ConsumerVerdict.IDLE, False)


def test_consumer_verdict_a_partition_with_records_that_a_group_never_committed_is_not_idle() -> None:
    read, unread = PartitionOffsets(committed=9, low=0, end=9), PartitionOffsets(committed=None, low=0, end=7)
    status = verdict(on_partitions({0: read, 3: unread}, 1, 62), NOW)
    assert (status.verdict, status.partition, status.committed) == (ConsumerVerdict.NEVER_STARTED, 3, None)
    assert evidence(status).en == "what is unread is not known, partition 3 at - of 7, members 1"
    quiet = [
        on_partitions({0: read, 3: unread}, 1, 60),  # ten minutes are not over
        on_partitions({0: read, 3: unread}, 0, 62),
        on_partitions({0: read, 3: replace(unread, end=0)}, 1, 62),
        on_partitions({3: unread}, 1, 62),  # of one that never commits nobody knows anything
    ]
    assert [verdict(one, NOW).verdict.value for one in quiet] == ["idle"] * 4


def test_consumer_verdict_one_that_is_killed_is_an_alert_a_minute_after_its_session() -> None:
    session = 5
    moments = [*busy(12), *still(session, committed=1100, end=1200, members=1)]
    moments += still(12, committed=1100, end=1200, members=0)
    whole, rounds, heard = history_of(moments), Rounds(), list[timedelta]()
    killed_at = whole.readings[11].at
    for count in range(1, len(moments) + 1):
        part = replace(whole, readings=whole.readings[:count])
        at = part.readings[-1].at
        rule = rounds.rules[RuleName.CONSUMER_STOPPED]
        flips = rounds.flips(at, *rule.evaluate([(verdict(part, at), None)], at))
        heard += [at - killed_at for _ in flips]
    assert heard == [EVERY * (session + 1 + MINUTE)]


def test_consumer_verdict_lag_over_time_ends_at_the_lag_that_is_shown() -> None:
    moments: list[Moment] = [(None, 10, 1), (4, 10, 1), (10, 10, 1), (10, 12, 1)]
    assert [*lag_over_time(history_of(moments)).values()] == [0, 6, 0, 2]
    assert [*lag_over_time(history_of(moments, declared=True)).values()] == [10, 6, 0, 2], "it reads from the beginning"
    assert [*lag_over_time(history_of(moments, low=6)).values()] == [0, 4, 0, 2], "what is deleted is not unread"
    look = {0: OldestUnread(position=10, next_offset=11, record_at=None)}
    looked = history_of(moments, looks=look)
    assert [*lag_over_time(looked).values()][-1] == verdict(looked, NOW).lag == 1, "a transaction's end is no record"
    both = on_partitions(
        {0: PartitionOffsets(committed=1, low=0, end=3), 1: PartitionOffsets(committed=0, low=0, end=4)}, 1, 2
    )
    assert [*lag_over_time(both).values()] == [6, 6]
