"""The ten questions of `selfcheck`: whether the story that this bus is for could happen again, by what happened."""

from collections.abc import Mapping
from typing import Any, Final

from bus.domain.text import Text
from console.page import Asked, Page

SPANS: Final = (7, 30, 90)
ANSWERS: Final[Mapping[bool | None, tuple[str, Text]]] = {
    True: ("good", Text("是", "yes")),
    False: ("bad", Text("否", "no")),
    None: ("none", Text("无从判断", "nothing to judge by")),
}


async def _read(asked: Asked) -> Mapping[str, Any]:
    wanted = asked.query.get("days", "")
    days = int(wanted) if wanted.isdecimal() and int(wanted) in SPANS else SPANS[1]
    found = await asked.get("/v1/selfcheck", days=days)
    return {"questions": found["questions"], "days": days, "spans": SPANS, "answers": ANSWERS}


PAGE: Final = Page(
    path="/selfcheck", title=Text("自检", "self-check"), template="selfcheck.html", read=_read, needs="insight"
)
