"""The metrics page, drawn from the catalogues of metrics that the programs serve."""

from collections.abc import Iterator
from types import ModuleType

from prometheus_client.metrics import MetricWrapperBase

from adapters.fxiaoke_api import metrics as fxiaoke
from adapters.mapped import metrics as mapped
from bus.alerts import log_sink
from bus.alerts.engine import metrics as alerts
from bus.consistency import metrics as consumers
from bus.delivery import metrics as delivery
from bus.docgen.markdown import code, codes, document, table
from bus.files import metrics as files
from bus.gateway import metrics as gateway
from bus.insight import gauges as insight
from bus.outbox import metrics as outbox
from bus.stage import metrics as stage
from bus.wire import metrics as wire

_CATALOGUES: tuple[tuple[str, str, ModuleType], ...] = (
    ("Gateway", "Served by every gateway at `/metrics`, for the roles `sre` and `admin`.", gateway),
    ("Files", "Counted in the gateways.", files),
    ("Relay", "Counted in the gateway and in the worker: a relay runs in each.", outbox),
    ("Log", "Counted in the worker.", wire),
    ("Sources over MQTT", "Counted in the worker that reads them.", mapped),
    ("Stages", "Counted in the worker, which serves them where `TICKETBUS_METRICS_PORT` says.", stage),
    ("Consumers", "Set in every worker, from what the last round says.", consumers),
    ("Golden metrics", "Set in every worker with the stage `sla`, as one of them judged last.", insight),
    ("Findings", "Counted in every program: what a person must hear of, logged as `finding`.", log_sink),
    ("Alerts", "Counted in gateways and workers: a round is held by one of them, messages are sent by any.", alerts),
    (
        "Delivery",
        "Counted where the stage `delivery` runs; the engineer app's in the gateways.",
        delivery,
    ),
    ("纷享销客", "Set where it is called: in the worker.", fxiaoke),
)

_HEADS = ("Metric", "Kind", "Labels", "Says")


def page() -> str:
    """Draw docs/metrics.md. Pure."""
    return document(
        "Metrics 指标",
        "the catalogues of metrics: bus/*/metrics.py and bus/alerts/alert.py",
        *(f"## {title}\n\n{about}\n\n{table(_HEADS, _rows(module))}" for title, about, module in _CATALOGUES),
    )


def _rows(module: ModuleType) -> Iterator[tuple[str, ...]]:
    for one in vars(module).values():
        if isinstance(one, MetricWrapperBase):
            for described in one.describe():
                name = f"{described.name}_total" if described.type == "counter" else described.name
                yield code(name), described.type, codes(one._labelnames), described.documentation
