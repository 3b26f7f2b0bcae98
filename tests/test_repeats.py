"""Repeated lines: the first at once, the others as one line at the end of an interval."""

import logging
import threading
from collections.abc import MutableMapping
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from bus.observability.repeats import KINDS_MAX, Repeats, RepeatsFilter

FOR_EVER_S = 3600.0  # the interval ends when the test says so


class Lines(logging.Handler):
    """Takes lines in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.fixture
def repeats() -> Repeats:
    """Make sums of an interval without an end of its own."""
    return Repeats(FOR_EVER_S)


def test_repeats_a_library_s_line_is_written_once_and_then_summed(repeats: Repeats) -> None:
    lines = Lines()
    lines.addFilter(RepeatsFilter(repeats, lines))
    logger = logging.Logger("library")  # noqa: LOG001 - one of its own, that no other test hears
    logger.addHandler(lines)
    for port in range(50):
        logger.warning("lost <transport 0x%x> of port %d", port, port)
    logger.error("another")
    assert lines.texts == ["lost <transport 0x0> of port 0", "another"]
    repeats.write()
    assert lines.texts[2:] == ["lost <transport 0x0> of port 0 (repeated 49 times)"]
    logger.error("another")
    repeats.write()
    assert lines.texts[3:] == ["another"]


def failed(repeats: Repeats, error: type[Exception], **fields: Any) -> MutableMapping[str, Any] | None:
    """Log an error with its stack; None where the line is left out."""
    try:
        raise error
    except error as raised:
        try:
            return repeats.sum_stacks(None, "error", {"event": "request failed", "exc_info": raised, **fields})
        except structlog.DropEvent:
            return None


def test_repeats_a_stack_is_written_once_and_then_summed_without_it(repeats: Repeats) -> None:
    assert failed(repeats, ValueError)
    assert [failed(repeats, ValueError) for _ in range(3)] == [None] * 3
    assert failed(repeats, KeyError)
    with capture_logs() as lines:
        repeats.write()
    assert lines == [{"event": "request failed", "error": "ValueError", "repeated": 3, "log_level": "error"}]


def test_repeats_lines_without_a_stack_are_never_left_out(repeats: Repeats) -> None:
    line = {"event": "record_refused", "place": "ticket.commands/0@1"}
    assert [repeats.sum_stacks(None, "warning", dict(line)) for _ in range(3)] == [line] * 3


def test_repeats_keep_no_more_kinds_than_their_limit(repeats: Repeats) -> None:
    assert all(repeats.first(kind, lambda _: None) for kind in range(2 * KINDS_MAX))
    assert not repeats.first(0, lambda _: None)
    assert repeats.first(2 * KINDS_MAX - 1, lambda _: None)


def test_repeats_an_interval_ends_by_itself() -> None:
    repeats, summed = Repeats(interval_s=0.01), threading.Event()
    while repeats.first("kind", lambda _: summed.set()):
        continue
    assert summed.wait(30)
