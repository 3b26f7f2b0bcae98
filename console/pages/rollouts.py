"""Rollouts: a new version of a target beside the old one, both with figures; begun, promoted, aborted with a reason."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from bus.delivery.rollout import RolloutState
from bus.domain.text import Text
from console.forms import number_of
from console.page import Action, Asked, Page, link

STATES: Final[Mapping[RolloutState, tuple[str, Text]]] = {
    RolloutState.RUNNING: ("warn", Text("进行中", "running")),
    RolloutState.PROMOTED: ("good", Text("已全量", "promoted")),
    RolloutState.ABORTED: ("bad", Text("已退回", "aborted")),
    RolloutState.ROLLED_BACK: ("bad", Text("已自动退回", "rolled back by itself")),
}


async def _list(asked: Asked) -> Mapping[str, Any]:
    return {"rollouts": (await asked.get("/v1/rollouts"))["rollouts"], "states": STATES}


async def _start(asked: Asked) -> str:
    form = asked.form
    numbers = {name: number_of(form.get(name, "")) for name in ("minutes", "events")}
    named = {name: form.get(name, "") for name in ("target", "canary", "why")}
    await asked.post("/v1/rollouts", {**named, **numbers})
    return link("/rollouts")


async def _promote(asked: Asked) -> str:
    return await _end(asked, "promote")


async def _abort(asked: Asked) -> str:
    return await _end(asked, "abort")


async def _end(asked: Asked, how: str) -> str:
    target = asked.form.get("target", "")
    body = {"why": asked.form.get("why", "")}
    await asked.post(f"/v1/rollouts/{quote(target, safe='')}/{how}", body)
    return link("/rollouts")


PAGE: Final = Page(
    path="/rollouts",
    title=Text("灰度", "rollouts"),
    template="rollouts.html",
    read=_list,
    needs="consumers",
    live=True,
    actions=[
        Action(name="start", run=_start, done=Text("灰度已开始", "the rollout has begun")),
        Action(name="promote", run=_promote, done=Text("已全量", "promoted")),
        Action(name="abort", run=_abort, done=Text("已退回旧版本", "aborted")),
    ],
)
