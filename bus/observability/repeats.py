"""Sums what is logged again and again: the first line of a kind at once, its repeats as one line an interval."""

import atexit
import contextvars
import logging
import re
import sys
import threading
from collections.abc import Callable, Hashable, MutableMapping
from typing import Any

import structlog

INTERVAL_S = 10.0
KINDS_MAX = 1000  # more kinds than that in an interval are written as they come
_TEXT_CHARS = 300
_VARIES = re.compile(r"0x[0-9a-f]+|\d+", re.IGNORECASE)  # addresses of objects, ports, counts
Write = Callable[[int], None]


class Repeats:
    """Counts lines by kind; when an interval ends, each kind's writer is given how many were left out. Thread-safe."""

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        """Take over the context of the caller: what is bound to its log lines stands in the sums as well."""
        self._interval_s = interval_s
        self._context = contextvars.copy_context()
        self._lock = threading.Lock()
        self._left_out: dict[Hashable, int] = {}
        self._writers: dict[Hashable, Write] = {}
        self._timer: threading.Timer | None = None
        atexit.register(self.write)

    def first(self, kind: Hashable, write: Write) -> bool:
        """Say whether a line is the first of its kind in this interval; else it is counted and is not to be written."""
        with self._lock:
            if kind in self._left_out:
                self._left_out[kind] += 1
                return False
            if len(self._left_out) < KINDS_MAX:
                self._left_out[kind], self._writers[kind] = 0, write
            if self._timer is None:
                self._timer = threading.Timer(self._interval_s, self.write)
                self._timer.daemon = True
                self._timer.start()
            return True

    def write(self) -> None:
        """End the interval and write its sums."""
        with self._lock:
            left_out, self._left_out = self._left_out, {}
            writers, self._writers = self._writers, {}
            timer, self._timer = self._timer, None
        if timer:
            timer.cancel()
        for kind, count in left_out.items():
            if count:
                self._context.copy().run(writers[kind], count)

    def sum_stacks(self, _logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Leave out a line with the stack of an exception that was just logged; a structlog processor."""
        exception = _exception(event.get("exc_info"))
        if exception is None:
            return event
        text, kind = event.get("event"), type(exception).__name__

        def write(count: int) -> None:
            getattr(structlog.get_logger(), method)(text, error=kind, repeated=count)

        if self.first((method, text, *_place(exception)), write):
            return event
        raise structlog.DropEvent


class RepeatsFilter(logging.Filter):
    """Leaves out what a library logs again and again; `handler` writes the sums."""

    def __init__(self, repeats: Repeats, handler: logging.Handler) -> None:
        super().__init__()
        self._repeats, self._handler = repeats, handler

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the line is written now."""
        text, name, level = record.getMessage(), record.name, record.levelno
        exception = _exception(record.exc_info)

        def write(count: int) -> None:
            line = f"{text} (repeated {count} times)"
            self._handler.emit(logging.LogRecord(name, level, "", 0, line, None, None))

        about = _place(exception) if exception else ()
        return self._repeats.first((name, level, _VARIES.sub("#", text[:_TEXT_CHARS]), *about), write)


def _exception(exc_info: object) -> BaseException | None:
    """Give the exception of a line: itself, `sys.exc_info()`, or True for the one being handled."""
    found = exc_info[1] if isinstance(exc_info, tuple) else sys.exc_info()[1] if exc_info is True else exc_info
    return found if isinstance(found, BaseException) else None


def _place(exception: BaseException) -> tuple[str, str, int]:
    """Name an exception by its class and the line that raised it."""
    step = exception.__traceback__
    if step is None:
        return type(exception).__name__, "", 0
    while step.tb_next is not None:
        step = step.tb_next
    return type(exception).__name__, step.tb_frame.f_code.co_filename, step.tb_lineno
