"""Redrives: many letters sent again in four steps, each to be seen before the next, and stopped at any time."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from bus.domain.text import Text
from console.page import Action, Asked, Page

STEPS: Final[Mapping[str, Text]] = {
    "frozen": Text("冻结", "freeze"),
    "dry_run": Text("预演", "dry run"),
    "canary": Text("先发几封", "canary"),
    "rest": Text("其余按速率", "the rest at a rate"),
}


async def _list(asked: Asked) -> Mapping[str, Any]:
    return {"redrives": (await asked.get("/v1/deadletters/redrives"))["redrives"][::-1]}


async def _one(asked: Asked) -> Mapping[str, Any]:
    redrive, me = await asyncio.gather(
        asked.get(f"/v1/deadletters/redrives/{asked.path['redrive']}"), asked.get("/v1/client")
    )
    return {
        "redrive": redrive,
        "steps": STEPS,
        "at_step": step_of(redrive),
        "watch_until": watch_until(redrive),
        "own": redrive["two_persons"] and redrive["approved_by"] == (me["person"] or me["client"]),
    }


async def _run(asked: Asked) -> str:
    await asked.post(f"/v1/deadletters/redrives/{asked.path['redrive']}/run", {})
    return ""


async def _stop(asked: Asked) -> str:
    await asked.post(f"/v1/deadletters/redrives/{asked.path['redrive']}/stop", {"why": asked.form.get("why", "")})
    return ""


def step_of(redrive: Mapping[str, Any]) -> str:
    """Name the step at which a redrive stands, or stood when it ended. Pure."""
    if redrive["state"] != "running" and redrive["first_released_at"] is None:
        return "dry_run"
    return "rest" if redrive["released"] > min(redrive["canary"], redrive["letters"]) else "canary"


def watch_until(redrive: Mapping[str, Any]) -> datetime | None:
    """Say until when the first letters are watched; None where none was sent. Pure."""
    began = redrive["first_released_at"]
    return datetime.fromisoformat(began) + timedelta(seconds=redrive["watch_s"]) if began else None


LIST: Final = Page(
    path="/redrives",
    title=Text("重发", "redrives"),
    template="redrives.html",
    read=_list,
    needs="letters",
    live=True,
)
PAGE: Final = Page(
    path="/redrives/{redrive:int}",
    title=Text("重发", "redrive"),
    template="redrive.html",
    read=_one,
    needs="letters",
    menu=False,
    live=True,
    actions=[
        Action(name="run", run=_run, done=Text("已开始发送", "it is being sent")),
        Action(name="stop", run=_stop, done=Text("已停止", "stopped")),
    ],
)
