"""Moments in sentences for people: Chinese ones by China's clocks, English ones in UTC, each says so. Pure."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from bus.domain.text import Text

CHINA: Final = timezone(timedelta(hours=8), "CST")
TO_THE_MINUTE: Final = "%m-%d %H:%M"
WITH_THE_YEAR: Final = "%Y-%m-%d %H:%M:%S"


def time_text(at: datetime, form: str = "%m-%d %H:%M:%S") -> Text:
    """Spell a moment for a sentence."""
    return Text(f"{at.astimezone(CHINA):{form}} +08:00", f"{at.astimezone(UTC):{form}} UTC")
