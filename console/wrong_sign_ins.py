"""How often an address may give a wrong token: ten times at once, then once in six seconds."""

from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Final

from bus.domain import token_bucket

RATE_PER_S: Final = 1 / 6
BURST_S: Final = 60.0
ADDRESSES_MAX: Final = 10_000  # of which it is known; beyond, the one that tried longest ago is forgotten


@dataclass(slots=True)
class WrongSignIns:
    """Counts tries by address; a try that was not wrong is given back."""

    _left: dict[str, tuple[float, datetime]] = field(default_factory=dict)  # tries, and as of when

    def take(self, address: str, now: datetime) -> int:
        """Count a try, and give 0; where none is left, the seconds until the next one."""
        tries, at = self._left.pop(address, (RATE_PER_S * BURST_S, now))
        elapsed_s = max(0.0, (now - at).total_seconds())
        tries = token_bucket.filled(tries, elapsed_s, rate_per_s=RATE_PER_S, burst_s=BURST_S)
        self._left[address] = (token_bucket.taken(tries, 1) if tries >= 1 else tries, now)
        if len(self._left) > ADDRESSES_MAX:
            del self._left[next(iter(self._left))]
        return 0 if tries >= 1 else ceil((1 - tries) / RATE_PER_S)

    def give_back(self, address: str) -> None:
        """Count the last try for none: its token was right, or nobody could say."""
        if address in self._left:
            tries, at = self._left[address]
            self._left[address] = (tries + 1, at)
