"""How a source writes its times: formats tried in turn, the zone of those that name none, seconds since 1970."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from adapters.map_faults import fault

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ISO_8601 = "iso8601"
_EPOCHS = {"epoch_s": timedelta(seconds=1), "epoch_ms": timedelta(milliseconds=1)}
_COUNT = re.compile(r"(\d{1,15})(?:\.\d{1,9})?", re.ASCII)
_MILLISECONDS_FROM = 10**11  # in 1973; as seconds it would be the year 5138, so that the one is not read as the other
_SAMPLE = datetime(1987, 11, 23, 17, 48, 39, tzinfo=UTC)  # no two of its parts are alike, and the hour is past noon
_DIRECTIVE = re.compile(r"%.", re.DOTALL)
_UTC_SPELLED = re.compile(r"Z$|\b(?:UTC|GMT)\b")


def listed(value: object) -> object:
    """Take one text where several may stand."""
    return (value,) if isinstance(value, str) else value


def _zone(name: object) -> object:
    try:
        return ZoneInfo(name) if isinstance(name, str) else name
    except (KeyError, OSError, ValueError) as error:
        raise fault(f"没有时区“{name}”", f"there is no time zone {name!r}") from error


def _format(text: str) -> str:
    """Take a format that can read times. Raises ValueError on one that no time could ever be read by."""
    if text in _EPOCHS or text == ISO_8601:
        return text
    if "%Z" in text:
        raise fault(
            f"“{text}”: 时区名(%Z)不起作用,请用 %z",
            f"{text!r}: the name of a zone (%Z) is read and does not count; write %z for offsets and Z",
        )
    try:
        read = datetime.strptime(_SAMPLE.strftime(text), text)  # noqa: DTZ007 - the zone is asked for apart
    except (ValueError, re.error) as error:
        raise fault(f"“{text}”不是时间格式", f"{text!r}: {error}") from None
    if read.date() != _SAMPLE.date():
        raise fault(
            f"“{text}”读不出完整日期,年、月、日写作 %Y、%m、%d",
            f"{text!r} reads no whole date; years, months and days are written as %Y, %m, %d",
        )
    if read.hour not in (0, _SAMPLE.hour):
        raise fault(
            f"“{text}”分不清上午下午:%I 要有 %p,24 小时制用 %H",
            f"{text!r} does not tell the morning from the afternoon; %I wants %p, 24 hours are %H",
        )
    return text


ZoneNamed = Annotated[ZoneInfo | None, BeforeValidator(_zone)]


def refuse_utc_spelled(form: str, zone: ZoneInfo) -> None:
    """Refuse a format that says UTC of times in another zone. Raises ValueError."""
    if zone.key not in ("UTC", "GMT", "Etc/UTC") and _UTC_SPELLED.search(_DIRECTIVE.sub("", form)):
        raise fault(
            f"“{form}”写的是 UTC,而 zone 是 {zone.key};请用 %z 代替 Z、UTC 或 GMT",
            f"{form!r} says UTC, and `zone` {zone.key}; write %z in place of Z, UTC or GMT",
        )


class TimeForm(BaseModel):
    """`format`: one or several, as strptime writes them, or `epoch_s`, `epoch_ms`, `iso8601`.

    `zone`: of times that name none; a time of `iso8601` that names none is refused without it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    format: Annotated[tuple[Annotated[str, AfterValidator(_format)], ...], BeforeValidator(listed), Field(min_length=1)]
    zone: ZoneNamed = None

    @model_validator(mode="after")
    def _every_time_has_a_zone(self) -> Self:
        for one in self.format:
            if one in _EPOCHS or one == ISO_8601 or "%z" in one:
                continue
            if self.zone is None:
                raise fault(
                    f"“{one}”的时间没有时区,请写 zone,如 Asia/Shanghai",
                    f"the times of {one!r} name no zone: write `zone`, such as Asia/Shanghai",
                )
            refuse_utc_spelled(one, self.zone)
        return self

    def read(self, text: str) -> datetime:
        """Read a time, in UTC; the first format that fits counts. Raises ValueError, OverflowError."""
        for one in self.format:
            if one in _EPOCHS:
                found = _COUNT.fullmatch(text)
                if found and (int(found[1]) >= _MILLISECONDS_FROM) == (one == "epoch_ms"):
                    return _EPOCH + float(text) * _EPOCHS[one]
                continue
            try:
                if one == ISO_8601:
                    return self._aware(datetime.fromisoformat(text))
                time = datetime.strptime(text, one)  # noqa: DTZ007 - the zone of its format counts, else the map's
            except ValueError:
                continue
            return self._aware(time)
        raise ValueError(text)

    def write(self, time: datetime) -> str | int:
        """Write a time (aware) as the first format has it; a count of seconds or milliseconds is a number."""
        form = self.format[0]
        if form in _EPOCHS:
            return (time - _EPOCH) // _EPOCHS[form]
        local = time.astimezone(self.zone or UTC)
        return local.isoformat() if form == ISO_8601 else local.strftime(form)

    def _aware(self, time: datetime) -> datetime:
        """Give a time in UTC, by the zone where it names none. Raises ValueError where there is no zone either."""
        if time.tzinfo is None and self.zone is None:
            raise ValueError("no zone")
        return (time if time.tzinfo else time.replace(tzinfo=self.zone)).astimezone(UTC)

    def __str__(self) -> str:
        return " | ".join(self.format)
