"""Dwell 状态滞留热力图 (R15): how many tickets are in each state of each region, how many are red, and each red one."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bus.domain.terms import State
from bus.domain.text import Text
from console.page import Asked, Page
from console.words import WORDS

COLUMNS: Final = [one.value for one in State if one is not State.CLOSED]
_SHARES: Final = (0.0, 0.1, 0.3, 0.6)  # of red tickets, above which a field is one step hotter


async def _read(asked: Asked) -> Mapping[str, Any]:
    found = await asked.get("/v1/dwell")
    return {"heat": heat(found["places"]), "columns": COLUMNS, "red": found["red"], "words": WORDS, "step": step}


def heat(places: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Give the fields of the map by region, the one with most red tickets first, then by state. Pure."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for one in places:
        found.setdefault(one["region"], {})[one["state"]] = one
    order = sorted(found, key=lambda region: (-sum(one["red"] for one in found[region].values()), region))
    return {region: found[region] for region in order}


def step(place: Mapping[str, Any]) -> int:
    """Give how hot a field is, from 0, nothing red, to 4, most of it. Pure."""
    share = place["red"] / place["tickets"]
    return sum(share > one for one in _SHARES)


PAGE: Final = Page(
    path="/dwell",
    title=Text("滞留", "dwell"),
    template="dwell.html",
    read=_read,
    needs="people",
    live=True,
    every_s=10.0,
)
