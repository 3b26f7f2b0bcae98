"""How often an address may try what is wrong, such as a token or the key of a link; time is an argument."""

from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Final

from bus.domain import token_bucket

ADDRESSES_MAX: Final = 10_000  # of which it is known; beyond, the one that tried longest ago is forgotten


@dataclass(slots=True)
class WrongTries:
    """Counts tries by address: ten at once, then one in six seconds, unless made otherwise."""

    rate_per_s: float = 1 / 6
    burst_s: float = 60.0
    _left: dict[str, tuple[float, datetime]] = field(default_factory=dict)  # tries, and as of when

    def take(self, address: str, now: datetime) -> int:
        """Count a try, and give 0; where none is left, the seconds until the next one."""
        tries, at = self._left.pop(address, (self.rate_per_s * self.burst_s, now))
        elapsed_s = max(0.0, (now - at).total_seconds())
        tries = token_bucket.filled(tries, elapsed_s, rate_per_s=self.rate_per_s, burst_s=self.burst_s)
        self._left[address] = (token_bucket.taken(tries, 1) if tries >= 1 else tries, now)
        if len(self._left) > ADDRESSES_MAX:
            del self._left[next(iter(self._left))]
        return 0 if tries >= 1 else ceil((1 - tries) / self.rate_per_s)

    def give_back(self, address: str) -> None:
        """Count the last try for none: its token was right, or nobody could say."""
        if address in self._left:
            tries, at = self._left[address]
            self._left[address] = (tries + 1, at)
