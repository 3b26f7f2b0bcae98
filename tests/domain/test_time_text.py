"""A moment in a sentence is of the clocks of who reads it, and says so."""

from datetime import UTC, datetime

from bus.domain.time_text import TO_THE_MINUTE, time_text

AT = datetime(2026, 11, 28, 18, 30, 5, tzinfo=UTC)


def test_time_text_is_by_china_s_clocks_in_chinese_and_by_utc_in_english() -> None:
    assert str(time_text(AT)) == "11-29 02:30:05 +08:00 / 11-28 18:30:05 UTC"
    assert str(time_text(AT, TO_THE_MINUTE)) == "11-29 02:30 +08:00 / 11-28 18:30 UTC"
