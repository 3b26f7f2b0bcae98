"""Audit: how the tree of sealed events stands, and whether what was sealed is still so, once that is asked for."""

from collections.abc import Mapping
from typing import Any, Final

from bus.domain.text import Text
from console.page import Action, Asked, Page


async def _read(asked: Asked) -> Mapping[str, Any]:
    return {"tree": await asked.get("/v1/audit"), "report": None}


async def _verify(asked: Asked) -> Mapping[str, Any]:
    return {"report": await asked.get("/v1/audit/check")}


PAGE: Final = Page(
    path="/audit",
    title=Text("审计", "audit"),
    template="audit.html",
    read=_read,
    needs="reconcile",
    actions=[Action(name="verify", needs="reconcile", run=_verify, done=Text("已验证", "verified"))],
)
