"""Consumers: who reads the topics and how that goes, the worst first; the queues of deliveries to targets likewise."""

from collections.abc import Mapping
from typing import Any, Final

from bus.consistency.consumer_text import WORDS
from bus.consistency.consumer_verdict import RANK, ConsumerVerdict
from bus.domain.text import Text
from console.page import Asked, Page
from console.render import seconds_until

WELL: Final = (ConsumerVerdict.OK, ConsumerVerdict.IDLE)
LOST: Final = (ConsumerVerdict.HAS_LOST, ConsumerVerdict.WILL_LOSE)


async def _read(asked: Asked) -> Mapping[str, Any]:
    found = await asked.get("/v1/consumers")
    worst_first = sorted(found["consumers"], key=lambda one: (RANK[one["verdict"]], -one["lag"], one["consumer"]))
    return {
        "consumers": [{**one, "left_s": seconds_until(one["loses_at"], asked.now)} for one in worst_first],
        "watched": found["watched"],
        "words": WORDS,
        "well": WELL,
        "lost": LOST,
    }


PAGE: Final = Page(
    path="/consumers",
    title=Text("消费者", "consumers"),
    template="consumers.html",
    read=_read,
    needs="consumers",
    live=True,
)
