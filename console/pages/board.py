"""The dispatcher's board 派单台 (R11): tickets by state, what nobody takes on top, and engineers beside them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bus.domain.text import Text
from console.page import Asked, Page, link
from console.words import WORDS

FILTERS: Final = ("region", "type", "person")
_AMBER: Final = 0.5  # of the time after which a ticket in its state is red
_MINUTE_S: Final = 60


async def _read(asked: Asked) -> Mapping[str, Any]:
    filters = {name: asked.query.get(name, "").strip() for name in FILTERS}
    board = await asked.get("/v1/board", cursor=asked.query.get("after"), **filters)
    return {
        "board": board,
        "filters": filters,
        "known": known(board, filters),
        "words": WORDS,
        "dwell_colour": dwell_colour,
        "minutes": minutes,
        "go_on": lambda column: link("/board", after=column["next"], **filters),
        "whole": link("/board", **filters) if asked.query.get("after") else "",
    }


def known(board: Mapping[str, Any], chosen: Mapping[str, str]) -> Mapping[str, Sequence[str]]:
    """Give the words that a board has for each of its filters, to choose from, and what is chosen. Pure."""
    cards = [card for column in board["columns"] for card in column["cards"]]
    lanes = board["lanes"]
    regions = {one["region"] for one in cards} | {name for one in lanes for name in one["regions"]}
    types = {one["type"] for one in cards} | {name for one in lanes for name in one["types"]} | {chosen["type"]}
    return {
        "region": sorted(regions - {""}),
        "type": sorted(types - {""}),
        "person": [one["person"] for one in lanes],
    }


def dwell_colour(card: Mapping[str, Any]) -> str:
    """Give the colour of how long a ticket is in its state: red beyond the limit, amber from half of it on. Pure."""
    if card["red"]:
        return "bad"
    return "warn" if card["working_s"] >= _AMBER * card["red_after_s"] else "none"


def minutes(seconds: float) -> int:
    """Give whole minutes in seconds: a board that counted seconds would change all the time. Pure."""
    return int(abs(seconds) // _MINUTE_S * _MINUTE_S)


PAGE: Final = Page(
    path="/board",
    title=Text("派单台", "dispatch board"),
    template="board.html",
    read=_read,
    needs="people",
    live=True,
    every_s=0.8,
    begins=("dispatcher", "lead"),  # what is unassigned or red is their first question; an SRE's is what is wrong
)
