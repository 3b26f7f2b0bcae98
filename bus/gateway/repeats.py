"""Telling a repeated record from news: a relay that crashed may repeat its last records bit for bit."""

from collections import OrderedDict

from bus.gateway.log_source import Place

REPEAT_RECORDS_MAX = 1000
"""How far back in a partition a repeat may reach: the relay's bound."""


class Repeats:
    """Remembers the last version of each ticket met lately, per place; what is not newer is a repeat.

    A ticket whose first record lies within the last REPEAT_RECORDS_MAX records is among as many tickets met last.
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._versions: dict[Place, OrderedDict[str, int]] = {}

    def repeated(self, place: Place, ticket_id: str, version: int) -> bool:
        """Say whether this was met before, and remember it."""
        met = self._versions.setdefault(place, OrderedDict())
        last = met.get(ticket_id, 0)
        met[ticket_id] = max(last, version)
        met.move_to_end(ticket_id)
        if len(met) > REPEAT_RECORDS_MAX:
            met.popitem(last=False)
        return version <= last
