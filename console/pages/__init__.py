"""The pages, in the order of the menu: one module each, with its query and its actions."""

from collections.abc import Sequence
from typing import Final

from console.page import Page
from console.pages import (
    alerts,
    audit,
    board,
    consumers,
    contract,
    figures,
    hosts,
    journey,
    letters,
    now,
    reconcile,
    redrives,
    rejected,
    rollouts,
    targets,
    ticket,
    topics,
)

PAGES: Final[Sequence[Page]] = (
    now.PAGE,
    board.PAGE,
    ticket.PAGE,
    journey.FIND,
    journey.PAGE,
    alerts.LIST,
    alerts.PAGE,
    letters.LIST,
    letters.OF_CAUSE,
    letters.PAGE,
    redrives.LIST,
    redrives.PAGE,
    targets.LIST,
    targets.PAGE,
    consumers.PAGE,
    consumers.LAGS,
    topics.PAGE,
    contract.PAGE,
    hosts.PAGE,
    rejected.LIST,
    rejected.PAGE,
    rollouts.PAGE,
    reconcile.PAGE,
    figures.PAGE,
    audit.PAGE,
)
