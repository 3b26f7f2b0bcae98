"""Consumers: who reads the topics and how that goes, the worst first, queues of deliveries likewise; lag over time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from bus.consistency.consumer_text import WORDS
from bus.consistency.consumer_verdict import RANK, ConsumerVerdict, is_well
from bus.domain.text import Text
from console.page import Asked, Page
from console.render import seconds_until

_LOST: Final = (ConsumerVerdict.HAS_LOST, ConsumerVerdict.WILL_LOSE)
VERDICTS: Final[Mapping[ConsumerVerdict, tuple[str, Text]]] = {
    one: ("good" if is_well(one) else "bad" if one in _LOST else "warn", words) for one, words in WORDS.items()
}
"""Of each verdict its colour and its words."""
DRAWN_MAX: Final = 12


async def _read(asked: Asked) -> Mapping[str, Any]:
    found = await asked.get("/v1/consumers")
    worst_first = sorted(found["consumers"], key=lambda one: (RANK[one["verdict"]], -one["lag"], one["consumer"]))
    return {
        "consumers": [with_time_left(one, asked.now) for one in worst_first],
        "watched": found["watched"],
        "verdicts": VERDICTS,
    }


def with_time_left(one: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
    """Add in how many seconds the oldest that it has not read is deleted. Pure."""
    return {**one, "left_s": seconds_until(one["loses_at"], now)}


async def _lags(asked: Asked) -> Mapping[str, Any]:
    return drawn_lags((await asked.get("/v1/consumers/lags"))["consumers"])


def drawn_lags(found: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Give what the table and the drawing of lags show: those that were behind, the worst first. Pure."""
    behind = sorted((one for one in found if any(one["lags"])), key=lambda one: (-max(one["lags"]), one["consumer"]))
    drawn = [
        {**one, "at": dict(zip(map(datetime.fromisoformat, one["times"]), one["lags"], strict=True))}
        for one in behind[:DRAWN_MAX]
    ]
    times = sorted({at for one in drawn for at in one["at"]}, reverse=True)
    return {"drawn": drawn, "times": times, "rest": behind[DRAWN_MAX:], "known": bool(found)}


PAGE: Final = Page(
    path="/consumers",
    title=Text("消费者", "consumers"),
    template="consumers.html",
    read=_read,
    needs="consumers",
    live=True,
)
LAGS: Final = Page(
    path="/consumers/lags",
    title=Text("未处理随时间", "lag over time"),
    template="lags.html",
    read=_lags,
    needs="consumers",
    menu=False,
)
