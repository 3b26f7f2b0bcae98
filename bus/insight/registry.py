"""The list of metrics."""

from collections.abc import Mapping, Sequence
from typing import Final

from bus.domain.errors import MalformedInput
from bus.domain.naming import did_you_mean, nearest
from bus.insight.metric import Metric
from bus.insight.metrics.chase import CHASE
from bus.insight.metrics.closure_confirmed import CLOSURE_CONFIRMED
from bus.insight.metrics.cross_system import CROSS_SYSTEM
from bus.insight.metrics.customer_tickets import CUSTOMER_TICKETS
from bus.insight.metrics.deadline_reopened import DEADLINE_REOPENED
from bus.insight.metrics.duplicates import DUPLICATES
from bus.insight.metrics.first_time_fix import FIRST_TIME_FIX
from bus.insight.metrics.knowledge_reuse import KNOWLEDGE_REUSE
from bus.insight.metrics.recurrence import RECURRENCE
from bus.insight.metrics.resolved_without_work import RESOLVED_WITHOUT_WORK
from bus.insight.metrics.top_causes import TOP_CAUSES
from bus.insight.metrics.unsolved_resolved import UNSOLVED_RESOLVED

METRICS: Final[Sequence[Metric]] = (
    FIRST_TIME_FIX,
    CHASE,
    CROSS_SYSTEM,
    KNOWLEDGE_REUSE,
    TOP_CAUSES,
    RECURRENCE,
    DUPLICATES,
    UNSOLVED_RESOLVED,
    RESOLVED_WITHOUT_WORK,
    DEADLINE_REOPENED,
    CUSTOMER_TICKETS,
    CLOSURE_CONFIRMED,
)
_BY_NAME: Final[Mapping[str, Metric]] = {one.name: one for one in METRICS}


def metric_of(name: str) -> Metric:
    """Give the metric of a name. Raises MalformedInput with the nearest name."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    close, legal = did_you_mean(nearest(name, _BY_NAME), quoted=True), ", ".join(_BY_NAME)
    raise MalformedInput(
        "unknown_metric",
        "metric",
        f"没有指标“{name}”{close.zh};可用: {legal}",
        f"there is no metric {name!r}{close.en}; there are: {legal}",
    )
