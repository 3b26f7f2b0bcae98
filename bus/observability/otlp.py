"""Traces, metrics and logs to an OpenTelemetry collector over OTLP/HTTP, by the SDK's own variables.

A collector that is away holds nothing up: each signal is sent by a thread of its own from a queue of at most 2,048 (of
metrics there is none: what was missed stands in the next), what does not fit is dropped, and that is logged once.
"""

import atexit
import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from datetime import datetime
from importlib.metadata import version
from time import monotonic, time_ns
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
import structlog
from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from prometheus_client import REGISTRY

from bus.observability.prometheus_points import metrics_data
from bus.observability.spans import EventIds

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
METRICS_EVERY_MS: Final = "60000"
STOP_S_MAX: Final = 2.0  # for what is still to be sent when a program ends
SHORT_LIVED: Final = ("command", "prepare")  # their logs are on the terminal, and their counters begin at 0
_SDK_LOGGERS: Final = ("opentelemetry.exporter", "opentelemetry.sdk")  # they say what CollectorState says, each time
_SEVERITIES: Final[Mapping[str, SeverityNumber]] = {
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warning": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
    "exception": SeverityNumber.ERROR,
    "critical": SeverityNumber.FATAL,
}
_OWN_FIELDS: Final = ("event", "level", "at")  # of a log record itself
_ENDS: Final = list[Callable[[], None]]()
log = structlog.get_logger()


class CollectorState:
    """Whether the collector takes what it is sent: logged when that changes, once for all signals. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failing = set[str]()

    def note(self, signal: str, *, taken: bool) -> None:
        """Take in how an export ended."""
        with self._lock:
            before = bool(self._failing)
            (self._failing.discard if taken else self._failing.add)(signal)
            after = bool(self._failing)
        if after and not before:
            log.warning("collector_away", signal=signal, endpoint=_shown(signal), dropped="what does not fit in 2,048")
        elif before and not after:
            log.info("collector_back", endpoint=_shown(signal))


class _Spans(OTLPSpanExporter):
    def __init__(self, state: CollectorState) -> None:
        super().__init__()
        self._state = state

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        self._state.note("traces", taken=result is SpanExportResult.SUCCESS)
        return result


class _Logs(OTLPLogExporter):
    def __init__(self, state: CollectorState) -> None:
        super().__init__()
        self._state = state

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        result = super().export(batch)
        self._state.note("logs", taken=result is LogRecordExportResult.SUCCESS)
        return result


class _Metrics(threading.Thread):
    """Sends all metrics of this process every OTEL_METRIC_EXPORT_INTERVAL milliseconds, and once when it ends."""

    def __init__(self, resource: Resource, state: CollectorState) -> None:
        super().__init__(name="otlp metrics", daemon=True)
        self._resource, self._state = resource, state
        self._exporter = OTLPMetricExporter()
        self._every_s = float(os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", METRICS_EVERY_MS)) / 1000
        self._began_ns, self._ending = time_ns(), threading.Event()

    def run(self) -> None:
        ending = False
        while not ending:
            ending = self._ending.wait(self._every_s)
            found = metrics_data(REGISTRY.collect(), self._resource, began_ns=self._began_ns, now_ns=time_ns())
            self._send(found)

    def end(self) -> None:
        """Send once more, and wait until that is done."""
        self._ending.set()
        self.join()

    def _send(self, found: MetricsData) -> None:
        taken = self._exporter.export(found) is MetricExportResult.SUCCESS
        self._state.note("metrics", taken=taken)


class LogSender:
    """Sends log lines as log records, as they are written: masked, and in the trace that they belong to."""

    def __init__(self, provider: LoggerProvider) -> None:
        self._logger = provider.get_logger("ticketbus")

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Send one; a structlog processor, behind the masks."""
        level = str(event.get("level", ""))
        self._logger.emit(
            timestamp=_time_ns(event.get("at")),
            observed_timestamp=time_ns(),
            context=_context(event.get("trace_id")),
            severity_text=level,
            severity_number=_SEVERITIES.get(level, SeverityNumber.UNSPECIFIED),
            body=str(event.get("event", "")),
            attributes={name: _attribute(value) for name, value in event.items() if name not in _OWN_FIELDS},
        )
        return event


def start_exports(program: str) -> LogSender | None:
    """Start what the environment asks for, once a process; gives what takes the logs, if they are to be sent.

    OTEL_EXPORTER_OTLP_ENDPOINT asks for all three, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT (METRICS, LOGS) for one, and
    OTEL_TRACES_EXPORTER=none (METRICS, LOGS) is without it. Commands send traces alone.
    """
    signals = [one for one in ("traces", "metrics", "logs") if _asked(one)]
    if program in SHORT_LIVED:
        signals = [one for one in signals if one == "traces"]
    if not signals:
        return None  # without a provider a span costs next to nothing
    for name in _SDK_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    instance = f"{socket.gethostname()}-{os.getpid()}"
    resource = Resource.create(
        {
            "service.name": f"ticketbus-{program}",
            "service.version": version("ticketbus"),
            "service.instance.id": instance,
        }
    )
    state = CollectorState()
    atexit.register(end_exports)
    if "traces" in signals:
        spans = TracerProvider(resource=resource, id_generator=EventIds(), shutdown_on_exit=False)
        spans.add_span_processor(BatchSpanProcessor(_Spans(state)))
        trace.set_tracer_provider(spans)
        _ENDS.append(spans.shutdown)
    if "metrics" in signals:
        metrics = _Metrics(resource, state)
        metrics.start()
        _ENDS.append(metrics.end)
    if "logs" in signals:
        logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
        logs.add_log_record_processor(BatchLogRecordProcessor(_Logs(state)))
        _ENDS.append(logs.shutdown)
        return LogSender(logs)
    return None


def end_exports() -> None:
    """Send what is left, for STOP_S_MAX at most: a provider's own wait may take half a minute. Idempotent.

    Runs when a process ends by itself; who ends it otherwise calls it before.
    """
    ending = [threading.Thread(target=end, daemon=True) for end in _ENDS]
    _ENDS.clear()
    for one in ending:
        one.start()
    until = monotonic() + STOP_S_MAX
    for one in ending:
        one.join(max(0.0, until - monotonic()))


def _asked(signal: str) -> bool:
    if os.environ.get(f"OTEL_{signal.upper()}_EXPORTER") == "none":
        return False
    return bool(os.environ.get(ENDPOINT) or os.environ.get(_own_endpoint(signal)))


def _own_endpoint(signal: str) -> str:
    return f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"


def _shown(signal: str) -> str:
    """Name where a signal goes, without what may be secret in an address."""
    parts = urlsplit(os.environ.get(_own_endpoint(signal)) or os.environ.get(ENDPOINT) or "")
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _time_ns(at: object) -> int:
    try:
        return int(datetime.fromisoformat(str(at)).timestamp() * 1e9)
    except ValueError:
        return time_ns()


def _context(trace_id: object) -> Any:
    """Give the context of a line: its span's where there is one, else that of the trace that it names."""
    if trace.get_current_span().get_span_context().is_valid or not isinstance(trace_id, str) or len(trace_id) != 32:
        return None
    try:
        named = SpanContext(int(trace_id, 16), 0, is_remote=True, trace_flags=TraceFlags(0))
    except ValueError:
        return None
    return trace.set_span_in_context(NonRecordingSpan(named))


def _attribute(value: Any) -> str | bool | int | float:
    if isinstance(value, str | bool | int | float):
        return value
    try:
        return orjson.dumps(value, default=str).decode()
    except TypeError:
        return str(value)
