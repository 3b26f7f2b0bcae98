"""One request per idempotency key at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from bus.gateway.problems import HttpProblem
from bus.intake.command_ids import NAME


class InFlight:
    """What this process is deciding right now."""

    def __init__(self) -> None:
        """Begin empty."""
        self._claimed: set[object] = set()

    @contextmanager
    def claim(self, what: object) -> Iterator[None]:
        """Hold a key until the block ends. Raises HttpProblem (409) when another request holds it."""
        if what in self._claimed:
            zh, en = "同一幂等键的请求正在处理,请稍后重试", "a request with this key is being decided; retry shortly"
            raise HttpProblem(409, "in_flight", NAME, (zh, en), {"Retry-After": "1"})
        self._claimed.add(what)
        try:
            yield
        finally:
            self._claimed.discard(what)
