"""Calendars 日历 (R7): which hours are worked in which region, who works now, and holidays that are not announced."""

from collections.abc import Mapping
from typing import Any, Final

from bus.domain.text import Text
from console.page import Asked, Page


async def _read(asked: Asked) -> Mapping[str, Any]:
    found: Mapping[str, Any] = await asked.get("/v1/calendars")
    return found


PAGE: Final = Page(
    path="/calendars", title=Text("日历", "calendars"), template="calendars.html", read=_read, needs="people"
)
