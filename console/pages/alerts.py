"""Alerts: what is open and what closed last; one with what each channel was sent, to acknowledge or to silence."""

from collections.abc import Mapping
from typing import Any, Final

from bus.domain.text import Text
from console.forms import number_of
from console.page import Action, Asked, Page, link


async def _list(asked: Asked) -> Mapping[str, Any]:
    state = "closed" if asked.query.get("state") == "closed" else "open"
    found = await asked.get("/v1/alerts", state=state)
    silences = await asked.get("/v1/alerts/silences")
    return {"state": state, "alerts": found["alerts"], "silences": silences["silences"]}


async def _one(asked: Asked) -> Mapping[str, Any]:
    return {"alert": await asked.get(f"/v1/alerts/{asked.path['alert']}")}


async def _acknowledge(asked: Asked) -> str:
    await asked.post(f"/v1/alerts/{asked.path['alert']}/ack", {"why": asked.form.get("why", "")})
    return ""


async def _silence(asked: Asked) -> str:
    form = asked.form
    await asked.post(
        "/v1/alerts/silences",
        {
            "rule": form.get("rule", ""),
            "about": form.get("about", ""),
            "minutes": number_of(form.get("minutes", "")),
            "why": form.get("why", ""),
        },
    )
    return link("/alerts")


async def _end_silence(asked: Asked) -> str:
    await asked.post(f"/v1/alerts/silences/{asked.form.get('silence', '')}/end", {})
    return link("/alerts")


SILENCED: Final = Text("已静默", "silenced")
LIST: Final = Page(
    path="/alerts",
    title=Text("告警", "alerts"),
    template="alerts.html",
    read=_list,
    needs="alerts",
    live=True,
    actions=[
        Action(name="silence", run=_silence, done=SILENCED),
        Action(name="end-silence", run=_end_silence, done=Text("静默已结束", "silence ended")),
    ],
)
PAGE: Final = Page(
    path="/alerts/{alert:int}",
    title=Text("告警", "alert"),
    template="alert.html",
    read=_one,
    needs="alerts",
    menu=False,
    actions=[
        Action(name="ack", run=_acknowledge, done=Text("已认领", "acknowledged")),
        Action(name="silence", run=_silence, done=SILENCED),
    ],
)
