"""Counting and logging what sources send that nobody here reads: unknown fields, deliveries of no known type."""

import re
from collections.abc import Iterable

import structlog

from bus.domain.commands import Request
from bus.domain.errors import Refusal
from bus.gateway import metrics
from bus.intake.source_adapter import MISSPELLED_TYPE, UNKNOWN_TYPE, Ignored
from bus.observability.repeats import Repeats

INTERVAL_S = 600.0
_PLAIN_NAME = re.compile(r"\$|[A-Za-z_][A-Za-z_-]{0,40}\d{0,3}(\[\d{1,4}\])?")
_repeats = Repeats(INTERVAL_S)
log = structlog.get_logger()


def note_fields(source: str, requests: Iterable[Request]) -> None:
    """Count the fields that no request was made of; each is logged once an interval and source, with its sum."""
    for field in dict.fromkeys(field for request in requests for field in request.ignored):
        _note(source, "field", field=_shown(field))


def _shown(field: str) -> str:
    """Give a field's path as it may stand in a log: a sender's own names stay out of it, they may be a customer's."""
    return ".".join(name if _PLAIN_NAME.fullmatch(name) else "?" for name in field.split("."))


def note_delivery(source: str, ignored: Ignored) -> None:
    """Count a delivery that asks for nothing; its kind is logged once an interval and source, with its sum."""
    _note(source, "delivery", field=ignored.field, code=ignored.code, detail=ignored.en)


def note_refusal(source: str, refusal: Refusal) -> None:
    """Count and log a delivery whose type is none of ours: all of its kind are refused until the source is mended."""
    if refusal.code in (MISSPELLED_TYPE, UNKNOWN_TYPE):
        _note(source, refusal.code, field=refusal.field, code=refusal.code, detail=refusal.en)


def _note(source: str, what: str, **about: str) -> None:
    metrics.INTAKE_IGNORED.labels(source, what).inc()

    def write(count: int) -> None:
        log.info("intake_ignored", source=source, what=what, **about, **({"repeated": count} if count else {}))

    if _repeats.first((source, what, *about.values()), write):
        write(0)
