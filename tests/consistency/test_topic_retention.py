"""How long a topic keeps what a consumer has not read, by its configs on the broker."""

from datetime import UTC, datetime, timedelta

import pytest

from bus.kafka.consumer_offsets import kept_for

DAY_MS = 86_400_000


@pytest.mark.parametrize("kept_ms", [-1, 10_000 * 365 * DAY_MS, 2**63 - 1])
def test_topic_retention_beyond_a_hundred_years_is_for_ever_and_no_date_is_reckoned_from_it(kept_ms: int) -> None:
    assert kept_for({"cleanup.policy": "delete", "retention.ms": str(kept_ms)}) == (None, False)


def test_topic_retention_shorter_than_that_gives_a_date() -> None:
    retention, by_size = kept_for(
        {"cleanup.policy": "delete", "retention.ms": str(7 * DAY_MS), "retention.bytes": "1000"}
    )
    assert retention == timedelta(days=7)
    assert by_size
    assert datetime(2026, 1, 18, tzinfo=UTC) + retention == datetime(2026, 1, 25, tzinfo=UTC)


def test_topic_retention_of_a_compacted_topic_is_for_ever() -> None:
    assert kept_for({"cleanup.policy": "compact", "retention.ms": str(DAY_MS)}) == (None, False)
