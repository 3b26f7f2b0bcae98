"""Read together (R33): chases and cross-system failures that rise at once are the integration layer's. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bus.insight.interval import rise_interval
from bus.insight.metric import CASES_MIN, MetricFigure
from bus.insight.task import SeenFigure, TaskKey

INTEGRATION: Final = "integration_layer"
COMPARED: Final = timedelta(weeks=1)  # with the week before
HOPS_MAX: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoWeeks:
    """A metric in the week before, and in the last one."""

    before: MetricFigure
    now: MetricFigure

    @property
    def too_few(self) -> bool:
        """Say whether a week has too few cases to be compared."""
        return min(self.before.units, self.now.units) < CASES_MIN

    @property
    def rose(self) -> bool:
        """Say whether it rose by more than chance may do."""
        return rise_interval(_counts(self.before), _counts(self.now)).low > 0

    @property
    def is_higher(self) -> bool:
        """Say whether it is higher at all."""
        return self.now.hits * self.before.units > self.before.hits * self.now.units


def integration_seen(chase: TwoWeeks, failures: TwoWeeks, *, was: bool) -> SeenFigure:
    """Judge both: over once both rose beyond chance, until one is no higher than the week before; names the hops."""
    both: Sequence[TwoWeeks] = (chase, failures)
    over = None if any(one.too_few for one in both) else all(one.is_higher if was else one.rose for one in both)
    now = failures.now
    return SeenFigure(
        key=TaskKey(INTEGRATION),
        metric=now.metric,
        units=now.units,
        hits=now.hits,
        since=now.since,
        until=now.until,
        over=over,
        causes=tuple([*now.causes][:HOPS_MAX]),
    )


def _counts(figure: MetricFigure) -> tuple[int, int]:
    return figure.hits, figure.units
