"""Waiting for a condition of another process, with a limit."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], *, limit_s: float = 120.0) -> None:
    """Return once the condition holds; fail after the limit."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < limit_s, f"still not so after {limit_s} s"
        time.sleep(0.05)
