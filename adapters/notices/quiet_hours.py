"""Hours in which people are left alone, every day, by the clocks of one zone. Pure."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from adapters.map_faults import fault
from bus.config_file import FileModel

_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def _time(given: object) -> object:
    """Read 22:00; YAML makes a number of it where it stands without quotes."""
    text = f"{given // 60:02}:{given % 60:02}" if isinstance(given, int) and not isinstance(given, bool) else given
    found = _CLOCK.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise fault("应为 22:00 这样的钟点", "a time of the day is meant, such as 22:00")
    return time(int(found[1]), int(found[2]))


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise fault(f"没有时区 {name}", f"there is no zone {name}; such as Asia/Shanghai") from None
    return name


Clock = Annotated[time, BeforeValidator(_time)]


class QuietHours(FileModel):
    """From one time of the day until another, past midnight where the second is the earlier one."""

    from_: Annotated[Clock, Field(alias="from")]
    until: Clock
    zone: Annotated[str, AfterValidator(_zone)] = "Asia/Shanghai"

    @model_validator(mode="after")
    def _some_time(self) -> Self:
        if self.from_ == self.until:
            raise fault("from 和 until 相同", "`from` and `until` are the same")
        return self

    def end_at(self, now: datetime) -> datetime | None:
        """Give when the quiet hours end that are `now`; None outside them."""
        local = now.astimezone(ZoneInfo(self.zone))
        clock, over_midnight = local.time(), self.from_ > self.until
        quiet = clock >= self.from_ or clock < self.until if over_midnight else self.from_ <= clock < self.until
        if not quiet:
            return None
        end = datetime.combine(local.date(), self.until, ZoneInfo(self.zone))
        end = end + timedelta(days=1) if clock >= self.until else end
        # In the night in which clocks go back an hour comes twice: the end that is over already is the first one.
        return end if end.astimezone(UTC) > now else end.replace(fold=1)
