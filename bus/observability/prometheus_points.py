"""Prometheus metrics as OpenTelemetry's data points. Python has no bridge for that; the data model is the SDK's own.

Counters are cumulative sums, named without `_total`, as a collector that writes for Prometheus adds it again. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isnan
from typing import Final

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.samples import Sample

from bus.observability.exemplars import SPAN_ID, TRACE_ID

SCOPE: Final = InstrumentationScope("ticketbus")
_CUMULATIVE: Final = AggregationTemporality.CUMULATIVE
Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Series:
    """The samples of one set of labels, by what stands behind the family's name; buckets by their upper bound."""

    values: dict[str, float] = field(default_factory=dict)
    buckets: dict[float, Sample] = field(default_factory=dict)


def metrics_data(families: Iterable[Family], resource: Resource, *, began_ns: int, now_ns: int) -> MetricsData:
    """Make all families one export; what has no series, and kinds that OpenTelemetry has not, are left out."""
    metrics = [one for family in families if (one := _metric(family, began_ns, now_ns)) is not None]
    scope = ScopeMetrics(scope=SCOPE, metrics=metrics, schema_url="")
    return MetricsData(resource_metrics=[ResourceMetrics(resource=resource, scope_metrics=[scope], schema_url="")])


def _metric(family: Family, began_ns: int, now_ns: int) -> Metric | None:
    series = _series(family)
    if not series:
        return None
    match family.type:
        case "counter":
            points = list(_numbers(series, "_total", began_ns, now_ns))
            data: Sum | Gauge | Histogram = Sum(points, _CUMULATIVE, is_monotonic=True)
        case "gauge" | "info" | "unknown":
            points = list(_numbers(series, "_info" if family.type == "info" else "", None, now_ns))
            data = Gauge(points)
        case "histogram":
            data = Histogram(list(_histograms(series, began_ns, now_ns)), _CUMULATIVE)
        case _:
            return None
    return Metric(name=family.name, description=family.documentation, unit="", data=data) if data.data_points else None


def _series(family: Family) -> Mapping[Labels, _Series]:
    found = dict[Labels, _Series]()
    for sample in family.samples:
        labels = tuple(sorted((name, value) for name, value in sample.labels.items() if name != "le"))
        one = found.setdefault(labels, _Series())
        kind = sample.name.removeprefix(family.name)
        if kind == "_bucket":
            one.buckets[float(sample.labels["le"])] = sample
        else:
            one.values[kind] = sample.value
    return found


def _numbers(
    series: Mapping[Labels, _Series], kind: str, began_ns: int | None, now_ns: int
) -> Iterator[NumberDataPoint]:
    for labels, one in series.items():
        if kind in one.values and not isnan(one.values[kind]):
            start = 0 if began_ns is None else _created_ns(one, began_ns)
            yield NumberDataPoint(dict(labels), start, now_ns, one.values[kind])


def _histograms(series: Mapping[Labels, _Series], began_ns: int, now_ns: int) -> Iterator[HistogramDataPoint]:
    for labels, one in series.items():
        bounds = sorted(one.buckets)
        counts = [int(one.buckets[bound].value) for bound in bounds]
        if not bounds or bounds[-1] != inf:
            continue
        yield HistogramDataPoint(
            attributes=dict(labels),
            start_time_unix_nano=_created_ns(one, began_ns),
            time_unix_nano=now_ns,
            count=counts[-1],
            sum=one.values.get("_sum", 0.0),
            bucket_counts=[count - before for count, before in zip(counts, [0, *counts], strict=False)],
            explicit_bounds=bounds[:-1],
            min=None,  # type: ignore[arg-type]  # not known: optional on the wire
            max=None,  # type: ignore[arg-type]  # not known, as above
            exemplars=_exemplars(one.buckets.values(), now_ns),
        )


def _exemplars(buckets: Iterable[Sample], now_ns: int) -> Sequence[Exemplar]:
    found = (one.exemplar for one in buckets if one.exemplar is not None)
    return [
        Exemplar(
            filtered_attributes={} if SPAN_ID in one.labels else dict(one.labels),  # on the wire both ids, or neither
            value=one.value,
            time_unix_nano=int(float(one.timestamp) * 1e9) if one.timestamp else now_ns,
            span_id=int(one.labels[SPAN_ID], 16) if SPAN_ID in one.labels else None,
            trace_id=int(one.labels[TRACE_ID], 16) if TRACE_ID in one.labels else None,
        )
        for one in found
    ]


def _created_ns(one: _Series, began_ns: int) -> int:
    return int(one.values["_created"] * 1e9) if "_created" in one.values else began_ns
