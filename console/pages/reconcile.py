"""Reconciliation: a source's own list against the bus, one by one; what never arrived is opened as a second step."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from bus.domain.text import Text
from console.forms import moment
from console.page import Action, Asked, Page
from console.render import ZONE


async def _read(asked: Asked) -> Mapping[str, Any]:
    began = (asked.now - timedelta(days=1)).astimezone(ZONE)
    return {"typed": {"since": f"{began:%Y-%m-%dT%H:%M}", **asked.form}, "result": None, "may_open": False}


async def _compare(asked: Asked) -> Mapping[str, Any]:
    return await _reconcile(asked, ingest=False)


async def _ingest(asked: Asked) -> Mapping[str, Any]:
    return await _reconcile(asked, ingest=True)


async def _reconcile(asked: Asked, *, ingest: bool) -> Mapping[str, Any]:
    form = asked.form
    body = {name: moment(form[name]) for name in ("since", "until") if form.get(name)}
    found = await asked.post("/v1/reconcile", {"source": form.get("source", ""), **body, "ingest": ingest})
    return {"result": found, "done": OPENED if ingest else COMPARED, "typed": form, "may_open": not ingest}


COMPARED: Final = Text("已比较", "compared")
OPENED: Final = Text("已比较,并补开了缺少的工单", "compared, and what was missing is opened")
PAGE: Final = Page(
    path="/reconcile",
    title=Text("对账", "reconciliation"),
    template="reconcile.html",
    read=_read,
    needs="reconcile",
    actions=[
        Action(name="compare", run=_compare, done=COMPARED),
        Action(name="ingest", run=_ingest, done=OPENED),
    ],
)
