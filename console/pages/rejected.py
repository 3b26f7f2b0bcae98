"""Rejected input: searched by source, code and time; one with why it had no effect and its bytes."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from bus.domain.text import Text
from console.page import Asked, Page

HOURS: Final[Mapping[str, Text]] = {
    "1": Text("一小时", "an hour"),
    "24": Text("一天", "a day"),
    "168": Text("七天", "seven days"),
    "": Text("全部 90 天", "all 90 days"),
}


async def _list(asked: Asked) -> Mapping[str, Any]:
    hours = asked.query.get("hours", "24")
    hours = hours if hours in HOURS else "24"
    chosen = {name: asked.query.get(name, "").strip() for name in ("source", "code")}
    since = (asked.now - timedelta(hours=int(hours))).isoformat() if hours else ""
    found = await asked.get("/v1/rejected", **chosen, since=since)
    return {"rejected": found["rejected"], "more": found["more"], "chosen": chosen, "hours": hours, "times": HOURS}


async def _one(asked: Asked) -> Mapping[str, Any]:
    return {"one": await asked.get(f"/v1/rejected/{asked.path['number']}")}


LIST: Final = Page(
    path="/rejected", title=Text("被拒输入", "rejected input"), template="rejected.html", read=_list, needs="letters"
)
PAGE: Final = Page(
    path="/rejected/{number:int}",
    title=Text("被拒输入", "rejected input"),
    template="rejected_one.html",
    read=_one,
    needs="letters",
    menu=False,
)
