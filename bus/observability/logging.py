"""Logs and spans, wired once per program: structlog JSON lines in UTC with personal data masked, and the OTel SDK."""

import json
import logging
import sys
from typing import Any

import orjson
import structlog

from bus.observability.masking import mask_event
from bus.observability.otlp import LogSender, start_exports
from bus.observability.repeats import Repeats, RepeatsFilter


def configure(program: str, *, level: str = "info") -> None:
    """Set up logs, traces and metrics of a program, once, before anything logs; what leaves by OTLP is as it is set."""
    _configure_logs(program, level, start_exports(program))


def _configure_logs(program: str, level: str, sender: LogSender | None) -> None:
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        mask_event,
    ]
    sent: list[structlog.typing.Processor] = [sender] if sender else []
    structlog.contextvars.bind_contextvars(program=program)
    repeats = Repeats()
    structlog.configure(
        processors=[repeats.sum_stacks, *shared, *sent, structlog.processors.JSONRenderer(_json)],
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
                *sent,
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
