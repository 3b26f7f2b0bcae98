"""A source's own list of its tickets: one ticket of it, the port that adapters implement, and what goes wrong."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

from bus.domain.commands import OpenTicket
from bus.domain.errors import Transient
from bus.domain.terms import State
from bus.domain.text import Text
from bus.intake.source_adapter import Source

_ENDED: Final = frozenset({State.RESOLVED, State.CLOSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTicket:
    """A ticket as its source lists it: its number there, when it was opened there (aware, UTC), what can be compared.

    `fields`: by name in `COMPARED`, in the bus's words; what the source does not tell is left out. `opening`: the
    command that opens it here, or else `unopenable` says why there is none.
    """

    number: str
    at: datetime
    fields: Mapping[str, str] = field(default_factory=dict)
    opening: OpenTicket | None = None
    unopenable: Text | None = None

    @property
    def ended(self) -> bool:
        """Say whether the source has resolved or closed it: nobody waits for it any more."""
        return self.fields.get("state") in _ENDED


COMPARED = ("state", "type", "region")
"""What a source and the bus can differ in."""


class ListUnavailable(Transient):
    """The source's list was not read to its end, or not in a form that can be judged: nothing is known by it."""

    def __init__(self, text: Text) -> None:
        none = Text(f"清单不完整,未作判断:{text.zh}", f"the list is not whole, nothing was judged: {text.en}")
        super().__init__(str(none))
        self.text = none


@runtime_checkable
class ListingSource(Source, Protocol):
    """A source that can be asked what it has: the optional half of a source adapter."""

    def listed(self, since: datetime, until: datetime) -> AsyncGenerator[Sequence[ListedTicket], None]:
        """Give, page by page, every ticket that was opened at the source from `since` on and before `until`.

        Pages may overlap and come in any order; of a ticket that comes twice the later one counts. Either the whole
        list comes, or it raises ListUnavailable: a page that fails is asked for again a few times. Bounded in time,
        bytes and pages; asks the source for nothing but reading. Raises ListUnavailable and nothing else.
        """
        ...
