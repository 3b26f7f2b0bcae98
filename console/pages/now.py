"""Now: what is wrong by cause, and how the parts of the bus stand; where an SRE looks first at night."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bus.consistency.consumer_verdict import is_well
from bus.domain.text import Text
from console.page import Asked, Page
from console.pages.consumers import VERDICTS
from console.pages.targets import states_of

Cause = tuple[Mapping[str, Any], list[Mapping[str, Any]]]


async def _read(asked: Asked) -> Mapping[str, Any]:
    alerts, probes, targets, letters, consumers = await asyncio.gather(
        asked.get("/v1/alerts"),
        asked.get("/v1/probes"),
        asked.get_if("letters", "/v1/deliveries"),
        asked.get_if("letters", "/v1/deadletters"),
        asked.get_if("consumers", "/v1/consumers"),
    )
    causes, silenced = by_cause(alerts["alerts"])
    return {
        "causes": causes,
        "silenced": silenced,
        "probes": probes["probes"],
        "targets": targets and [(one, states_of(one, asked.now)) for one in targets["deliveries"]],
        "letters": letters and sum(one["letters"] for one in letters["groups"]),
        "consumers": consumers and [one for one in consumers["consumers"] if not is_well(one["verdict"])],
        "watched": consumers and consumers["watched"],
        "verdicts": VERDICTS,
    }


def by_cause(alerts: Sequence[Mapping[str, Any]]) -> tuple[list[Cause], list[Mapping[str, Any]]]:
    """Give each open alert that nothing hides with all that it hides, at any remove, and what is silenced. Pure.

    What is hidden by an alert that is not open any more stands by itself.
    """
    named = {f"{one['rule']}|{one['about']}": one for one in alerts}

    def root(one: Mapping[str, Any]) -> Mapping[str, Any]:
        way = {one["number"]: one}
        while above := named.get(one["hidden_by"]):
            if above["number"] in way:
                return way[min(way)]  # a circle
            one = way[above["number"]] = above
        return one

    causes: dict[int, Cause] = {}
    silenced = []
    for one in alerts:
        cause = root(one)
        if cause["silence"] is not None:
            silenced.append(one)
            continue
        _, effects = causes.setdefault(cause["number"], (cause, []))
        effects += [one] if one is not cause else []
    return [*causes.values()], silenced


PAGE: Final = Page(path="/now", title=Text("现在", "now"), template="now.html", read=_read, needs="alerts", live=True)
