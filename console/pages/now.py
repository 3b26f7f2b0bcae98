"""Now: what is wrong by cause, and how the parts of the bus stand; where an SRE looks first at night."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bus.domain.text import Text
from console.page import Asked, Page


async def _read(asked: Asked) -> Mapping[str, Any]:
    alerts, probes, targets, letters, consumers = await asyncio.gather(
        asked.get("/v1/alerts"),
        asked.get("/v1/probes"),
        asked.get_if("letters", "/v1/deliveries"),
        asked.get_if("letters", "/v1/deadletters"),
        asked.get_if("consumers", "/v1/consumers"),
    )
    return {
        "causes": by_cause(alerts["alerts"]),
        "probes": probes["probes"],
        "targets": targets and targets["deliveries"],
        "letters": letters and sum(one["letters"] for one in letters["groups"]),
        "consumers": consumers and [one for one in consumers["consumers"] if one["verdict"] not in ("ok", "idle")],
        "watched": consumers and consumers["watched"],
    }


def by_cause(alerts: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], list[Mapping[str, Any]]]]:
    """Give each open alert that nothing hides, with those that it hides as its effects. Pure."""
    open_now = [one for one in alerts if not one["gone_at"]]
    causes = [one for one in open_now if not one["hidden_by"]]
    return [(cause, [one for one in open_now if one["hidden_by"] == cause["rule"]]) for cause in causes]


PAGE: Final = Page(path="/now", title=Text("现在", "now"), template="now.html", read=_read, needs="alerts", live=True)
