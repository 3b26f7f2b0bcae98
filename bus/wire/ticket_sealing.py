"""Seals the events of a batch, between deciding and folding (R50). Pure but for the keys that it makes."""

from collections.abc import Mapping
from functools import partial
from typing import TypeVar

from bus.domain.events import Event, PersonalDataErased
from bus.domain.personal import with_personal
from bus.domain.terms import TicketId
from bus.wire.sealing import DataKey, is_sealed, new_key, sealer

Record = TypeVar("Record")


class TicketSealing:
    """Seals the events of a batch: by the key of each ticket, or a new one where it has none."""

    def __init__(self, keys: Mapping[str, DataKey]) -> None:
        self._sealers = {about: sealer(one, about) for about, one in keys.items()}
        self.made: list[tuple[str, DataKey]] = []
        self.erased: list[TicketId] = []

    def seal(self, ticket_id: TicketId, event: Event) -> Event:
        """Give an event with its personal texts sealed."""
        if isinstance(event, PersonalDataErased):
            self._sealers.pop(ticket_id, None)
            self.made = [one for one in self.made if one[0] != ticket_id]
            self.erased.append(ticket_id)
            return event
        return with_personal(event, self._sealers.get(ticket_id) or partial(self._first, ticket_id))

    def seal_clear(self, ticket_id: str, record: Record) -> Record:
        """Give an event, or another record, with those of its personal texts sealed that are not yet."""
        return with_personal(record, lambda text: text if is_sealed(text.encode()) else self._first(ticket_id, text))

    def _first(self, ticket_id: str, text: str) -> str:
        """Seal a text of a ticket that may have no key yet."""
        if ticket_id not in self._sealers:
            one = new_key()
            self.made.append((ticket_id, one))
            self._sealers[ticket_id] = sealer(one, ticket_id)
        return self._sealers[ticket_id](text)
