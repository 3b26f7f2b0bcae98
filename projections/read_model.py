"""The shape of a read model: a pure fold per ticket, and how its row is written to tables and read back."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from bus.domain.events import Recorded
from bus.domain.terms import TicketId
from bus.domain.ticket import Ticket, evolve
from bus.wire.codec import ticket_from_json, ticket_json

Row = TypeVar("Row")
Result = TypeVar("Result")
Written = Mapping[str, Any]
KEPT = 4_000  # results; the read models of a stage are given the same events one after the other
FOLDED = "folded::text"  # the ticket as JSON text: read at once, not by way of Python's own lists and dicts


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table and its key; `volatile` columns are not the log's to tell and belong to no comparison."""

    name: str
    key: tuple[str, ...]
    volatile: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModel(Generic[Row]):
    """`project` folds one event into a ticket's row: a version known already gives the row back unchanged.

    The first table is keyed by ticket_id; a row is read back from its columns (or expressions) `stored` by `read`.
    `write` gives the records to put into each table when a row goes from what is stored to what it is now, the columns
    always the same.
    """

    name: str
    tables: tuple[Table, ...]
    project: Callable[[Row | None, Recorded], Row | None]
    stored: tuple[str, ...]
    read: Callable[[TicketId, Sequence[Any]], Row]
    write: Callable[[Row | None, Row], Mapping[str, Sequence[Written]]]


def shared(function: Callable[..., Result]) -> Callable[..., Result]:
    """Let read models share the results of a pure function: for the very same arguments it is called once.

    What is the same is told by identity, which costs less than to compare; a result that was kept keeps its arguments.
    """
    # Not a dict: to find its oldest key it goes over all that were deleted before it.
    results = OrderedDict[tuple[int, ...], tuple[tuple[Any, ...], Result]]()

    def sharing(*arguments: Any) -> Result:
        key = tuple(map(id, arguments))
        if (known := results.get(key)) is not None:
            return known[1]
        result = function(*arguments)
        if len(results) >= KEPT:
            results.popitem(last=False)
        results[key] = arguments, result
        return result

    return sharing


_evolved = shared(evolve)
folded_json = shared(ticket_json)
_ticket_of = lru_cache(maxsize=KEPT)(ticket_from_json)


def fold(ticket: Ticket | None, recorded: Recorded) -> Ticket:
    """Fold one event into the ticket itself; a repeat changes nothing, a gap is VersionMissing."""
    if ticket is not None and recorded.version <= ticket.version:
        return ticket
    return _evolved(ticket, recorded)


def read_folded(_: TicketId, stored: Sequence[Any]) -> Ticket:
    """Read the ticket back from FOLDED."""
    return _ticket_of(stored[0])
