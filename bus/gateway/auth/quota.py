"""A quota of requests per client, so that one of them starves nobody."""

from dataclasses import dataclass, field
from math import ceil
from time import monotonic

from bus.domain import token_bucket
from bus.domain.text import Text
from bus.gateway.http.problems import HttpProblem

BURST_S = 2.0


@dataclass(slots=True)
class Quota:
    """Each client may make so many requests a second, with a burst of two seconds' worth."""

    rate_per_s: float
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)  # tokens, and as of when

    def take(self, client: str) -> None:
        """Count a request. Raises HttpProblem (429) with when to come again."""
        now = monotonic()
        tokens, at = self._left.get(client, (self.rate_per_s * BURST_S, now))
        tokens = token_bucket.filled(tokens, now - at, rate_per_s=self.rate_per_s, burst_s=BURST_S)
        if tokens < 1:
            self._left[client] = (tokens, now)
            text = Text(f"请求超过每秒 {self.rate_per_s:g} 次", f"more than {self.rate_per_s:g} requests a second")
            wait_s = ceil((1 - tokens) / self.rate_per_s)
            raise HttpProblem(429, "too_many_requests", "Authorization", text, {"Retry-After": str(wait_s)})
        self._left[client] = (token_bucket.taken(tokens, 1), now)
