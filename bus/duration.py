"""The one form of a duration in files and settings: ISO 8601, never a bare number, which YAML may read otherwise."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import AfterValidator, ValidationError, WrapValidator

from bus.domain.text import Text

FORM: Final = Text("写作 PT15M(15 分钟)、PT24H、P7D", "write PT15M for 15 minutes, PT24H, P7D")
_NO_MONTHS: Final = Text(
    "月和年长短不一,不能使用;15 分钟写作 PT15M", "months and years have no length; 15 minutes are PT15M"
)
_SECOND: Final = timedelta(seconds=1)
_UNREADABLE: Final = "time_delta_parsing"


def written(value: timedelta) -> str:
    """Write a duration as files and settings have it."""
    minutes, seconds = divmod(value.total_seconds(), 60)
    return f"PT{value.total_seconds():g}S" if seconds else f"PT{minutes:.0f}M"


def _written(given: object, parse: Callable[[Any], timedelta]) -> timedelta:
    """Take text that begins with `P`; YAML makes 1440 of `24:00`, and false of `off`. `P15M` are 15 months."""
    if isinstance(given, timedelta):
        return given
    if not isinstance(given, str) or not given.startswith("P"):
        raise ValueError(str(FORM))
    if not {"M", "Y"}.isdisjoint(given.split("T")[0]):
        raise ValueError(str(_NO_MONTHS))
    try:
        return parse(given)
    except ValidationError as error:
        if error.errors()[0]["type"] == _UNREADABLE:
            raise ValueError(str(FORM)) from None
        raise


def _a_second(given: timedelta) -> timedelta:
    if given < _SECOND:
        raise ValueError(str(Text(f"至少 1 秒,{FORM.zh}", f"at least a second: {FORM.en}")))
    return given


Duration = Annotated[timedelta, WrapValidator(_written)]
PositiveDuration = Annotated[Duration, AfterValidator(_a_second)]  # what is counted in whole seconds
