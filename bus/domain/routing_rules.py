"""How a deployment has tickets find who takes them: the mode of each ticket type, and the weights. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bus.domain.terms import Term


class RoutingMode(Term):
    """What the bus does with a ticket that waits for somebody."""

    OFF = "off", "不派单"
    SUGGEST = "suggest", "建议"
    ASSIGN = "assign", "自动指派"


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
    """The mode, those of ticket types that have another, and the weights."""

    mode: RoutingMode = RoutingMode.OFF
    types: Mapping[str, RoutingMode] = field(default_factory=dict)
    weights: RoutingWeights = _WEIGHTS

    def mode_of(self, kind: str) -> RoutingMode:
        """Give the mode of a ticket type."""
        return self.types.get(kind, self.mode)

    @property
    def is_on(self) -> bool:
        """Say whether tickets of any type are routed."""
        return any(one is not RoutingMode.OFF for one in (self.mode, *self.types.values()))


NO_ROUTING = RoutingRules()
