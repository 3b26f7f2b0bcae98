"""Telling a repeated record from news: a relay that crashed may repeat its last records bit for bit."""

from collections import OrderedDict

from bus.kafka.tail_reader import Partition
from bus.outbox.relay import SHARD_ROWS_MAX

# A pass is repeated whole, and what was committed late with a lower number may push its end into the pass after it.
REPEAT_RECORDS_MAX = 2 * SHARD_ROWS_MAX
"""How far back in a partition a repeat may reach."""


class Dedup:
    """Remembers the last REPEAT_RECORDS_MAX events met, per place.

    An event repeated from further back is sent again: it was republished on purpose.
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._met: dict[Partition, OrderedDict[tuple[str, int], None]] = {}

    def repeated(self, place: Partition, ticket_id: str, version: int) -> bool:
        """Say whether this was met lately, and remember it. A record that names no event never was."""
        if not ticket_id or version < 1:
            return False
        met, key = self._met.setdefault(place, OrderedDict()), (ticket_id, version)
        known = key in met
        met[key] = None
        met.move_to_end(key)
        if len(met) > REPEAT_RECORDS_MAX:
            met.popitem(last=False)
        return known
