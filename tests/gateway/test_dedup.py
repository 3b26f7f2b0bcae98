"""What counts as a repeat of the relay, and what is news."""

from bus.gateway.stream.dedup import REPEAT_RECORDS_MAX, Dedup
from bus.kafka.tail_reader import Partition
from bus.outbox.relay import SHARD_ROWS_MAX

HERE, THERE = Partition("ticket.events", 0), Partition("ticket.status", 0)


def test_dedup_a_pass_that_the_relay_repeats_is_known_event_by_event() -> None:
    repeats = Dedup()
    passed = [("T1", version) for version in range(1, SHARD_ROWS_MAX + 1)]
    assert not any(repeats.repeated(HERE, *event) for event in passed)
    late = [("T2", version) for version in range(1, 11)]
    assert not any(repeats.repeated(HERE, *event) for event in late)
    assert all(repeats.repeated(HERE, *event) for event in passed)
    assert not repeats.repeated(THERE, "T1", 1)


def test_dedup_an_older_version_published_again_on_purpose_is_news() -> None:
    repeats = Dedup()
    for version in range(1, REPEAT_RECORDS_MAX + 2):
        repeats.repeated(HERE, "T1", version)
    assert not repeats.repeated(HERE, "T1", 1)
    assert not repeats.repeated(HERE, "T9", 7)
    assert not repeats.repeated(HERE, "T9", 3)  # a version that was never met, though a later one was


def test_dedup_records_that_name_no_event_are_never_repeats_of_each_other() -> None:
    repeats = Dedup()
    assert not any(repeats.repeated(HERE, *nameless) for nameless in [("", 0), ("", 0), ("T1", 0), ("T1", 0), ("", 1)])
