"""Targets: what waits for each other system and why, to pause and resume it, and to clear a queue nobody calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self
from urllib.parse import quote
from uuid import uuid4

from starlette.exceptions import HTTPException

from bus.domain.delivery_state import asked_until, is_breaker_open
from bus.domain.text import Text
from console.page import Action, Asked, Page, link


async def _list(asked: Asked) -> Mapping[str, Any]:
    targets = (await asked.get("/v1/deliveries"))["deliveries"]
    found = [(one, states_of(one, asked.now)) for one in targets]
    cleared = asked.query.get("cleared", "")
    return {
        "targets": sorted(found, key=lambda pair: _urgency(*pair)),
        "cleared": cleared if cleared not in {one["target"] for one in targets} else "",
    }


async def _one(asked: Asked) -> Mapping[str, Any]:
    targets = (await asked.get("/v1/deliveries"))["deliveries"]
    target = next((one for one in targets if one["target"] == asked.path["target"]), None)
    if target is None:
        raise HTTPException(404)
    return {
        "target": target,
        "states": states_of(target, asked.now),
        "address": link(f"/targets/{quote(target['target'], safe='')}"),
        "others": [one["target"] for one in targets if one["undeclared_at"] is None],
        "step": None,
    }


async def _pause(asked: Asked) -> str:
    await asked.post(_path(asked, "pause"), {"why": asked.form.get("why", "")})
    return ""


async def _resume(asked: Asked) -> str:
    await asked.post(_path(asked, "resume"), {})
    return ""


async def _discard(asked: Asked) -> str | Mapping[str, Any]:
    return await _step(asked, "discard", {})


async def _move(asked: Asked) -> str | Mapping[str, Any]:
    return await _step(asked, "move", {"to": asked.form.get("to", "")})


async def _step(asked: Asked, name: str, body: Mapping[str, Any]) -> str | Mapping[str, Any]:
    """Clear a queue by one step of the gateway's; where more is left, show how many and offer the next step."""
    after = {"after": asked.form["after"]} if asked.form.get("after") else {}
    done = await asked.post(_path(asked, name), {**body, **after, "why": asked.form.get("why", "")})
    if not done["left"]:
        return link("/targets", cleared=asked.path["target"])
    return {"step": {**done, "name": name}, "key": str(uuid4())}


def _path(asked: Asked, name: str) -> str:
    return f"/v1/deliveries/{quote(asked.path['target'], safe='')}/{name}"


@dataclass(frozen=True, slots=True)
class _Called:
    failures: int
    not_before: datetime | None
    asked_wait: bool

    @classmethod
    def of(cls, target: Mapping[str, Any]) -> Self:
        at = target["not_before"]
        return cls(target["failures"], datetime.fromisoformat(at) if at else None, target["asked_wait"])


def states_of(target: Mapping[str, Any], now: datetime) -> Sequence[tuple[str, Text]]:
    """Say why a target gets nothing now, or what is wrong with it, the gravest first; each with its colour. Pure."""
    found: list[tuple[str, Text]] = []
    if target["undeclared_at"]:
        found.append(("bad", Text("已不再声明,无人调用", "no longer declared: nobody calls it")))
    if target["paused"]:
        found.append(("bad", Text("已暂停", "paused")))
    called = _Called.of(target)
    if asked_until(called, now):
        found.append(("warn", Text("对方要求等待", "it asked for a wait (Retry-After)")))
    elif is_breaker_open(called):
        found.append(("bad", Text("熔断:只试探", "breaker open: probes only")))
    if target["failures"]:
        count = target["failures"]
        found.append(("warn", Text(f"连续失败 {count} 次", f"{count} failures in a row")))
    if target["probe_missing_since"]:
        found.append(("bad", Text("探测不到", "its probe is missing")))
    if target["parked"]:
        found.append(("bad", Text(f"死信 {target['parked']}", f"{target['parked']} letters")))
    if count := target.get("differences", 0):
        found.append(("bad", Text(f"单据不一致 {count}", f"{count} documents differ")))
    if target["overdue"]:
        found.append(("warn", Text(f"{target['overdue']} 条未按时取走", f"{target['overdue']} not fetched in time")))
    return found or [("good", Text("正常", "fine"))]


def _urgency(target: Mapping[str, Any], states: Sequence[tuple[str, Text]]) -> tuple[int, str]:
    colours = [colour for colour, _ in states]
    return (0 if "bad" in colours else 1 if "warn" in colours else 2, target["target"])


LIST: Final = Page(
    path="/targets", title=Text("目标系统", "targets"), template="targets.html", read=_list, needs="letters", live=True
)
PAGE: Final = Page(
    path="/targets/{target}",
    title=Text("目标系统", "target"),
    template="target.html",
    read=_one,
    needs="letters",
    menu=False,
    live=True,
    actions=[
        Action(name="pause", run=_pause, done=Text("已暂停", "paused")),
        Action(name="resume", run=_resume, done=Text("已恢复", "resumed")),
        Action(name="discard", run=_discard, done=Text("已作废", "discarded")),
        Action(name="move", run=_move, done=Text("已移交", "moved")),
    ],
)
