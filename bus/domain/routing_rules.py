"""How a deployment has tickets find who takes them: the mode of each ticket type, and the weights. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from bus.domain.terms import Term

CLAIM_WITHIN: Final = timedelta(minutes=10)


class RoutingMode(Term):
    """What the bus does with a ticket that waits for somebody."""

    OFF = "off", "不派单"
    SUGGEST = "suggest", "建议"
    ASSIGN = "assign", "自动指派"
    OFFER = "offer", "限时派单"


ASSIGNING: Final = frozenset({RoutingMode.ASSIGN, RoutingMode.OFFER})
"""The modes in which the first of the table has the ticket; an offer ends unless it is claimed in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingWeights:
    """What counts how much among those who fit, in percent of the whole."""

    load: int = 40
    skill: int = 20
    device: int = 20
    first_fix: int = 10
    travel: int = 10


_WEIGHTS = RoutingWeights()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingRules:
    """The mode, those of ticket types that have another, the weights, and how long an offer stands."""

    mode: RoutingMode = RoutingMode.OFF
    types: Mapping[str, RoutingMode] = field(default_factory=dict)
    weights: RoutingWeights = _WEIGHTS
    claim_within: timedelta = CLAIM_WITHIN

    def mode_of(self, kind: str) -> RoutingMode:
        """Give the mode of a ticket type."""
        return self.types.get(kind, self.mode)

    @property
    def is_on(self) -> bool:
        """Say whether tickets of any type are routed."""
        return any(one is not RoutingMode.OFF for one in (self.mode, *self.types.values()))


NO_ROUTING = RoutingRules()
