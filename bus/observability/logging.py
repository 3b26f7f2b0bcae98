"""Logs and spans, wired once per program: structlog JSON lines in UTC with personal data masked, and the OTel SDK."""

import json
import logging
import os
import sys
from typing import Any

import orjson
import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from bus.observability.masking import mask_event
from bus.observability.repeats import Repeats, RepeatsFilter
from bus.observability.spans import EventIds

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def configure(program: str, *, level: str = "info") -> None:
    """Set up logs and traces of a program, once, before anything logs. Spans leave only where OTLP is configured."""
    _configure_logs(program, level)
    if not any(os.environ.get(name) for name in ENDPOINTS):
        return  # without a provider a span costs next to nothing
    provider = TracerProvider(
        resource=Resource.create({"service.name": f"ticketbus-{program}"}), id_generator=EventIds()
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def _configure_logs(program: str, level: str) -> None:
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        mask_event,
    ]
    structlog.contextvars.bind_contextvars(program=program)
    repeats = Repeats()
    structlog.configure(
        processors=[repeats.sum_stacks, *shared, structlog.processors.JSONRenderer(_json)],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    # The libraries' own lines take the same form and the same masks, and are summed.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(_json),
            ],
        )
    )
    handler.addFilter(RepeatsFilter(repeats, handler))
    handler.setLevel(max(threshold, logging.WARNING))  # psycopg gives its logger a level of its own, below the root's
    logging.basicConfig(handlers=[handler], level=handler.level, force=True)


def _json(line: Any, **options: Any) -> str:
    """Write a line as JSON; values that orjson refuses are written by the standard library."""
    try:
        return orjson.dumps(line, options.get("default"), orjson.OPT_PASSTHROUGH_DATACLASS).decode()
    except TypeError:  # a lone surrogate, a huge number, a key that is no text
        return json.dumps(line, **options)
