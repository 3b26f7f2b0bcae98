"""What is shown of the golden metrics, for Prometheus; beside them stand their definitions, in `metrics/`."""

from collections.abc import Iterable

from prometheus_client import Gauge

from bus.insight.metric import Judgement
from bus.insight.task_store import KeptJudgement

SHARE = Gauge("ticketbus_insight_share", "A golden metric's share, 0 to 1, as last judged; NaN: no cases", ["metric"])
UNITS = Gauge("ticketbus_insight_units", "How many cases it is a share of", ["metric"])
JUDGEMENT = Gauge(
    "ticketbus_insight_judgement",
    "1 for how it is judged (ok, over, too few), 0 for the others",
    ["metric", "judgement"],
)


def show(judgements: Iterable[KeptJudgement]) -> None:
    """Set the gauges."""
    for one in judgements:
        UNITS.labels(one.metric).set(one.units)
        SHARE.labels(one.metric).set(one.hits / one.units if one.units else float("nan"))
        for word in Judgement:
            JUDGEMENT.labels(one.metric, word.value).set(word.value == one.judgement)
