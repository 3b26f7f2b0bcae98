"""Audit: how the tree of sealed events stands, whether what was sealed is still so, and a history with its proof."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from bus.domain.text import Text
from console.forms import moment
from console.page import Action, Asked, Download, Page


async def _read(asked: Asked) -> Mapping[str, Any]:
    return {"tree": await asked.get("/v1/audit"), "report": None}


async def _verify(asked: Asked) -> Mapping[str, Any]:
    return {"report": await asked.get("/v1/audit/check")}


async def _bundle(asked: Asked) -> Download:
    form = asked.form
    times = {name: moment(form.get(name, "")) for name in ("since", "until")}
    bundle = await asked.get("/v1/audit/bundle", ticket=form.get("ticket", "").strip(), **times)
    ticket = bundle["about"].get("ticket", "period")
    return Download(f"audit-{ticket}.json", orjson.dumps(bundle, option=orjson.OPT_INDENT_2))


PAGE: Final = Page(
    path="/audit",
    title=Text("审计", "audit"),
    template="audit.html",
    read=_read,
    needs="reconcile",
    actions=[
        Action(name="verify", run=_verify, done=Text("已验证", "verified")),
        Action(name="bundle", run=_bundle, done=Text("", "")),
    ],
)
