"""How many wrong links are answered: of one address, and of all together."""

from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import Request as HttpRequest

from bus.domain.wrong_tries import WrongTries


@dataclass(frozen=True, slots=True)
class LinkTries:
    """Counts links that open nothing; a right one is never held up."""

    by_address: WrongTries = field(default_factory=WrongTries)
    by_all: WrongTries = field(default_factory=lambda: WrongTries(rate_per_s=5.0, burst_s=60.0))

    def take(self, http: HttpRequest, now: datetime) -> int:
        """Count a wrong link, and give 0; where there were too many, the seconds until the next one."""
        address = http.client.host if http.client else ""
        return self.by_address.take(address, now) or self.by_all.take("", now)
