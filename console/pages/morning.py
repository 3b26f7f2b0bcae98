"""The morning meeting: the drift list 责任漂移预警清单 (R9), of now or a day, beside the one before, to print."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from bus.domain.event_words import EVENT_WORDS
from bus.domain.text import Text
from console.gateway_api import ApiProblem
from console.page import Asked, Page
from console.words import WORDS


async def _read(asked: Asked) -> Mapping[str, Any]:
    day = asked.query.get("date", "")
    found, change = await asyncio.gather(asked.get("/v1/drift", date=day), _change(asked, day))
    return {"drift": found, "change": change, "day": day, "words": WORDS, "actions": EVENT_WORDS}


async def _change(asked: Asked, day: str) -> Mapping[str, Any] | None:
    """Read what changed since the list before; None where no list was made yet."""
    try:
        changed: Mapping[str, Any] = await asked.get("/v1/drift/compare", date=day)
    except ApiProblem as problem:
        if problem.status != 404:
            raise
        return None
    return changed


PAGE: Final = Page(
    path="/drift", title=Text("早会清单", "morning list"), template="drift.html", read=_read, needs="people"
)
